"""Everything the log says about one request, in order."""

from __future__ import annotations

from projections.log.connection import LogConnection
from projections.log.reader import Message, StreamReader
from schemas.codec import Malformed, decode_segment, open_fact
from schemas.envelope import Fact, Position
from schemas.facts.traffic import TERMINALS, Terminal
from schemas.ids import millis_of

STREAM = "TRAFFIC"
_SKEW_MS = 5_000
"""The gateway's clock, which is in the id, may be ahead of the server's, which is in the message."""


_FAR_MS = 9_000_000
"""How far ahead it may be if nothing is found: an hour, whatever the server's does, and as much again."""


async def trail(
    connection: LogConnection, request_id: str, first: int, last: int, *, far: bool = False
) -> list[tuple[Position, Fact]]:
    """The facts of a request in TRAFFIC.

    Args:
        first: sequence of the segment with its accepted-fact; 0 when unknown: then reading begins at the time in the
            id, which costs more.
        last: sequence of the segment with its terminal fact; 0 when unknown: then reading ends there or where the
            stream ends now.
        far: look hours before that time when nothing is found, which takes a while.

    Raises:
        ValueError: `first` is 0 and the id is not a UUIDv7.
        NotFound: the stream does not exist.
    """
    found = await segments_with(connection, request_id, first, last, far=far)
    return [(Position(STREAM, message.sequence), fact) for message, facts in found for fact in facts]


async def segments_with(
    connection: LogConnection, request_id: str, first: int = 0, last: int = 0, *, far: bool = False
) -> list[tuple[Message, list[Fact]]]:
    """The segments that tell of a request, each with its facts of it. Arguments and errors as of `trail`."""
    if first:
        return await _from(StreamReader(connection, STREAM, start=first), request_id, last)
    found: list[tuple[Message, list[Fact]]] = []
    for skew_ms in (_SKEW_MS, _FAR_MS) if far else (_SKEW_MS,):
        since_us = max(millis_of(request_id) - skew_ms, 1) * 1000
        found = await _from(StreamReader(connection, STREAM, start_time_us=since_us), request_id, last)
        if found:
            break
    accepted = _accepted_at(found)
    if 0 < accepted < (found[0][0].sequence if found else 0):
        # the request lasted, and the clock was ahead: its end says where it begins
        return await _from(StreamReader(connection, STREAM, start=accepted), request_id, last)
    return found


async def _from(reader: StreamReader, request_id: str, last: int) -> list[tuple[Message, list[Fact]]]:
    needle = request_id.encode()
    found: list[tuple[Message, list[Fact]]] = []
    async for batch in reader.batches(follow=False, until=last or None):
        for message in batch:
            if needle not in message.payload:
                continue
            try:
                segment = decode_segment(message.payload)
            except Malformed:
                continue  # `verify` reports it; a trail shows what can be read
            facts = [fact for fact in segment.facts if fact.correlation == request_id]
            if facts:
                found.append((message, facts))
            if not last and any(fact.type in TERMINALS for fact in facts):
                return found
    return found


def _accepted_at(found: list[tuple[Message, list[Fact]]]) -> int:
    """Where a request's end says that it was accepted; 0 when that is not known."""
    for fact in (fact for _, facts in found for fact in facts if fact.type in TERMINALS):
        try:
            end = open_fact(fact)
        except Malformed:
            continue
        if isinstance(end, Terminal):
            return end.accepted_sequence
    return 0
