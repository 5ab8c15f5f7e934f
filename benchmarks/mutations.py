"""Segments of the log and rows of PostgreSQL and ClickHouse changed by hand in every way, one at a time: the share that
verification finds, and its speed."""

from __future__ import annotations

import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import asyncpg
import uvloop

from benchmarks import changed_clickhouse, made, report, segments
from benchmarks.changed_clickhouse import ABSURD
from benchmarks.filling import fill
from benchmarks.history import Figure
from benchmarks.servers import all_stores, log_on
from projections.clickhouse.client import ClickHouse
from projections.comparing.clickhouse import ClickHouseRows
from projections.comparing.postgres import PostgresRows, postgres_rows
from projections.comparing.rows import FINDING, TRAFFIC_EVENT, RowFault
from projections.comparing.run import ViewReport, compare_traffic
from projections.log.connection import LogConnection
from projections.postgres.pool import open_pool
from projections.rebuild import rebuild
from projections.rows import FINDINGS, TRAFFIC
from schemas.settings import Settings

NUMBERS = [column.name for column in TRAFFIC if column.kind == "integer"]
TEXTS = [column.name for column in TRAFFIC if column.kind == "text" and column.name not in ("request_id", "tenant")]
FLAGS = [column.name for column in TRAFFIC if column.kind == "boolean"]
FOUND_NUMBERS = [column.name for column in FINDINGS if column.kind == "integer"]
FOUND_TEXTS = [column.name for column in FINDINGS if column.kind == "text" and column.name not in ("request_id", "log")]
TABLE = "nexus.traffic_event"
SCREENED = 8
"""One of so many requests has findings."""

Row = Mapping[str, Any]
Change = Callable[[int, Row, Row], str]
"""From (how manieth, a row, another row) to a statement that changes, removes or adds one."""


def _set(what: str, row: Row) -> str:
    return f"UPDATE {TABLE} SET {what} WHERE day = '{row['day']}' AND request_id = '{row['request_id']}'"


def _forged(row: Row, **values: object) -> str:
    """A copy of a row with other values."""
    given = {"request_id": "'forged'", **{name: str(value) for name, value in values.items()}}
    names = [column.name for column in TRAFFIC]
    copied = ", ".join(given.get(name, name) for name in names)
    place = f"day = '{row['day']}' AND request_id = '{row['request_id']}'"
    return f"INSERT INTO {TABLE} ({', '.join(names)}) SELECT {copied} FROM {TABLE} WHERE {place}"


def _swapped(row: Row, other: Row) -> str:
    """Whose costs and answers these are, the other way round."""
    names = ("tenant", "key_id", "cost_micros", "sequence", "position", "fact_id")
    sets = ", ".join(f"{name} = other.{name}" for name in names)
    pair = f"('{row['request_id']}', '{other['request_id']}')"
    return (
        f"UPDATE {TABLE} own SET {sets} FROM (SELECT * FROM {TABLE} WHERE request_id IN {pair}) other "
        f"WHERE own.request_id IN {pair} AND own.request_id <> other.request_id"
    )


def _one_of(names: Sequence[str], at: int, what: str) -> str:
    return what.format(names[at % len(names)])


def _finding(what: str, row: Row) -> str:
    """Changes the last finding of a request."""
    own = f"request_id = '{row['request_id']}'"
    last = f"(SELECT max(hit) FROM nexus.finding WHERE {own})"
    return f"UPDATE nexus.finding SET {what} WHERE {own} AND hit = {last}"


def _forged_finding(row: Row) -> str:
    names = [column.name for column in FINDINGS]
    copied = ", ".join("hit + 100" if name == "hit" else name for name in names)
    place = f"request_id = '{row['request_id']}'"
    return f"INSERT INTO nexus.finding ({', '.join(names)}) SELECT {copied} FROM nexus.finding WHERE {place}"


