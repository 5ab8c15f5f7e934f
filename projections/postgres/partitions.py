"""Day partitions: made before the first row of their day arrives."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import asyncpg

from projections.postgres.migrate import lock_key, quoted
from projections.postgres.pool import outage

AHEAD_DAYS = 2
"""Days made ahead of the one that is needed, so that midnight finds its partition."""


class Partitions:
    """The partitions of one schema's tables. What was seen once is not asked for again until `forget`."""

    def __init__(self, pool: asyncpg.Pool[Any], schema: str) -> None:
        self._pool = pool
        self._schema = schema
        self._known: set[tuple[str, date]] = set()

    async def ensure(self, table: str, days: Iterable[date]) -> None:
        """Makes the partitions of a table that are not there; several processes may do so at once.

        Raises:
            Rejected: Postgres does not answer, or the table is missing.
        """
        wanted = sorted(day for day in set(days) if (table, day) not in self._known)
        if not wanted:
            return
        today = datetime.now(UTC).date()
        ahead = {today + timedelta(days=number) for number in range(AHEAD_DAYS + 1)} if wanted[-1] >= today else set()
        async with outage("postgres"), self._pool.acquire() as connection, connection.transaction():
            # alone with the schema: two makers of one partition would fail over each other
            await connection.execute("SELECT pg_advisory_xact_lock($1)", lock_key(self._schema))
            for day in sorted({*wanted, *ahead}):
                name = f"{table}_{day:%Y%m%d}"
                await connection.execute(
                    f"CREATE TABLE IF NOT EXISTS {quoted(self._schema)}.{quoted(name)} "
                    f"PARTITION OF {quoted(self._schema)}.{quoted(table)} "
                    f"FOR VALUES FROM ('{day}') TO ('{day + timedelta(days=1)}')"
                )
                self._known.add((table, day))

    def forget(self) -> None:
        """After the tables were made anew, or somebody dropped a partition."""
        self._known.clear()
