"""Tables come in generations: a rebuild fills the next one, and one row says which of them is in use."""

from __future__ import annotations

import logging
from importlib import resources

from projections.clickhouse.client import ClickHouse
from projections.rows import TRAFFIC

log = logging.getLogger(__name__)

POINTER = "traffic_generation"
ROLLUPS = ("traffic_5m", "traffic_hour", "traffic_day")
VIEWS = ("traffic_events", *ROLLUPS)
"""What everybody reads: each is a view of the generation in use."""
_PARTS = ("traffic_events", "traffic_position", *ROLLUPS)
_FILLERS = tuple(f"{rollup}_of" for rollup in ROLLUPS)

_DIMENSIONS = "tenant, bucket, key_id, account, model, kind"
_SUMS = (
    "requests",
    "input_tokens",
    "output_tokens",
    "cached_tokens",
    "reasoning_tokens",
    "cost_micros",
    "latency_us",
)


def table(part: str, generation: int) -> str:
    """Name of a table of a generation."""
    return f"{part}_{generation}"


async def current(store: ClickHouse) -> int:
    """The generation in use; 0 when there is none.

    Raises:
        Rejected: ClickHouse cannot answer now.
    """
    if POINTER not in await _names(store):
        return 0
    rows = await store.query(f"SELECT max(generation) FROM {POINTER}")
    return int(rows[0][0])


async def ensure(store: ClickHouse) -> int:
    """Makes sure that everything of the generation in use exists, and returns its number.

    When a table of it is missing, an empty generation takes its place, to be filled from the log; a missing view is
    just made again.
    """
    async with store.exclusive:
        names = await _names(store)
        generation = await current(store)
        lost = {table(part, generation) for part in (*_PARTS, *_FILLERS)} - names.keys()
        if generation and not lost:
            # a switch that was interrupted, or a view that was dropped
            if any(table(view, generation) not in names.get(view, "") for view in VIEWS):
                await _point(store, generation)
            return generation
        following = await create(store)
        if generation:
            log.warning("event=tables_mended lost=%s generation=%d", ",".join(sorted(lost)), following)
        await switch(store, following)
        return following


async def create(store: ClickHouse) -> int:
    """Makes the empty tables of a new generation and returns its number; nobody reads it yet."""
    number = 1 + max([await current(store), *(await generations(store))])
    statements = resources.files("projections.clickhouse").joinpath("tables.sql").read_text(encoding="utf-8")
    for statement in statements.split("\n--;\n"):
        await store.command(statement.replace("GENERATION", str(number)))
    return number


async def switch(store: ClickHouse, generation: int) -> None:
    """Puts a generation to use and drops the others. Their writer notices that they are gone, and goes on here."""
    await store.command(
        f"CREATE TABLE IF NOT EXISTS {POINTER} (generation UInt32, time DateTime64(6, 'UTC') DEFAULT now64(6)) "
        "ENGINE = MergeTree ORDER BY generation"
    )
    await store.command(f"INSERT INTO {POINTER} (generation) VALUES ({generation})")
    await _point(store, generation)
    for old in await generations(store):
        if old != generation:
            await drop(store, old)


async def drop(store: ClickHouse, generation: int) -> None:
    """Removes the tables of a generation."""
    for part in (*_FILLERS, *_PARTS):
        await store.command(f"DROP TABLE IF EXISTS {table(part, generation)}")


async def generations(store: ClickHouse) -> list[int]:
    """Numbers of all generations of which something exists."""
    found = set()
    for name in await _names(store):
        part, _, number = name.rpartition("_")
        if number.isdecimal() and part in (*_PARTS, *_FILLERS):
            found.add(int(number))
    return sorted(found)


async def _point(store: ClickHouse, generation: int) -> None:
    columns = ", ".join(column.name for column in TRAFFIC)
    await store.command(
        f"CREATE OR REPLACE VIEW traffic_events AS SELECT {columns} FROM {table('traffic_events', generation)}"
    )
    sums = ", ".join(f"sum({name}) AS {name}" for name in _SUMS)
    for rollup in ROLLUPS:
        source = table(rollup, generation)
        await store.command(
            f"CREATE OR REPLACE VIEW {rollup} AS SELECT {_DIMENSIONS}, "
            f"{sums.replace('sum(', 'sum(held.')}, max(held.latency_us_max) AS latency_us_max "
            f"FROM {source} AS held GROUP BY {_DIMENSIONS}"
        )


async def _names(store: ClickHouse) -> dict[str, str]:
    """Every table and view, and the statement behind a view."""
    rows = await store.query("SELECT name, as_select FROM system.tables WHERE database = currentDatabase()")
    return {name: select for name, select in rows}
