"""Rows of the views in Postgres in the order of the log, as they were at one moment. Statements only read."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from projections.comparing.rows import Table
from projections.postgres.migrate import columns_of, quoted
from projections.postgres.pool import LIVE, outage
from projections.rows import Row

_AT_ONCE = 2_000
_SORT_S = 3_600.0
_SPEND = ("tenant", "day", "key_id", "account", "model")
_SUMS = ("requests", "input_tokens", "output_tokens", "cost_micros")
_CONFIG = ("tenant", "aggregate", "id")
_STATE = ("version", "sequence", "time_us", "actor", "removed", "spec")


class PostgresRows:
    """One moment of all views."""

    name = "postgres"

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    async def through(self, stream: str) -> int:
        """Everything of a stream up to here is in the views; of several partitions the one furthest behind."""
        found = await self._connection.fetchval(
            f"SELECT min(sequence) FROM {quoted(LIVE)}.position WHERE stream = $1", stream
        )
        return int(found or 0)

    async def ordered(self, table: Table, stream: str) -> PostgresOrder:
        """The rows of a table that come from a stream."""
        names = columns_of(column.name for column in table.columns)
        where = "WHERE log = $1" if table.name == "finding" else ""
        query = f"SELECT {names} FROM {quoted(LIVE)}.{quoted(table.name)} {where} ORDER BY {columns_of(table.place)}"
        given = (stream,) if where else ()
        return PostgresOrder(await self._connection.cursor(query, *given, timeout=_SORT_S), table)

    async def has_another(self, table: Table, row: Row) -> bool:
        """Whether the request of a row that is missing has its row of an earlier fact: the first one stays."""
        day, request, sequence, position = table.at("day", "request_id", "sequence", "position")(row)
        found = await self._connection.fetchval(
            f"SELECT 1 FROM {quoted(LIVE)}.{quoted(table.name)} "
            "WHERE day = $1 AND request_id = $2 AND (sequence, position) < ($3, $4)",
            day, request, sequence, position,
        )  # fmt: skip
        return found is not None

    async def spend(self) -> dict[tuple[Any, ...], Row]:
        """Sums by key."""
        query = f"SELECT {columns_of(_SPEND + _SUMS)} FROM {quoted(LIVE)}.spend"
        size = len(_SPEND)
        return {tuple(row)[:size]: tuple(row)[size:] for row in await self._connection.fetch(query)}

    async def configuration(self) -> dict[tuple[Any, ...], Row]:
        """Aggregates by key; the spec as JSON with its keys in order."""
        query = f"SELECT {columns_of(_CONFIG + _STATE)} FROM {quoted(LIVE)}.config_current"
        found = {}
        for row in await self._connection.fetch(query):
            *state, spec = tuple(row)[len(_CONFIG) :]
            found[tuple(row)[: len(_CONFIG)]] = (*state, in_order(spec))
        return found


class PostgresOrder:
    """Rows of one table, taken span by span."""

    def __init__(self, cursor: Any, table: Table) -> None:
        self._cursor = cursor
        self._sequence = table.at("sequence")
        self._held: list[Row] = []

    async def take(self, through: int) -> list[Row]:
        """All rows of facts up to a place in the stream that were not taken before."""
        found: list[Row] = []
        while True:
            if not self._held:
                async with outage("postgres"):
                    self._held = await self._cursor.fetch(_AT_ONCE)
            if not self._held:
                return found
            if self._sequence(self._held[-1]) > through:
                break
            found += self._held
            self._held = []
        upto = next(at for at, row in enumerate(self._held) if self._sequence(row) > through)
        found += self._held[:upto]
        self._held = self._held[upto:]
        return found


def in_order(spec: str | None) -> str:
    """JSON so that equal values are equal texts."""
    return "" if spec is None else json.dumps(json.loads(spec), sort_keys=True)


@asynccontextmanager
async def postgres_rows(pool: asyncpg.Pool[Any]) -> AsyncIterator[PostgresRows]:
    """All views as they are now; what is written meanwhile is not seen.

    Raises:
        Rejected: Postgres does not answer, or a table is missing.
    """
    async with (
        outage("postgres"),
        pool.acquire() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        yield PostgresRows(connection)
