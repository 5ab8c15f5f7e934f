"""How far the views in Postgres have got, and whether Postgres answers at all. For those who watch."""

from __future__ import annotations

from typing import Any

import asyncpg

from projections.postgres.migrate import quoted
from projections.postgres.pool import LIVE, outage


async def check(pool: asyncpg.Pool[Any]) -> None:
    """Returns when Postgres has answered. Raises Rejected when it does not."""
    async with outage("postgres"):
        await pool.fetchval("SELECT 1")


async def positions(pool: asyncpg.Pool[Any]) -> list[tuple[str, str, int]]:
    """(sink, stream, sequence) of every view; of several partitions the one that is furthest behind.

    Raises:
        Rejected: Postgres does not answer, or no view has been made yet.
    """
    async with outage("postgres"):
        found = await pool.fetch(
            f"SELECT sink, stream, min(sequence) AS sequence FROM {quoted(LIVE)}.position GROUP BY sink, stream"
        )
    return [(row["sink"], row["stream"], row["sequence"]) for row in found]
