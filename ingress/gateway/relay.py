"""A provider's stream on its way to the caller: what each event says, what passes, what the answer was. Sans-I/O."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from ingress.codecs.codec import Malformed
from ingress.codecs.openai_chat import parse_chunk
from ingress.codecs.passage import Crossing, Looking, Step
from ingress.codecs.sse import SseError, SseParser
from ingress.gateway.screening import StreamScreening
from schemas.facts.traffic import Usage

MAX_KEPT_CHARACTERS = 16 * 1024 * 1024


class Event(Protocol):
    """One event of a stream, of any framing."""

    @property
    def data(self) -> bytes: ...

    @property
    def raw(self) -> bytes: ...

    @property
    def event(self) -> bytes: ...


class Parser(Protocol):
    """Takes a stream's bytes apart into its events."""

    def feed(self, data: bytes) -> Sequence[Event]: ...


class Relay:
    """Takes the provider's bytes and gives what to pass on, event by event. Any chunking gives the same answer.

    Between two sides that speak OpenAI's chat completions the events pass as they are, but for the extra one with the
    usage, which only those get who asked for it. Every other pair of protocols has a passage.
    """

    def __init__(self, screening: StreamScreening, include_usage: bool, *, keep: bool, stops: bool = True) -> None:
        """
        Args:
            stops: whether a rule that blocks ends the stream; else its hits are only recorded.
        """
        self._parser: Parser = SseParser()
        self._screening = screening
        self._include_usage = include_usage
        self._keep = keep
        self._stops = stops
        self._passage: Looking | Crossing | None = None
        self._lanes: dict[str, list[str]] = {}
        self._kept = 0
        self.usage: Usage | None = None
        self.finish_reason = ""
        self.output_bytes = 0
        """UTF-8 bytes of the texts so far, to estimate the usage of an answer that was broken off."""
        self.done = False
        """Whether the end mark has been passed on."""
        self.blocked = False
        self.failed = False
        """Whether the provider's stream told of an error, or was not understood."""

    def through(self, passage: Looking | Crossing, parser: Parser | None = None) -> None:
        """Says how the two sides speak, before anything is fed.

        Args:
            parser: takes the provider's bytes apart where they are no server-sent events.
        """
        self._passage = passage
        if parser is not None:
            self._parser = parser

    def feed(self, data: bytes) -> bytes:
        """What to pass on for these bytes. Once `blocked` or `failed`, nothing more should be fed."""
        passed: list[bytes] = []
        passage = self._passage
        try:
            for event in self._parser.feed(data):
                if passage is not None:
                    self._read(event.event.decode("utf-8", "replace"), event.data, event.raw, passed)
                elif self._take(event.data):
                    passed.append(event.raw)
                if self.blocked or self.failed:
                    break
        except (SseError, Malformed):
            self.failed = True
        return b"".join(passed)

    def _read(self, event: str, data: bytes, raw: bytes, passed: list[bytes]) -> None:
        assert self._passage is not None
        self._step(self._passage.read(event, data, raw), passed)

    def end(self) -> bytes:
        """What to pass on when the provider's bytes have ended; most protocols say by themselves that they have."""
        passed: list[bytes] = []
        if self._passage is not None and not (self.done or self.blocked or self.failed):
            self._step(self._passage.end(), passed)
        return b"".join(passed)

    def _step(self, step: Step, passed: list[bytes]) -> None:
        """Takes in what one event came to."""
        if step.usage is not None:
            self.usage = step.usage
        if step.finish_reason:
            self.finish_reason = step.finish_reason
        for frame in step.frames:
            for lane, piece in frame.texts:
                if not self._passes(lane, piece):
                    return
            passed.append(frame.raw)
        self.failed = step.failed
        self.done = self.done or step.done

    def _passes(self, lane: str, piece: str) -> bool:
        """Screens a piece of text and keeps it; false when a rule says that the answer must stop before it."""
        self.output_bytes += len(piece.encode("utf-8", "surrogatepass"))
        if self._screening.push(lane, piece) and self._stops:
            self.blocked = True
            return False
        if self._keep:
            self._keep_piece(lane, piece)
        return True

    def _keep_piece(self, lane: str, piece: str) -> None:
        if self._kept < MAX_KEPT_CHARACTERS:
            self._kept += len(piece)
            self._lanes.setdefault(lane, []).append(piece)

    def _take(self, data: bytes) -> bool:
        """Looks at one event; whether it is passed on."""
        chunk = parse_chunk(data)
        if chunk.done:
            self.done = True
            return True
        if chunk.error:
            self.failed = True
            return False
        if chunk.usage is not None:
            self.usage = chunk.usage
        if chunk.finish_reason:
            self.finish_reason = chunk.finish_reason
        for lane, piece in chunk.texts:
            if not self._passes(lane, piece):
                return False
        return not chunk.usage_only or self._include_usage

    def lanes(self) -> dict[str, str]:
        """The texts so far, by lane, if they are kept."""
        return {lane: "".join(pieces) for lane, pieces in self._lanes.items()}

    def kept(self) -> bytes:
        """The answer's texts by lane as JSON, for the record."""
        return msgspec.json.encode(
            {
                "object": "chat.completion.stream",
                "finish_reason": self.finish_reason,
                "texts": {lane: "".join(pieces) for lane, pieces in self._lanes.items()},
            }
        )
