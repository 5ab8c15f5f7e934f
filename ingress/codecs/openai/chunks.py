"""What the chunks of chat completions and of legacy completions have in common. What is in a choice is theirs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import msgspec

from ingress.codecs.codec import Malformed
from ingress.codecs.openai.chat_answer import read_error, read_usage
from ingress.codecs.partial import Growing
from schemas.conversation.answer import Begun, Ended, Event, Failed, Used

ENDED = Ended()
ChoiceT = TypeVar("ChoiceT")


class Chunk(msgspec.Struct, Generic[ChoiceT]):
    choices: list[ChoiceT] | None = None
    usage: Any = None
    error: Any = None
    id: str | None = None
    model: str | None = None
    created: int | float | None = None


class ChunkReader(ABC, Generic[ChoiceT]):
    """Chunks in, events out."""

    __slots__ = ("_begun", "_decode", "_growing", "_what")

    def __init__(self, decode: Callable[[bytes], Chunk[ChoiceT]], what: str) -> None:
        """
        Args:
            what: each event should be, for the error when one is not.
        """
        self._decode = decode
        self._what = what
        self._growing = Growing()
        self._begun = False

    def read(self, event: str, data: bytes) -> list[Event]:
        if data == b"[DONE]":
            return [ENDED]
        try:
            chunk = self._decode(data)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise Malformed(f"an event of the provider's stream is not a {self._what}") from None
        if chunk.error is not None:
            told = read_error(data)
            return [Failed(told.message, told.code)]
        events: list[Event] = []
        if not self._begun:
            self._begun = True
            events.append(Begun(chunk.id or "", chunk.model or "", int(chunk.created or 0)))
        for choice in chunk.choices or ():
            self._take(events, choice)
        if chunk.usage is not None and (usage := read_usage(chunk.usage)) is not None:
            events.append(Used(usage))
        return events

    @abstractmethod
    def _take(self, events: list[Event], choice: ChoiceT) -> None:
        """What one choice of a chunk says."""

    def end(self) -> list[Event]:
        """A stream of this format ends with `[DONE]`; one without has said all when its choices have finished."""
        return [ENDED] if self._growing.finished else []
