"""Rows of ClickHouse changed by hand in every way, one at a time, and put back: the share that verification finds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from projections.clickhouse.client import ClickHouse
from projections.clickhouse.tables import current, table
from projections.comparing.clickhouse import ClickHouseRows
from projections.comparing.rows import TRAFFIC_EVENT
from projections.comparing.run import compare_traffic
from projections.log.connection import LogConnection
from projections.rows import TRAFFIC

ABSURD = (-1, 0, 10**9)
"""Places in the log at which there is nothing."""
_ASIDE = "mutations_aside"
_NOW = {"mutations_sync": 1}
_ANEW = {"insert_deduplicate": 0}
_KEPT = [column.name for column in TRAFFIC]
_KINDS = {
    kind: [column.name for column in TRAFFIC if column.kind == kind and column.name not in ("request_id", "tenant")]
    for kind in ("integer", "text", "boolean")
}
_SWAPPED = ("tenant", "key_id", "cost_micros", "sequence", "position", "fact_id")


def _one(kind: str, changed: str) -> Callable[[int], dict[str, str]]:
    """Another value in one column of a kind: which one goes by number."""

    def change(at: int) -> dict[str, str]:
        name = _KINDS[kind][at % len(_KINDS[kind])]
        return {name: changed.format(name)}

    return change


Replaced = Callable[[int], dict[str, str]]
"""From a number to expressions by column."""
CHANGES: dict[str, Replaced] = {
    "a number": _one("integer", "{} + 1"),
    "a text": _one("text", "concat({}, 'x')"),
    "a flag": _one("boolean", "NOT {}"),
    "a microsecond": lambda at: {"time": "time + toIntervalMicrosecond(1)"},
    "the day": lambda at: {"day": "day - 1"},
    "budgets": lambda at: {"budgets": "arrayPushBack(budgets, 'x')"},
    "whose it is": lambda at: {"tenant": "'other'"},
    "which it is": lambda at: {"request_id": "'forged'"},
}
ADDED: dict[str, Replaced] = {
    "inserted": lambda at: {"request_id": "'forged'"},
    "inserted where nothing is": lambda at: {"request_id": "'forged'", "sequence": str(ABSURD[at % len(ABSURD)])},
    "inserted twice": lambda at: {},
}
"""Beside the row, which stays."""


class Rows:
    """The live table, and a place for what is taken out of it."""

    def __init__(self, store: ClickHouse, name: str) -> None:
        self._store = store
        self._name = name

    async def begin(self) -> None:
        await self._store.command(f"CREATE TABLE {_ASIDE} AS {self._name} ENGINE = MergeTree ORDER BY request_id")

    async def end(self) -> None:
        await self._store.command(f"DROP TABLE {_ASIDE}")

    async def take_out(self, *requests: str) -> None:
        await self._copy(self._name, _ASIDE, {}, requests)
        await self._delete(*requests)

    async def put(self, replaced: dict[str, str], *requests: str) -> None:
        """What was taken out, with other values."""
        await self._copy(_ASIDE, self._name, replaced, requests)

    async def put_back(self, *requests: str) -> None:
        await self._delete(*requests, "forged")
        await self.put({}, *requests)
        await self._store.command(f"TRUNCATE TABLE {_ASIDE}")

    async def swap(self, one: str, other: str) -> None:
        """Whose costs and answers two requests' are, the other way round."""
        for request, giver in ((one, other), (other, one)):
            taken = {name: f"(SELECT any({name}) FROM {_ASIDE} WHERE request_id = '{giver}')" for name in _SWAPPED}
            await self.put(taken, request)

    async def _delete(self, *requests: str) -> None:
        await self._store.command(f"ALTER TABLE {self._name} DELETE WHERE request_id IN {_listed(requests)}", _NOW)

    async def _copy(self, source: str, target: str, replaced: dict[str, str], requests: tuple[str, ...]) -> None:
        # an outer name for each value: an alias would stand for the changed one in the condition too
        values = ", ".join(f"({replaced[name]})" if name in replaced else name for name in _KEPT)
        await self._store.command(
            f"INSERT INTO {target} ({', '.join(_KEPT)}) SELECT {values} FROM {source} "
            f"WHERE request_id IN {_listed(requests)}",
            _ANEW,
        )


def _listed(requests: tuple[str, ...]) -> str:
    return "(" + ", ".join(f"'{one}'" for one in requests) + ")"


def _silent(what: str, at: int, last: int) -> None:
    """Tells nobody."""


async def _found(log: LogConnection, store: ClickHouse) -> set[str]:
    there = ClickHouseRows(store)
    ordered = [(TRAFFIC_EVENT, await there.ordered(TRAFFIC_EVENT, "TRAFFIC"))]
    return {fault.key for one in await compare_traffic(log, there, ordered, "TRAFFIC", _silent) for fault in one.faults}


async def campaign(log: LogConnection, store: ClickHouse, each: int) -> tuple[Counter[str], list[str]]:
    """Every kind of change at `each` rows spread over the table, each put back before the next.

    Returns:
        How many of each kind were made; and those that were not found, or found without the row's name.
    """
    made_of: Counter[str] = Counter()
    unfound: list[str] = []
    requests = [
        row[0] for row in await store.query("SELECT request_id FROM traffic_events ORDER BY sequence, position")
    ]
    rows = Rows(store, table("traffic_events", await current(store)))
    await rows.begin()
    try:
        for name in (*CHANGES, *ADDED, "deleted", "two swapped"):
            for at in range(each):
                place = (at * len(requests) // each + at) % len(requests)
                one, other = requests[place], requests[(place + 1) % len(requests)]
                await rows.take_out(one, other)
                if name in ADDED:
                    await rows.put({}, one, other)
                    await rows.put(ADDED[name](at), one)
                elif name == "two swapped":
                    await rows.swap(one, other)
                else:
                    await rows.put({}, other)
                    if name in CHANGES:
                        await rows.put(CHANGES[name](at), one)
                made_of[name] += 1
                if not await _found(log, store) & {one, "forged"}:
                    unfound.append(f"{name} at {one}")
                await rows.put_back(one, other)
        assert not await _found(log, store), "what was changed is put back"
    finally:
        await rows.end()
    return made_of, unfound
