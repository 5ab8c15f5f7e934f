"""Rows as the log makes them against rows as a store has them. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any

import msgspec

from projections.rows import FINDINGS, TRAFFIC, Column, Row, plain

MOST = 1_000
"""Faults that are told of one table; one is enough to distrust it."""


class RowFault(msgspec.Struct, frozen=True):
    """A row that is not what the log makes of its facts."""

    table: str
    key: str
    """What the row is about: the id of a request, the parts of a key."""
    place: str
    """Of its fact, `TRAFFIC:12.3` for the fourth in segment 12; empty where a row has no single one."""
    kind: str
    """`changed`, `removed`, `inserted`."""
    column: str = ""
    """The first that differs, where it was changed."""


class Table(msgspec.Struct, frozen=True):
    """A table with a row for a fact, or several."""

    name: str
    columns: tuple[Column, ...]
    place: tuple[str, ...]
    """Columns that together say which fact it is of, and which row of that fact."""

    def at(self, *names: str) -> Any:
        """Takes these columns from a row."""
        known = [column.name for column in self.columns]
        return itemgetter(*(known.index(name) for name in names))


TRAFFIC_EVENT = Table("traffic_event", TRAFFIC, ("sequence", "position"))
FINDING = Table("finding", FINDINGS, ("sequence", "position", "hit"))


class Comparison:
    """Compares one table part by part; a part is all rows of a span of the log."""

    def __init__(self, table: Table, stream: str, gone: Mapping[str, int] | None = None) -> None:
        """
        Args:
            gone: by tenant, before which time in microseconds rows were removed, as retentions on the log say.
        """
        self.gone = 0
        """Rows that are missing for that reason."""
        self.rows = 0
        """Compared."""
        self.faults: list[RowFault] = []
        self.absent: list[Row] = []
        """Rows of the log that the store does not have; whether it should is for whoever can ask it."""
        self._table = table
        self._stream = stream
        self._place = table.at(*table.place)
        self._request = table.at("request_id")
        self._age = table.at("tenant", "time_us")
        self._gone = gone or {}

    def take(self, expected: Sequence[Row], found: Sequence[Row]) -> None:
        """The rows of the next span, in any order."""
        self.rows += len(expected)
        if list(map(tuple, found)) == list(expected):
            return
        wanted = {self._place(row): row for row in expected}
        for row in found:
            place = self._place(row)
            made = wanted.get(place)
            if made is None or (self._request(row) != self._request(made) and _several(found, place, self._place)):
                self._tell(row, "inserted")
                continue
            if (column := self._differs(made, row)) is not None:
                self._tell(made, "changed", column)
            wanted.pop(place)
        absent = [row for row in wanted.values() if not self._has_gone(row)]
        self.gone += len(wanted) - len(absent)
        self.absent += absent[: MOST - len(self.absent)]

    def _has_gone(self, row: Row) -> bool:
        tenant, time_us = self._age(row)
        return bool(time_us < self._gone.get(tenant, 0))

    def inserted(self, rows: Sequence[Row]) -> None:
        """Rows of which the log knows nothing."""
        for row in rows:
            self._tell(row, "inserted")

    def removed(self, row: Row) -> None:
        """A row of `absent` that the store should have."""
        self._tell(row, "removed")

    def _differs(self, made: Row, found: Row) -> str | None:
        for column, one, other in zip(self._table.columns, made, found, strict=True):
            if one != other and plain(one) != plain(other):
                return column.name
        return None

    def _tell(self, row: Row, kind: str, column: str = "") -> None:
        if len(self.faults) < MOST:
            sequence, position, *_ = self._place(row)
            place = f"{self._stream}:{sequence}.{position}"
            self.faults.append(RowFault(self._table.name, str(self._request(row)), place, kind, column))


def _several(rows: Sequence[Row], place: Any, place_of: Any) -> bool:
    return [place_of(row) for row in rows].count(place) > 1


def compare_keyed(
    table: str, expected: Mapping[tuple[Any, ...], Row], found: Mapping[tuple[Any, ...], Row], columns: Sequence[str]
) -> list[RowFault]:
    """Tables that are small enough to be held: rows by key, and the names of their columns besides the key."""
    faults = []
    for key in sorted(expected.keys() | found.keys(), key=str):
        made, there = expected.get(key), found.get(key)
        kind, column = "", ""
        if there is None:
            kind = "removed"
        elif made is None:
            kind = "inserted"
        else:
            differing = (
                name for name, one, other in zip(columns, made, there, strict=True) if plain(one) != plain(other)
            )
            column = next(differing, "")
            kind = "changed" if column else ""
        if kind:
            faults.append(RowFault(table, "/".join(map(str, key)), "", kind, column))
    return faults[:MOST]
