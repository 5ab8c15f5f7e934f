"""What a writer must know before it speaks after a silence, or for one that is dead: what the log has of it, and which
of its requests were closed meanwhile. Reads."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from projections.log.api import ApiError
from projections.log.chain import Chain
from projections.log.connection import LogConnection
from projections.log.reader import StreamReader
from schemas.codec import Malformed, Written, decode_head, decode_segment, open_fact, segment_hash
from schemas.errors import NotFound, Unavailable
from schemas.facts.traffic import RequestAbandoned
from schemas.registry import NAME_OF

_log = logging.getLogger(__name__)

SILENT_S = 20.0
"""So long after the last segment that is known to be stored, a writer may have been taken for dead by the time the next
one is; well below what `processors.reconcile` waits, so that the difference bears a slow network."""
_SKEW_US = 9_000_000_000
"""How far the server's clock may be from ours, and ours from what it was, when the log is read by time: two hours and a
half, for clocks that are an hour off in either direction. Reading too much costs a moment only."""
_LONG_AGO_US = 3_600_000_000
"""Where to begin to look when it is not known where the last segment stands: later than any silence that is borne."""
_AGAIN_S = 1.0
_ABANDONED = NAME_OF[RequestAbandoned]
_Answer = TypeVar("_Answer")


async def for_certain(stream: str, ask: Callable[[], Awaitable[_Answer]]) -> _Answer:
    """Asks until the log answers: who does not know this must not go on to write."""
    while True:
        try:
            return await ask()
        except (Unavailable, ApiError, NotFound) as error:
            _log.warning("the log cannot be asked what it has stream=%s reason=%s", stream, error)
            await asyncio.sleep(_AGAIN_S)


async def find(connection: LogConnection, stream: str, chain: Chain, number: int, since_us: int) -> int:
    """Where something stands under the id of a segment of a chain; 0 for nowhere.

    Args:
        since_us: when it was first sent.

    Raises:
        Unavailable, ApiError, NotFound: the log cannot be read.
    """
    msg_id = chain.msg_id(number)
    async for batch in _reader(connection, stream, chain.base_sequence, since_us).batches(follow=False):
        for message in batch:
            if message.msg_id == msg_id:
                return message.sequence
    return 0


def is_of(chain: Chain, payload: bytes) -> bool:
    """Whether a message is a segment of a chain: its id alone does not say so, see `Chain.taken`."""
    try:
        head = decode_head(payload)
    except Malformed:
        return False
    return (head.writer, head.boot) == (chain.writer, chain.boot)


async def look_up(connection: LogConnection, stream: str, chain: Chain, first: Written) -> None:
    """Finds out where a chain stands that a former process left, and which of its facts are stored.

    Args:
        first: the first segment of it that is in a file; it follows what is stored when nothing else is known.

    Raises:
        Unavailable, ApiError, NotFound: the log cannot be read.
    """
    number, end, sequence = first.number - 1, first.previous, chain.base_sequence
    found: dict[str, int] = {}
    chain.taken.clear()
    prefix = f"{chain.writer}/{chain.boot}/"
    # the base itself, too: where it is of this chain, it is what comes before
    async for batch in _reader(connection, stream, max(chain.base_sequence - 1, 0), chain.since_us).batches(
        follow=False
    ):
        for message in batch:
            if not message.msg_id.startswith(prefix):
                continue
            if is_of(chain, message.payload):
                segment = decode_segment(message.payload)
                number, end, sequence = segment.number, segment_hash(message.payload), message.sequence
                # a segment is stored whole: one of its facts tells of all
                found |= dict.fromkeys((fact.id for fact in segment.facts[:1]), message.sequence)
            elif (used := message.msg_id.removeprefix(prefix).partition(".")[0]).isdecimal():
                chain.took(int(used))
    chain.number, chain.hash, chain.base_sequence, chain.found = number, end, sequence, found


async def closed_meanwhile(connection: LogConnection, stream: str, chain: Chain, through: int, now_us: int) -> set[str]:
    """Requests of a chain that somebody else has ended since it was last known not to be taken for dead.

    Args:
        through: where a segment of it stands: who closes requests has to have read it, so nothing of what came before
            it is closed any later.

    Raises:
        Unavailable, ApiError, NotFound: the log cannot be read.
    """
    reader = _reader(connection, stream, chain.clear_sequence, chain.since_us or now_us - _LONG_AGO_US)
    found: set[str] = set()
    async for batch in reader.batches(follow=False, until=through):
        for message in batch:
            # nearly all messages are of others and hold nothing of the kind
            if _ABANDONED.encode() in message.payload:
                found |= _closed(message.payload, chain)
    return found


def _reader(connection: LogConnection, stream: str, after: int, since_us: int) -> StreamReader:
    """Reads what came after a sequence; when that is 0, for not known, what came after a time of ours."""
    if after:
        return StreamReader(connection, stream, start=after + 1)
    return StreamReader(connection, stream, start_time_us=max(since_us - _SKEW_US, 1))


def _closed(payload: bytes, chain: Chain) -> set[str]:
    found = set()
    try:
        for fact in decode_segment(payload).facts:
            if fact.type == _ABANDONED:
                data = open_fact(fact)
                if isinstance(data, RequestAbandoned) and (data.writer, data.boot) == (chain.writer, chain.boot):
                    found.add(fact.correlation)
    except Malformed:
        return found  # whatever it is, it closes nothing
    return found
