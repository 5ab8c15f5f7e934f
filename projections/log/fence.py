"""What a writer must know before it speaks after a long silence: which of its requests were closed meanwhile. Reads."""

from __future__ import annotations

import asyncio
import logging

from projections.log.api import ApiError
from projections.log.connection import LogConnection
from projections.log.reader import StreamReader
from schemas.codec import Malformed, decode_segment, open_fact
from schemas.errors import NotFound, Unavailable
from schemas.facts.traffic import RequestAbandoned
from schemas.registry import NAME_OF

_log = logging.getLogger(__name__)

SILENT_S = 20.0
"""So long after the last segment that is known to be stored, a writer may have been taken for dead by the time the next
one is; well below what `processors.reconcile` waits, so that the difference bears a slow network."""
_LONG_AGO_US = 12_600_000_000
"""Where to begin to look when it is not known where the last segment stands: later than any silence that is borne, by a
clock that may be two hours and a half ahead of the log's (see `delivery`)."""
_AGAIN_S = 1.0
_ABANDONED = NAME_OF[RequestAbandoned]


async def closed_for_certain(
    connection: LogConnection, stream: str, writer: str, boot: str, after: int, through: int, now_us: int
) -> set[str]:
    """`closed_meanwhile`, asked until the log answers: who does not know this must not go on to write."""
    while True:
        try:
            return await closed_meanwhile(connection, stream, writer, boot, after, through, now_us - _LONG_AGO_US)
        except (Unavailable, ApiError, NotFound) as error:
            _log.warning("cannot look for requests closed meanwhile stream=%s reason=%s", stream, error)
            await asyncio.sleep(_AGAIN_S)


async def closed_meanwhile(
    connection: LogConnection, stream: str, writer: str, boot: str, after: int, through: int, since_us: int
) -> set[str]:
    """Requests of a boot that somebody else has ended.

    Args:
        after, through: sequences between which to look, the first exclusive. `through` is a segment of this boot: who
            closes requests has to have read it, so nothing of what came before it is closed any later.
        since_us: where to begin instead when `after` is 0, for not known.

    Raises:
        Unavailable, ApiError, NotFound: the log cannot be read.
    """
    if after:
        reader = StreamReader(connection, stream, start=after + 1)
    else:
        reader = StreamReader(connection, stream, start_time_us=max(since_us, 1))
    found: set[str] = set()
    async for batch in reader.batches(follow=False, until=through):
        for message in batch:
            # nearly all messages are of others and hold nothing of the kind
            if _ABANDONED.encode() in message.payload:
                found |= _closed(message.payload, writer, boot)
    return found


def _closed(payload: bytes, writer: str, boot: str) -> set[str]:
    found = set()
    try:
        for fact in decode_segment(payload).facts:
            if fact.type == _ABANDONED:
                data = open_fact(fact)
                if isinstance(data, RequestAbandoned) and (data.writer, data.boot) == (writer, boot):
                    found.add(fact.correlation)
    except Malformed:
        return found  # whatever it is, it closes nothing
    return found
