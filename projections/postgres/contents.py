"""Contents of the views in Postgres, to prove that two of them are the same."""

from __future__ import annotations

from typing import Any

import asyncpg

from projections.content import ContentHash, Contents
from projections.postgres.migrate import columns_of, quoted
from projections.postgres.pool import LIVE, outage
from projections.rows import FINDINGS, TRAFFIC

_COLUMNS = {
    "traffic_event": columns_of(column.name for column in TRAFFIC),
    "finding": columns_of(column.name for column in FINDINGS),
    "spend": "tenant, day, key_id, account, model, requests, input_tokens, output_tokens, cost_micros",
    "config_current": "tenant, aggregate, id, version, sequence, time_us, actor, removed, spec::text",
}
_PREFETCH = 2_000


async def content_hash(pool: asyncpg.Pool[Any], schema: str = LIVE) -> dict[str, Contents]:
    """Every table's contents at one moment.

    Raises:
        Rejected: Postgres does not answer, or a table is missing.
    """
    found = {}
    async with (
        outage("postgres"),
        pool.acquire() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        for table, columns in _COLUMNS.items():
            hashed = ContentHash()
            query = f"SELECT {columns} FROM {quoted(schema)}.{table}"
            async for row in connection.cursor(query, prefetch=_PREFETCH):
                hashed.add((row,))
            found[table] = hashed.contents
    return found
