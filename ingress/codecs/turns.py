"""What requests of Anthropic's API and of Bedrock's Converse have in common: turns, and a scale that ends."""

from __future__ import annotations

from typing import Any

import msgspec

from ingress.codecs.losses import Losses
from schemas.conversation.ask import Conversation
from schemas.conversation.parts import Message


def add_turn(turns: list[dict[str, Any]], message: Message, blocks: list[dict[str, Any]], losses: Losses) -> None:
    """Adds what a message was written as, if it says anything; turns of one role follow each other as one, since roles
    must take turns here and results of tools must come in one message."""
    role = "assistant" if message.role == "assistant" else "user"
    if message.role in ("system", "developer"):
        # there is one place for instructions, at the beginning
        losses.drop("messages.system_position")
    if message.name:
        losses.drop("messages.name")
    if not blocks:
        return
    if turns and turns[-1]["role"] == role:
        turns[-1]["content"] += blocks
    else:
        turns.append({"role": role, "content": blocks})


def addressed(conversation: Conversation, losses: Losses) -> Conversation:
    """The conversation with somebody to answer: where there is nothing but instructions, the last of them is what a
    user says, since a request without turns is refused."""
    messages = conversation.messages
    if not messages or any(message.role not in ("system", "developer") for message in messages):
        return conversation
    losses.drop("messages.system_position")
    last = msgspec.structs.replace(messages[-1], role="user")
    return msgspec.structs.replace(conversation, messages=(*messages[:-1], last))


def cooled(conversation: Conversation, losses: Losses) -> float | None:
    """The temperature, at most 1: the scale ends there."""
    if conversation.temperature is not None and conversation.temperature > 1:
        losses.drop("temperature")
        return 1.0
    return conversation.temperature
