"""Rows of the view of traffic in ClickHouse in the order of the log. Statements only read."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from projections.clickhouse.client import ClickHouse
from projections.clickhouse.standing import positions
from projections.comparing.rows import Table
from projections.rows import Row

_VIEW = "traffic_events"
_FOR_EVER = 2**62


class ClickHouseRows:
    """The view as it is; there is no snapshot, so only what was there at the beginning is compared."""

    name = "clickhouse"

    def __init__(self, store: ClickHouse) -> None:
        self._store = store

    async def through(self, stream: str) -> int:
        """As of Postgres. The rows of the last batch may still be on their way. Raises Rejected."""
        return min((sequence for _, name, sequence in await positions(self._store) if name == stream), default=0)

    async def ordered(self, table: Table, stream: str) -> ClickHouseOrder:
        return ClickHouseOrder(self._store, table)

    async def has_another(self, table: Table, row: Row) -> bool:
        """As of Postgres."""
        day, request, sequence, position = table.at("day", "request_id", "sequence", "position")(row)
        found = await self._store.query(
            f"SELECT 1 FROM {_VIEW} WHERE day = {{day:Date}} AND request_id = {{request:String}} "
            "AND (sequence, position) < ({sequence:Int64}, {position:Int64}) LIMIT 1",
            {"day": day, "request": request, "sequence": sequence, "position": position},
        )
        return bool(found)


class ClickHouseOrder:
    """Rows taken span by span."""

    def __init__(self, store: ClickHouse, table: Table) -> None:
        self._store = store
        self._names = ", ".join(column.name for column in table.columns)
        self._place = ", ".join(table.place)
        self._time = [column.name for column in table.columns].index("time")
        self._after = -_FOR_EVER

    async def take(self, through: int) -> list[Row]:
        """All rows of facts up to a place in the stream that were not taken before."""
        rows = await self.between(self._after, through)
        self._after = through
        return rows

    async def between(self, after: int, through: int) -> list[Row]:
        """Rows beyond one place up to another, whether they were taken before or not."""
        found = await self._store.query(
            f"SELECT {self._names} FROM {_VIEW} WHERE sequence > {{after:Int64}} AND sequence <= {{through:Int64}} "
            f"ORDER BY {self._place}",
            {"after": after, "through": through},
        )
        return [self._aware(row) for row in found]

    def _aware(self, row: tuple[Any, ...]) -> Row:
        at = self._time
        time: datetime = row[at]
        return (*row[:at], time if time.tzinfo is not None else time.replace(tzinfo=UTC), *row[at + 1 :])
