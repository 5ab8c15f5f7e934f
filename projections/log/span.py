"""From what people call a place on the log, a time, a position or a request, to sequences of one stream."""

from __future__ import annotations

from contextlib import aclosing

import msgspec

from projections.log.connection import LogConnection
from projections.log.reader import StreamReader, last_sequence
from projections.log.trail import trail
from schemas.errors import NotFound


class Span(msgspec.Struct, frozen=True):
    """Part of a stream, both ends inclusive; empty when `last` is before `first`."""

    stream: str
    first: int
    last: int

    def __len__(self) -> int:
        return max(self.last - self.first + 1, 0)


async def first_at(connection: LogConnection, stream: str, time_us: int) -> int:
    """Sequence of the first message stored at a time or later, by the clock of the log; 0 when there is none yet.

    Raises:
        NotFound: the stream does not exist.
    """
    reader = StreamReader(connection, stream, start_time_us=max(time_us, 1), batch=1)
    async with aclosing(reader.batches(follow=False)) as found:
        async for batch in found:
            return batch[0].sequence
    return 0


async def last_at(connection: LogConnection, stream: str, time_us: int) -> int:
    """Sequence of the last message stored until a time; 0 when there is none. Raises as `first_at`."""
    later = await first_at(connection, stream, time_us + 1)
    return later - 1 if later else await last_sequence(connection, stream)


async def span_of(connection: LogConnection, request_id: str) -> Span:
    """From the first to the last fact of a request on TRAFFIC.

    Raises:
        ValueError: the id is not a UUIDv7.
        NotFound: TRAFFIC has no fact of it.
    """
    found = await trail(connection, request_id, 0, 0, far=True)
    if not found:
        raise NotFound(f"TRAFFIC has no fact of the request {request_id}, or no more")
    return Span("TRAFFIC", found[0][0].sequence, found[-1][0].sequence)
