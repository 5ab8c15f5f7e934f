"""Writes requests of Replicate's language models. Source: Replicate HTTP API, "Create a prediction" (official model).

Each model has its own fields; these are the ones that its language models share.
"""

from __future__ import annotations

from typing import Any

from ingress.codecs.codec import Encoded
from ingress.codecs.fields import put
from ingress.codecs.losses import Losses
from schemas.conversation.ask import Conversation
from schemas.conversation.parts import File, Message, Refusal, Text

NAME = "replicate"
_UNSAYABLE = (
    "tools", "tool_choice", "parallel_tool_calls", "format", "reasoning", "n", "logprobs", "top_logprobs", "user",
    "metadata", "service_tier", "safety", "other",
)  # fmt: skip
_SPEAKERS = {"user": "User", "assistant": "Assistant", "tool": "User", "system": "System", "developer": "System"}


def write_request(conversation: Conversation) -> Encoded:
    """`model` and `stream` stay in the body until the path is made of them."""
    losses = Losses()
    losses.unless_unsaid(conversation, *_UNSAYABLE)
    system: list[str] = []
    turns: list[tuple[str, str]] = []
    for message in conversation.messages:
        text = _text(message, losses)
        if message.role in ("system", "developer") and not turns:
            system.append(text)
        elif text:
            turns.append((_SPEAKERS.get(message.role, "User"), text))
    given: dict[str, Any] = {"prompt": _prompt(turns, losses)}
    # the sequences are one text here, with commas between them
    stops = [text for text in conversation.stop if "," not in text]
    if len(stops) < len(conversation.stop):
        losses.drop("stop")
    put(
        given,
        system_prompt="\n\n".join(text for text in system if text),
        max_tokens=conversation.max_output,
        temperature=conversation.temperature,
        top_p=conversation.top_p,
        top_k=conversation.top_k,
        presence_penalty=conversation.presence_penalty,
        frequency_penalty=conversation.frequency_penalty,
        seed=conversation.seed,
        stop_sequences=",".join(stops),
    )
    body: dict[str, Any] = {"model": conversation.model, "input": given}
    if conversation.stream:
        body["stream"] = True
    return Encoded(body, losses.names())


def _prompt(turns: list[tuple[str, str]], losses: Losses) -> str:
    """What one user says as it is; more than that as the minutes of a talk, which is not what models were taught."""
    if len(turns) == 1 and turns[0][0] == "User":
        return turns[0][1]
    losses.drop("messages.turns")
    return "\n\n".join([*(f"{speaker}: {text}" for speaker, text in turns), "Assistant:"])


def _text(message: Message, losses: Losses) -> str:
    if message.name:
        losses.drop("messages.name")
    texts = []
    if any(getattr(part, "cache", False) for part in message.parts):
        losses.drop("cache_control")
    for part in message.parts:
        match part:
            case Text(text=text) | Refusal(text=text) | File(text=text) if text:
                texts.append(text)
            case _:
                losses.drop(_NAMES.get(type(part).__name__, type(part).__name__.lower()))
    return "\n".join(texts)


_NAMES = {"ToolCall": "tool_call", "ToolResult": "tool_result"}
