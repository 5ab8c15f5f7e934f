"""A provider's stream on its way to the caller: what each event says, what passes, what the answer was. Sans-I/O."""

from __future__ import annotations

import msgspec

from ingress.codecs.openai_chat import Malformed, parse_chunk
from ingress.codecs.sse import SseError, SseParser
from ingress.gateway.screening import StreamScreening
from schemas.facts.traffic import Usage

MAX_KEPT_CHARACTERS = 16 * 1024 * 1024


class Relay:
    """Takes the provider's bytes and gives what to pass on, event by event. Any chunking gives the same answer.

    The events pass as they are, but for the extra one with the usage, which only those get who asked for it.
    """

    def __init__(self, screening: StreamScreening, include_usage: bool, *, keep: bool) -> None:
        self._parser = SseParser()
        self._screening = screening
        self._include_usage = include_usage
        self._keep = keep
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

    def feed(self, data: bytes) -> bytes:
        """What to pass on for these bytes. Once `blocked` or `failed`, nothing more should be fed."""
        passed: list[bytes] = []
        try:
            for event in self._parser.feed(data):
                if self._take(event.data):
                    passed.append(event.raw)
                if self.blocked or self.failed:
                    break
        except (SseError, Malformed):
            self.failed = True
        return b"".join(passed)

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
            self.output_bytes += len(piece.encode("utf-8", "surrogatepass"))
            if self._screening.push(lane, piece):
                self.blocked = True
                return False
            if self._keep and self._kept < MAX_KEPT_CHARACTERS:
                self._kept += len(piece)
                self._lanes.setdefault(lane, []).append(piece)
        return not chunk.usage_only or self._include_usage

    def kept(self) -> bytes:
        """The answer's texts by lane as JSON, for the record."""
        return msgspec.json.encode(
            {
                "object": "chat.completion.stream",
                "finish_reason": self.finish_reason,
                "texts": {lane: "".join(pieces) for lane, pieces in self._lanes.items()},
            }
        )
