"""Binary COPY of rows into a table, with a slower way for rows that may be there already."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import asyncpg
import msgspec

from projections.postgres.migrate import columns_of, quoted
from projections.rows import Column, Row

log = logging.getLogger(__name__)

MERGES_AFTER_COLLISION = 32
"""Where one row came again, more will: so many batches go the slower way before COPY is tried again."""


class Target(msgspec.Struct, frozen=True):
    """A table, its columns in the order of the rows, and what makes a row the same row."""

    table: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]

    @property
    def names(self) -> list[str]:
        return [column.name for column in self.columns]


class Copier:
    """Writes rows of one table; the first row with a key stays, later ones are dropped."""

    def __init__(self, target: Target, schema: str) -> None:
        self.target = target
        self._schema = schema
        self._merges = 0

    async def write(self, connection: Any, rows: Sequence[Row]) -> int:
        """Adds the rows within the caller's transaction and returns how many were new."""
        if not rows:
            return 0
        if self._merges == 0:
            try:
                async with connection.transaction():  # a savepoint
                    await connection.copy_records_to_table(
                        self.target.table, schema_name=self._schema, columns=self.target.names, records=rows
                    )
                return len(rows)
            except asyncpg.UniqueViolationError:
                self._merges = MERGES_AFTER_COLLISION
        self._merges -= 1
        return await self._merge(connection, rows)

    async def _merge(self, connection: Any, rows: Sequence[Row]) -> int:
        table = f"{quoted(self._schema)}.{quoted(self.target.table)}"
        staged = f"staged_{self.target.table}"
        await connection.execute(
            f"CREATE TEMPORARY TABLE {staged} ON COMMIT DROP AS TABLE {table} WITH NO DATA;"
            f"ALTER TABLE {staged} ADD COLUMN place integer GENERATED ALWAYS AS IDENTITY"
        )
        await connection.copy_records_to_table(staged, columns=self.target.names, records=rows)
        names = columns_of(self.target.names)
        status = await connection.execute(
            f"INSERT INTO {table} ({names}) SELECT {names} FROM {staged} ORDER BY place "
            f"ON CONFLICT ({columns_of(self.target.key)}) DO NOTHING"
        )
        await self._report(connection, table, staged)
        await connection.execute(f"DROP TABLE {staged}")
        return int(status.rpartition(" ")[2])

    async def _report(self, connection: Any, table: str, staged: str) -> None:
        """A fact that came twice is nothing; two different facts under one key are somebody's mistake."""
        same_key = " AND ".join(f"kept.{quoted(name)} = came.{quoted(name)}" for name in self.target.key)
        found = await connection.fetch(
            f"SELECT came.fact_id AS came, kept.fact_id AS kept FROM {staged} AS came JOIN {table} AS kept "
            f"ON {same_key} WHERE kept.fact_id <> came.fact_id LIMIT 3"
        )
        for row in found:
            log.warning(
                "event=second_fact_dropped table=%s kept=%s dropped=%s", self.target.table, row["kept"], row["came"]
            )
