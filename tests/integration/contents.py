"""What the views hold, as one number for each table: equal contents give equal hashes, in any order. For tests only."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

import asyncpg
import msgspec

from projections.clickhouse.client import ClickHouse
from projections.clickhouse.tables import DIMENSIONS, ROLLUPS, SUMS
from projections.postgres.migrate import columns_of, quoted
from projections.postgres.pool import LIVE, outage
from projections.rows import FINDINGS, TRAFFIC, plain

_POSTGRES = {
    "traffic_event": columns_of(column.name for column in TRAFFIC),
    "finding": columns_of(column.name for column in FINDINGS),
    "spend": "tenant, day, key_id, account, model, requests, input_tokens, output_tokens, cost_micros",
    "config_current": "tenant, aggregate, id, version, sequence, time_us, actor, removed, spec::text",
}
_CLICKHOUSE = {
    "traffic_events": ", ".join(column.name for column in TRAFFIC),
    **{rollup: ", ".join((DIMENSIONS, *SUMS, "latency_us_max")) for rollup in ROLLUPS},
}
_PREFETCH = 2_000
_BITS = 128
_encode = msgspec.msgpack.Encoder(decimal_format="string").encode


class Contents(msgspec.Struct, frozen=True):
    rows: int
    hash: str
    """128 bits in hex: the sum of the hashes of all rows, so that a row that is there twice counts twice."""


class ContentHash:
    """Takes rows in any order. Rows are equal when their values are, column by column."""

    def __init__(self) -> None:
        self._rows = 0
        self._sum = 0

    def add(self, rows: Iterable[Sequence[Any]]) -> None:
        for row in rows:
            encoded = _encode([plain(value) for value in row])
            self._sum += int.from_bytes(hashlib.blake2b(encoded, digest_size=_BITS // 8).digest(), "big")
            self._rows += 1

    @property
    def contents(self) -> Contents:
        return Contents(self._rows, f"{self._sum % 2**_BITS:0{_BITS // 4}x}")


async def in_postgres(pool: asyncpg.Pool[Any]) -> dict[str, Contents]:
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
        for table, columns in _POSTGRES.items():
            hashed = ContentHash()
            query = f"SELECT {columns} FROM {quoted(LIVE)}.{table}"
            async for row in connection.cursor(query, prefetch=_PREFETCH):
                hashed.add((row,))
            found[table] = hashed.contents
    return found


async def in_clickhouse(store: ClickHouse) -> dict[str, Contents]:
    """Every view's contents; `traffic_events` has the hash of Postgres's `traffic_event`."""
    found = {}
    for view, columns in _CLICKHOUSE.items():
        hashed = ContentHash()
        await store.scan(f"SELECT {columns} FROM {view}", hashed.add)
        found[view] = hashed.contents
    return found
