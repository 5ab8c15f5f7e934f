"""What a caller says that a wire format cannot: collected while a request is written."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ingress.codecs.fields import decode_object
from schemas.conversation.ask import Conversation, Embed, Moderate, Rerank
from schemas.conversation.parts import Part, ToolCall

_UNSAID: tuple[object, ...] = (None, "", (), {}, [])
Ask = Conversation | Embed | Moderate | Rerank


class Losses:
    """Names of what was dropped, each once, in order."""

    def __init__(self) -> None:
        self._names: dict[str, None] = {}

    def drop(self, name: str) -> None:
        self._names[name] = None

    def unless_unsaid(self, ask: Ask, *fields: str) -> None:
        """Drops each of these fields that the caller said something in; `other` by the names inside it."""
        for field in fields:
            value = getattr(ask, field)
            if field == "other":
                for name in value:
                    self.drop(name)
            elif value not in _UNSAID:
                self.drop(field)

    def names(self) -> tuple[str, ...]:
        return tuple(self._names)


def arguments_of(call: ToolCall, losses: Losses) -> dict[str, Any]:
    """What a model wrote as arguments, for protocols that take an object and nothing else."""
    value = decode_object(call.arguments)
    if value is None:
        losses.drop("tool_call.arguments")
        return {}
    return value


def say_own(body: dict[str, Any], ask: Ask, protocol: str, losses: Losses) -> None:
    """Puts the words that only the caller's protocol has back into a body of it; in any other they are dropped."""
    if ask.origin != protocol:
        losses.unless_unsaid(ask, "other")
        return
    for name, value in ask.other.items():
        found = body.get(name)
        if isinstance(found, list) and isinstance(value, list):
            body[name] = [*found, *value]
        elif isinstance(found, dict) and isinstance(value, dict):
            body[name] = {**found, **value}
        else:
            body[name] = value


def parts_of(conversation: Conversation) -> Iterator[Part]:
    for message in conversation.messages:
        yield from message.parts
