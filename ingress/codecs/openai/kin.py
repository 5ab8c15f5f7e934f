"""What providers whose chat is nearly OpenAI's have in common: taking out, with its name, what they do not know."""

from __future__ import annotations

from typing import Any

import msgspec

from ingress.codecs.losses import Losses
from ingress.codecs.openai.chat_request_read import NAME
from schemas.conversation.ask import Conversation
from schemas.conversation.parts import Audio, File, Image, Part, Refusal, Text, ToolChoice, ToolResult

_EMPTY = Conversation(model="", messages=())
_NOT_ALWAYS = (Refusal, File, Audio, Image)


def without(conversation: Conversation, losses: Losses, *fields: str, own: tuple[str, ...]) -> Conversation:
    """The conversation without these fields; dropped are those in which something was said.

    Args:
        own: names that OpenAI's callers may add for this provider; of all others that nobody else knows, none goes on.
    """
    losses.unless_unsaid(conversation, *fields)
    kept: dict[str, Any] = {}
    for name, value in conversation.other.items():
        if conversation.origin == NAME and name in own:
            kept[name] = value
        else:
            losses.drop(name)
    changes = {field: getattr(_EMPTY, field) for field in fields}
    return msgspec.structs.replace(conversation, **changes, other=kept, origin=NAME)


def plain_roles(conversation: Conversation) -> Conversation:
    """Instructions of developers as those of the system."""
    if not any(message.role == "developer" for message in conversation.messages):
        return conversation
    messages = tuple(
        msgspec.structs.replace(message, role="system") if message.role == "developer" else message
        for message in conversation.messages
    )
    return msgspec.structs.replace(conversation, messages=messages)


def only_pictures(conversation: Conversation, losses: Losses) -> Conversation:
    """Contents as those take them who know texts and pictures and nothing besides."""
    if not any(isinstance(part, _NOT_ALWAYS) for message in conversation.messages for part in message.parts):
        return conversation
    messages = tuple(
        msgspec.structs.replace(message, parts=tuple(kept for part in message.parts if (kept := _kept(part, losses))))
        for message in conversation.messages
    )
    return msgspec.structs.replace(conversation, messages=messages)


def _kept(part: Part, losses: Losses) -> Part | None:
    match part:
        case Refusal(text=text):
            return Text(text)
        case File(text=text) if text:
            return part
        case File():
            losses.drop("file")
            return None
        case Audio():
            losses.drop("audio")
            return None
        case Image(detail=detail) if detail:
            losses.drop("image.detail")
            return msgspec.structs.replace(part, detail="")
    return part


def only_auto(conversation: Conversation, losses: Losses) -> Conversation:
    """A choice of tools as those take it who know no other than `auto`: `none` is to have no tools at all."""
    choice = conversation.tool_choice
    if choice is None or choice.mode == "auto" or not conversation.tools:
        return conversation
    called = any(isinstance(part, ToolResult) for message in conversation.messages for part in message.parts)
    if choice.mode == "none" and not called:
        return msgspec.structs.replace(conversation, tools=(), tool_choice=None)
    losses.drop("tool_choice")
    return msgspec.structs.replace(conversation, tool_choice=ToolChoice("auto"))