CHANGES: dict[str, Change] = {
    "a number": lambda at, row, _: _set(f"{NUMBERS[at % len(NUMBERS)]} = {NUMBERS[at % len(NUMBERS)]} + 1", row),
    "a text": lambda at, row, _: _set(f"{TEXTS[at % len(TEXTS)]} = {TEXTS[at % len(TEXTS)]} || 'x'", row),
    "a flag": lambda at, row, _: _set(f"{FLAGS[at % len(FLAGS)]} = NOT {FLAGS[at % len(FLAGS)]}", row),
    "a microsecond": lambda at, row, _: _set("time = time + interval '1 microsecond'", row),
    "budgets": lambda at, row, _: _set("budgets = array_append(budgets, 'x')", row),
    "whose it is": lambda at, row, _: _set("tenant = 'other'", row),
    "which it is": lambda at, row, _: _set("request_id = 'forged'", row),
    "deleted": lambda at, row, _: (
        f"DELETE FROM {TABLE} WHERE day = '{row['day']}' AND request_id = '{row['request_id']}'"
    ),
    "inserted": lambda at, row, _: _forged(row),
    "inserted where nothing is": lambda at, row, _: _forged(row, sequence=ABSURD[at % len(ABSURD)]),
    "two swapped": lambda at, row, other: _swapped(row, other),
    "a finding's number": lambda at, row, _: _finding(_one_of(FOUND_NUMBERS, at, "{0} = {0} + 1"), row),
    "a finding's text": lambda at, row, _: _finding(_one_of(FOUND_TEXTS, at, "{0} = {0} || 'x'"), row),
    "a finding inserted": lambda at, row, _: _forged_finding(row),
    "a finding deleted": lambda at, row, _: f"DELETE FROM nexus.finding WHERE request_id = '{row['request_id']}'",
    "a finding's rule": lambda at, row, _: (
        f"UPDATE nexus.finding SET rule = rule || 'x' WHERE request_id = '{row['request_id']}'"
    ),
}


class _Undo(Exception):
    """Takes a change back."""


def silent(what: str, at: int, last: int) -> None:
    """Tells nobody."""


async def compared(log: LogConnection, store: PostgresRows) -> list[ViewReport]:
    """The tables with rows of TRAFFIC against the log."""
    both = [(one, await store.ordered(one, "TRAFFIC")) for one in (TRAFFIC_EVENT, FINDING)]
    return await compare_traffic(log, store, both, "TRAFFIC", silent)


