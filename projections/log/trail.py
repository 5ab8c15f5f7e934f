"""Everything the log says about one request, in order."""

from __future__ import annotations

from projections.log.connection import LogConnection
from projections.log.reader import StreamReader
from schemas.codec import Malformed, decode_segment
from schemas.envelope import Fact, Position
from schemas.facts.traffic import TERMINALS
from schemas.ids import millis_of

STREAM = "TRAFFIC"
_SKEW_MS = 5_000
"""The gateway's clock, which is in the id, may be ahead of the server's, which is in the message."""


async def trail(connection: LogConnection, request_id: str, first: int, last: int) -> list[tuple[Position, Fact]]:
    """The facts of a request in TRAFFIC.

    Args:
        first: sequence of the segment with its accepted-fact; 0 when unknown: then reading begins at the time in the
            id, which costs more.
        last: sequence of the segment with its terminal fact; 0 when unknown: then reading ends there or where the
            stream ends now.

    Raises:
        ValueError: `first` is 0 and the id is not a UUIDv7.
        NotFound: the stream does not exist.
    """
    if first:
        reader = StreamReader(connection, STREAM, start=first)
    else:
        reader = StreamReader(connection, STREAM, start_time_us=max(millis_of(request_id) - _SKEW_MS, 1) * 1000)
    needle = request_id.encode()
    found: list[tuple[Position, Fact]] = []
    async for batch in reader.batches(follow=False, until=last or None):
        for message in batch:
            if needle not in message.payload:
                continue
            try:
                segment = decode_segment(message.payload)
            except Malformed:
                continue  # `verify` reports it; a trail shows what can be read
            position = Position(STREAM, message.sequence)
            facts = [fact for fact in segment.facts if fact.correlation == request_id]
            found += [(position, fact) for fact in facts]
            if not last and any(fact.type in TERMINALS for fact in facts):
                return found
    return found
