"""A batch that is announced, refused as bad data and split, after which the process dies, or looks once more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import pytest

from projections.clickhouse import sink as sinks
from projections.clickhouse.sink import COLUMNS, TrafficSink
from projections.rows import rows_of
from schemas.errors import Invalid
from tests.integration.sample_log import messages

REQUEST = [name for name, _ in COLUMNS].index("request_id")
SEQUENCE = [name for name, _ in COLUMNS].index("sequence")


class Kept:
    """In the place of ClickHouse: the position table, the rows, tokens that drop what came already."""

    def __init__(self, refuses: Any) -> None:
        self.positions: list[tuple[int, int]] = []
        self.rows: list[tuple[Any, ...]] = []
        self.tokens: set[str] = set()
        self.refuses = refuses

    async def query(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        given = dict(parameters or {})
        if "SELECT 1" in sql:
            return [(1,) for first, last in self.positions if first >= given["first"] and last < given["last"]][:1]
        if "request_id" in sql:
            day, at = [name for name, _ in COLUMNS].index("time_us"), [name for name, _ in COLUMNS].index("batch")
            return [
                (date(1970, 1, 1) + timedelta(days=row[day] // 86_400_000_000), row[REQUEST])
                for row in self.rows
                if row[at] != given["last"] and row[REQUEST] in given["requests"]
            ]
        assert "first, last" in sql, sql
        return sorted(self.positions, key=lambda one: (-one[1], -one[0]))[:1]

    async def insert(self, table: str, columns: Any, rows: Sequence[Any], settings: Mapping[str, Any]) -> None:
        if "position" in table:
            self.positions += [(first, last) for _, first, last in rows]
            return
        if self.refuses(rows):
            raise Invalid("clickhouse cannot hold it: DatabaseError 33")
        token = settings["insert_deduplication_token"]
        if token not in self.tokens:
            self.tokens.add(token)
            self.rows += rows


@pytest.fixture(autouse=True)
def _one_generation(monkeypatch: pytest.MonkeyPatch) -> None:
    async def ensure(_: Any) -> int:
        return 1

    monkeypatch.setattr(sinks, "ensure", ensure)


def reader(log: Sequence[Any]) -> Any:
    async def read(first: int, last: int) -> list[Any]:
        return [one for one in log if first <= one.sequence <= last]

    return read


async def test_poison_that_only_the_store_knows_does_not_end_the_worker_for_ever() -> None:
    log = messages(8)
    bad = rows_of(log[6:7]).traffic[0][2]
    kept = Kept(lambda rows: any(row[REQUEST] == bad for row in rows))
    sink = TrafficSink(kept, reader(log))  # type: ignore[arg-type]
    await sink.refresh()
    with pytest.raises(Invalid):
        await sink.handle(log)
    await sink.handle(log[:4])  # the door splits it, and here the process is killed
    again = TrafficSink(kept, reader(log))  # type: ignore[arg-type]
    await again.refresh()  # what every start does
    others = [row[2] for one in log if one is not log[6] for row in rows_of([one]).traffic]
    assert sorted(row[REQUEST] for row in kept.rows) == sorted(others)


async def test_what_was_split_is_not_counted_twice_after_a_death() -> None:
    log = messages(8)
    refused = [True]
    kept = Kept(lambda rows: refused and refused.pop())  # once: a part was damaged, or memory was short
    sink = TrafficSink(kept, reader(log))  # type: ignore[arg-type]
    await sink.refresh()
    with pytest.raises(Invalid):
        await sink.handle(log)
    await sink.handle(log[:4])
    again = TrafficSink(kept, reader(log))  # type: ignore[arg-type]
    await again.refresh()
    twice = {name: count for name, count in Counter(row[REQUEST] for row in kept.rows).items() if count > 1}
    assert not twice