async def campaign(log: LogConnection, pool: asyncpg.Pool[Any], each: int) -> tuple[Counter[str], list[str]]:
    """Every kind of change at `each` rows spread over the table, each taken back before the next.

    Returns:
        How many of each kind were made; and those that were not found, or found without the row's name.
    """
    made_of: Counter[str] = Counter()
    unfound: list[str] = []
    async with pool.acquire() as connection:
        rows = await connection.fetch(f"SELECT * FROM {TABLE} ORDER BY sequence, position")
        hit = {row[0] for row in await connection.fetch("SELECT DISTINCT request_id FROM nexus.finding")}
        screened = [row for row in rows if row["request_id"] in hit]
        for name, change in CHANGES.items():
            candidates = screened if "finding" in name else rows
            for at in range(each if candidates else 0):
                place = (at * len(candidates) // each + at) % len(candidates)
                row, other = candidates[place], candidates[(place + 1) % len(candidates)]
                faults = await _changed(log, connection, change(at, row, other))
                made_of[name] += 1
                if not {fault.key for fault in faults} & {row["request_id"], "forged"}:
                    unfound.append(f"{name} at {row['request_id']}")
    return made_of, unfound


async def _changed(log: LogConnection, connection: Any, statement: str) -> Sequence[RowFault]:
    found: list[RowFault] = []
    try:
        async with connection.transaction():
            status = await connection.execute(statement)
            assert int(status.rpartition(" ")[2]) > 0, f"nothing was changed: {status}"
            found = [fault for one in await compared(log, PostgresRows(connection)) for fault in one.faults]
            raise _Undo
    except _Undo:
        return found


async def whole(directory: Path, facts: int, each: int) -> tuple[list[Figure], str]:
    async with all_stores(directory) as settings, log_on(settings.nats_url, "benchmark") as log:
        report.say(f"writing {facts:,} facts of TRAFFIC, and both views of them")
        await fill(log, made.segments(facts, "mutations", hits=SCREENED))
        for name in ("postgres", "clickhouse"):
            await rebuild(name, settings, lambda done, total: None)
        figures = await _speeds(log, settings)
        pool = await open_pool(settings.postgres_url, name="mutations")
        store = ClickHouse(settings.clickhouse_url)
        try:
            changed = {
                "postgres": await campaign(log, pool, each),
                "clickhouse": await changed_clickhouse.campaign(log, store, each),
            }
        finally:
            await pool.close()
            await store.close()
    lines: list[str] = []
    for name, (made_of, unfound) in changed.items():
        figure, told = _of_rows(name, made_of, unfound)
        figures.append(figure)
        lines += told
    return figures, "\n".join(lines)


def _of_rows(name: str, made_of: Counter[str], unfound: list[str]) -> tuple[Figure, list[str]]:
    total = sum(made_of.values())
    missing = {kind: sum(one.startswith(f"{kind} at ") for one in unfound) for kind in made_of}
    lines = [f"{count - missing[kind]} of {count}  {name}: {kind}" for kind, count in made_of.items()]
    lines.append(f"{total - len(unfound)} of {total} changes of rows of {name} were found, each by the row's name")
    share = round(100 * (total - len(unfound)) / total, 2)
    return Figure(f"changes of rows of {name} found", share, "%", target=100), [*lines, *unfound]


def of_segments(count: int) -> tuple[Figure, list[str]]:
    """Every kind of change at every one of so many segments."""
    unfound = segments.unfound(count)
    lines = [f"{count - len(places)} of {count}  segment: {name}" for name, places in unfound.items()]
    total, missed = count * len(unfound), sum(map(len, unfound.values()))
    lines.append(f"{total - missed} of {total} changes of segments were found")
    return Figure("changes of segments found", round(100 * (total - missed) / total, 2), "%", target=100), lines


async def _speeds(log: LogConnection, settings: Settings) -> list[Figure]:
    figures = []
    pool = await open_pool(settings.postgres_url, name="mutations")
    store = ClickHouse(settings.clickhouse_url)
    try:
        for name in ("postgres", "clickhouse"):
            began = time.perf_counter()
            if name == "postgres":
                async with postgres_rows(pool) as rows:
                    found = await compared(log, rows)
            else:
                there = ClickHouseRows(store)
                ordered = [(TRAFFIC_EVENT, await there.ordered(TRAFFIC_EVENT, "TRAFFIC"))]
                found = await compare_traffic(log, there, ordered, "TRAFFIC", silent)
            rate = sum(one.rows for one in found) / (time.perf_counter() - began)
            faults = sum(len(one.faults) for one in found)
            report.say(f"{name}: {sum(one.rows for one in found):,} rows, {faults} faults, {rate:,.0f} rows/s")
            figures.append(Figure(f"rows of {name} held against the log", round(rate), "rows/s"))
    finally:
        await pool.close()
        await store.close()
    return figures


def main(arguments: list[str]) -> int:
    parser = report.options("mutations", __doc__)
    parser.add_argument("--facts", type=int, help="of TRAFFIC; 6,000 when quick, else 60,000")
    parser.add_argument("--each", type=int, default=20, help="rows that each kind of change is made to; default 20")
    parser.add_argument("--segments", type=int, default=60, help="each is changed in every way; default 60")
    given = parser.parse_args(arguments)
    figure, lines = of_segments(given.segments)
    facts = given.facts or (6_000 if given.quick else 60_000)
    with tempfile.TemporaryDirectory(prefix="nexus-mutations-") as name:
        figures, told = uvloop.run(whole(Path(name) / "stack", facts, given.each))
    return report.finish("mutations", given, [figure, *figures], "\n".join([*lines, told]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
