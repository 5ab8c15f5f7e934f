"""Streams of ConverseStream. Source: Amazon Bedrock API reference, "ConverseStream" (ConverseStreamOutput)."""

from __future__ import annotations

from typing import Any

import msgspec

from ingress.codecs.bedrock.answer import read_error, read_finish, read_usage
from ingress.codecs.codec import Malformed
from schemas.conversation.answer import (
    Begun,
    Delta,
    Ended,
    Event,
    Failed,
    Finished,
    PartBegun,
    PartEnded,
    Signed,
    Used,
)


class _Use(msgspec.Struct):
    toolUseId: str = ""
    name: str = ""
    input: str = ""


class _Thought(msgspec.Struct):
    text: str = ""
    signature: str = ""
    redactedContent: str = ""


class _Piece(msgspec.Struct):
    """`start` and `delta` of a block."""

    text: str | None = None
    toolUse: _Use | None = None
    reasoningContent: _Thought | None = None


class _Event(msgspec.Struct):
    contentBlockIndex: int = 0
    start: _Piece | None = None
    delta: _Piece | None = None
    stopReason: str = ""
    usage: Any = None


_event = msgspec.json.Decoder(_Event).decode


class ConverseReader:
    """Messages of the event stream in, events of the conversation out. `event` is the type in a message's headers."""

    __slots__ = ("_ended", "_finished", "_known", "_next")

    def __init__(self) -> None:
        self._known: dict[int, tuple[int, str]] = {}
        """Index of an open block here -> number and kind of its part; only calls of tools have a start of their own."""
        self._next = 0
        self._finished = False
        self._ended = False

    def read(self, event: str, data: bytes) -> list[Event]:
        if event == "error" or event.endswith("Exception"):
            told = read_error(data)
            return [Failed(told.message, told.code or event)]
        try:
            told_event = _event(data)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise Malformed("a message of the provider's stream is not one of ConverseStream") from None
        match event:
            case "contentBlockDelta":
                return self._delta(told_event.contentBlockIndex, told_event.delta or _Piece())
            case "contentBlockStart":
                use = None if told_event.start is None else told_event.start.toolUse
                if use is None:
                    return []
                return self._begin(told_event.contentBlockIndex, "tool_call", use.toolUseId, use.name)
            case "contentBlockStop":
                return self._stop(told_event.contentBlockIndex)
            case "messageStart":
                return [Begun()]
            case "messageStop":
                self._finished = True
                return [*self._stop_all(), Finished(0, read_finish(told_event.stopReason) or "stop")]
            case "metadata":
                # the last of all
                usage = read_usage(told_event.usage)
                self._ended = True
                return [*([] if usage is None else [Used(usage)]), Ended()]
        return []

    def _begin(self, index: int, kind: str, id: str = "", name: str = "") -> list[Event]:
        """A new part; a block that changes its kind, or that another one follows, has ended."""
        ended = self._stop_all()
        part = self._next
        self._next += 1
        self._known[index] = (part, kind)
        return [*ended, PartBegun(0, part, kind, id, name)]

    def _stop(self, index: int) -> list[Event]:
        found = self._known.pop(index, None)
        return [] if found is None else [PartEnded(0, found[0])]

    def _stop_all(self) -> list[Event]:
        return [event for index in list(self._known) for event in self._stop(index)]

    def _delta(self, index: int, piece: _Piece) -> list[Event]:
        if piece.toolUse is not None:
            found = self._known.get(index)
            if found is None or found[1] != "tool_call":
                raise Malformed("arguments of a call in the provider's stream belong to no call")
            return [Delta(0, found[0], piece.toolUse.input)] if piece.toolUse.input else []
        if piece.text is not None:
            return self._grow(index, "text", piece.text)
        thought = piece.reasoningContent
        if thought is None:
            return []
        if thought.redactedContent:
            return self._grow(index, "encrypted", thought.redactedContent)
        events = self._grow(index, "thinking", thought.text)
        if thought.signature:
            events += self._grow(index, "thinking", "", begin=True)
            events.append(Signed(0, self._known[index][0], thought.signature))
        return events

    def _grow(self, index: int, kind: str, text: str, *, begin: bool = False) -> list[Event]:
        if not text and not begin:
            return []
        found = self._known.get(index)
        events = self._begin(index, kind) if found is None or found[1] != kind else []
        if text:
            events.append(Delta(0, self._known[index][0], text))
        return events

    def end(self) -> list[Event]:
        """A stream that was told how it finished has said all, even if its `metadata` never came."""
        return [Ended()] if self._finished and not self._ended else []
