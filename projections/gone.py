"""What retentions have removed from the views, as the log tells it: rows that are missing for a reason. Only reads."""

from __future__ import annotations

from projections.log.connection import LogConnection
from projections.log.facts import facts_on
from schemas import subjects
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
    async for fact, data in facts_on(connection, "OPS", subjects.ops(KIND)):
        for one in data.removed if isinstance(data, RetentionApplied) else ():
            key = fact.tenant, one.kind
            found[key] = max(found.get(key, 0), one.before_us)
    return found
