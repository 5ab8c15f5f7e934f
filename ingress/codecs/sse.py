"""Server-sent events, sans-I/O: bytes in, events out, for any chunking. WHATWG HTML, section 9.2.6."""

from __future__ import annotations

import re

import msgspec

MAX_EVENT_BYTES = 16 * 1024 * 1024
SMALL_BYTES = 16 * 1024
"""So much is joined with whatever comes, which is quicker than to look whether it has to be."""
BOM = b"\xef\xbb\xbf"

# A lone CR at the end of the buffer counts as a line end; an LF that follows later is then a blank line of the next
# event, which changes nothing.
_END = re.compile(rb"(?:\r\n|\n|\r(?!\n))(?:\r\n|\n|\r)")
_LINE = re.compile(rb"\r\n|\n|\r")


class SseError(ValueError):
    """An event over the size limit."""


class SseEvent(msgspec.Struct, frozen=True, gc=False):
    """`data` without the field name, its lines joined by LF; `raw` is every byte since the event before."""

    data: bytes
    raw: bytes
    event: bytes = b""


class SseParser:
    """Give it bytes as they come; it gives back the events that are complete. Memory is bounded by the limit."""

    __slots__ = ("_aside", "_buffer", "_held", "_limit", "_started")

    def __init__(self, limit: int = MAX_EVENT_BYTES) -> None:
        self._buffer = b""
        self._held = bytearray()
        """What came after `_buffer` and ended nothing: joining each piece of a long event would take quadratic time."""
        self._aside = bytearray()
        """Comments and blank lines, until there is an event that they can travel with."""
        self._limit = limit
        self._started = False

    @property
    def pending(self) -> int:
        """Bytes of an event that has not ended; at the end of a stream they are lost, as the standard says."""
        return len(self._buffer) + len(self._held)

    def feed(self, data: bytes) -> list[SseEvent]:
        """The events that these bytes complete.

        Raises:
            SseError: an event is longer than the limit.
        """
        if self._started and data.endswith(b"\n\n") and not (self._buffer or self._held or self._aside):
            whole = _whole_events(data, self._limit)
            if whole is not None:
                return whole
        if self._started and not self._ends(data):
            self._held += data
            if self.pending > self._limit:
                raise SseError(f"an event is longer than {self._limit} bytes")
            return []
        if self._held:
            self._buffer += self._held
            self._held.clear()
        seen = len(self._buffer)
        buffer = self._buffer + data if seen else data
        if not self._started:
            if len(buffer) < 3 and BOM.startswith(buffer):
                self._buffer = buffer
                return []
            self._started = True
            if buffer.startswith(BOM):
                buffer = buffer[3:]
                seen = max(0, seen - 3)
        events: list[SseEvent] = []
        start = 0
        # an end may begin in what was there before, at most three bytes back
        search = max(0, seen - 3)
        while (end := _END.search(buffer, search)) is not None:
            block = buffer[start : end.start()]
            raw = buffer[start : end.end()]
            start = search = end.end()
            event = self._event(block, raw)
            if event is not None:
                events.append(event)
        self._buffer = buffer[start:] if start else buffer
        if len(self._buffer) > self._limit or len(self._aside) > self._limit:
            raise SseError(f"an event is longer than {self._limit} bytes")
        return events

    def _ends(self, data: bytes) -> bool:
        """Whether an event may end in what came now; an end has at most four bytes, the first of them may be here."""
        if b"\n" not in data and b"\r" not in data:
            return False
        if self.pending <= SMALL_BYTES:
            return True
        before = bytes(self._held[-3:]) if len(self._held) > 2 else self._buffer[-3:] + self._held
        return _END.search(before + data) is not None

    def _event(self, block: bytes, raw: bytes) -> SseEvent | None:
        if block.startswith(b"data: ") and b"\n" not in block and b"\r" not in block:
            return SseEvent(block[6:], self._whole(raw))
        lines: list[bytes] = []
        name = b""
        for line in _LINE.split(block):
            field, _, value = line.partition(b":")
            if value.startswith(b" "):
                value = value[1:]
            if field == b"data":
                lines.append(value)
            elif field == b"event":
                name = value
        if not lines:
            # comments and blank lines travel with the event that follows
            self._aside += raw
            return None
        return SseEvent(b"\n".join(lines), self._whole(raw), name)

    def _whole(self, raw: bytes) -> bytes:
        """An event's bytes behind those that wait for one."""
        if not self._aside:
            return raw
        raw = bytes(self._aside) + raw
        self._aside.clear()
        return raw


def _whole_events(data: bytes, limit: int) -> list[SseEvent] | None:
    """The events of bytes that are what nearly every read of a stream is: whole events of one data line each.

    None for anything else, which takes the long way: this one costs a third.
    """
    if b"\r" in data:
        return None
    events: list[SseEvent] = []
    for block in data[:-2].split(b"\n\n"):
        if not block.startswith(b"data: ") or b"\n" in block or len(block) > limit:
            return None
        events.append(SseEvent(block[6:], block + b"\n\n"))
    return events


def encode(data: bytes) -> bytes:
    """One event with this data, which must not contain line ends."""
    return b"data: " + data + b"\n\n"
