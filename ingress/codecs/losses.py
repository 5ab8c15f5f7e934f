"""What a conversation says that a wire format cannot: collected while a request is written."""

from __future__ import annotations

from collections.abc import Iterator

from schemas.conversation.ask import Conversation
from schemas.conversation.parts import Part

_UNSAID: tuple[object, ...] = (None, "", (), {}, [])


class Losses:
    """Names of what was dropped, each once, in order."""

    def __init__(self) -> None:
        self._names: dict[str, None] = {}

    def drop(self, name: str) -> None:
        self._names[name] = None

    def unless_unsaid(self, conversation: Conversation, *fields: str) -> None:
        """Drops each of these fields that the caller said something in; `other` by the names inside it."""
        for field in fields:
            value = getattr(conversation, field)
            if field == "other":
                for name in value:
                    self.drop(name)
            elif value not in _UNSAID:
                self.drop(field)

    def names(self) -> tuple[str, ...]:
        return tuple(self._names)


def parts_of(conversation: Conversation) -> Iterator[Part]:
    for message in conversation.messages:
        yield from message.parts
