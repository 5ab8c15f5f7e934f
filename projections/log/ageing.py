"""After how long a stream of the log may have forgotten a message, by what the log itself says. Only reads."""

from __future__ import annotations

from projections.log.connection import LogConnection
from projections.log.reader import StreamReader
from schemas.aggregates.retention import INSTALLATION, RetentionChanged, RetentionCreated
from schemas.codec import Malformed, decode_segment, open_fact
from schemas.topology import AGEING, DAY_S, STREAMS

CLOCKS_US = 7_200_000_000
"""Two clocks, each wrong by an hour."""
_NEVER_US = 2**62


async def shortest_age_us(connection: LogConnection, stream: str) -> int:
    """The shortest time that messages of a stream were ever to be kept. Its own configuration is not asked: whoever can
    take messages away can change that too.

    Raises:
        NotFound: CONFIG does not exist.
    """
    declared = {one.name: one.max_age_s for one in STREAMS}.get(stream, 0)
    ages = [declared] if declared else []
    if stream in AGEING:
        subject = f"config.{INSTALLATION}.retention.*"
        async for batch in StreamReader(connection, "CONFIG", subjects=(subject,)).batches(follow=False):
            for message in batch:
                ages += _ages_in(message.payload)
    return min(ages, default=_NEVER_US // 1_000_000) * 1_000_000


def _ages_in(payload: bytes) -> list[int]:
    try:
        said = [open_fact(fact) for fact in decode_segment(payload).facts]
    except Malformed:
        return []  # its chain says that it was changed
    days = [one.spec.facts_days for one in said if isinstance(one, RetentionCreated | RetentionChanged)]
    return [one * DAY_S for one in days if one]
