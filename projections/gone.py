"""What retentions have removed from the views, as the log tells it: rows that are missing for a reason. Only reads."""

from __future__ import annotations

from projections.log.connection import LogConnection
from projections.log.reader import StreamReader
from schemas import subjects
from schemas.codec import decode_segment, open_fact
from schemas.facts.ops import RetentionApplied

KIND = "retention"
"""Last token of the subject of these facts."""
Gone = dict[tuple[str, str], int]
"""By tenant and kind, see `Removed`: what is older than this time in microseconds has gone."""


async def gone(connection: LogConnection) -> Gone:
    """
    Raises:
        Unavailable: the log does not answer.
    """
    found: Gone = {}
    async for batch in StreamReader(connection, "OPS", subjects=(subjects.ops(KIND),)).batches(follow=False):
        for message in batch:
            for fact in decode_segment(message.payload).facts:
                data = open_fact(fact)
                if isinstance(data, RetentionApplied):
                    for one in data.removed:
                        key = fact.tenant, one.kind
                        found[key] = max(found.get(key, 0), one.before_us)
    return found
