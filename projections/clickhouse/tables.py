"""Tables come in generations: a rebuild fills the next one, and the newest row of a table says which is in use."""

from __future__ import annotations

import logging
import time
from importlib import resources

from projections.clickhouse.client import AlreadyThere, ClickHouse
from projections.rows import TRAFFIC

log = logging.getLogger(__name__)

VERSION = 1
"""Of what a generation holds; raised with every change of `tables.sql`."""
POINTER = "traffic_generation"
ROLLUPS = ("traffic_5m", "traffic_hour", "traffic_day")
VIEWS = ("traffic_events", *ROLLUPS)
"""What everybody reads: each is a view of the generation in use."""
_TYPES = {"text": "String", "texts": "Array(String)", "integer": "Int64", "boolean": "Bool"}
"""Of columns that a later version added."""
_PARTS = ("traffic_events", "traffic_position", *ROLLUPS)
_FILLERS = tuple(f"{rollup}_of" for rollup in ROLLUPS)

DIMENSIONS = "tenant, bucket, key_id, account, model, kind"
SUMS = (
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
    return await _pointed(store) if POINTER in await _names(store) else 0


async def _pointed(store: ClickHouse) -> int:
    rows = await store.query(f"SELECT generation FROM {POINTER} ORDER BY number DESC, generation DESC LIMIT 1")
    return int(rows[0][0]) if rows else 0


async def ensure(store: ClickHouse) -> int:
    """Makes sure that everything of the generation in use exists, and returns its number.

    When a table of it is missing, an empty generation takes its place, to be filled from the log; a missing view is
    just made again.
    """
    async with store.exclusive:
        names = await _names(store)
        generation = await _pointed(store) if POINTER in names else 0
        lost = {table(part, generation) for part in (*_PARTS, *_FILLERS)} - names.keys()
        if generation and not lost:
            # a switch that was interrupted, a view that was dropped, or one of a version with fewer columns
            told = names.get("traffic_events", "")
            later = [column for column in TRAFFIC if told and column.name not in told]
            for column in later:
                await store.command(
                    f"ALTER TABLE {table('traffic_events', generation)} "
                    f"ADD COLUMN IF NOT EXISTS {column.name} {_TYPES[column.kind]}"
                )
            if later or any(table(view, generation) not in names.get(view, "") for view in VIEWS):
                await _point(store, generation)
            return generation
        following = await create(store)
        await switch(store, following)
        if generation:
            log.warning("event=tables_mended lost=%s generation=%d", ",".join(sorted(lost)), following)
            await drop(store, generation)  # nothing else: a rebuild may be filling another one
        return following


async def create(store: ClickHouse) -> int:
    """Makes the empty tables of a new generation and returns its number; nobody reads it yet.

    Numbers follow the clock and never come again, even when everything has been dropped by hand: a writer that still
    works on a generation would take new tables of the same number for its own, and go on in the middle of them.
    """
    text = resources.files("projections.clickhouse").joinpath("tables.sql").read_text(encoding="utf-8")
    first, *others = text.split("\n--;\n")
    while True:
        number = max(time.time_ns() // 1_000, 1 + max([await current(store), *(await generations(store))]))
        try:
            await store.command(first.replace("GENERATION", str(number)))
            break
        except AlreadyThere:
            log.info("event=generation_taken generation=%d", number)
    for statement in others:
        await store.command(statement.replace("GENERATION", str(number)))
    return number


async def switch(store: ClickHouse, generation: int) -> None:
    """Puts a generation to use. The writer of the one before notices when its tables are gone, or after a while."""
    await store.command(
        f"CREATE TABLE IF NOT EXISTS {POINTER} (number UInt32, generation UInt64, "
        "time DateTime64(6, 'UTC') DEFAULT now64(6)) ENGINE = MergeTree ORDER BY number"
    )
    # numbers were smaller once
    await store.command(f"ALTER TABLE {POINTER} MODIFY COLUMN generation UInt64")
    rows = await store.query(f"SELECT max(number) FROM {POINTER}")
    await store.command(f"INSERT INTO {POINTER} (number, generation) VALUES ({int(rows[0][0]) + 1}, {generation})")
    await _point(store, generation)


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
    sums = ", ".join(f"sum({name}) AS {name}" for name in SUMS)
    for rollup in ROLLUPS:
        source = table(rollup, generation)
        await store.command(
            f"CREATE OR REPLACE VIEW {rollup} AS SELECT {DIMENSIONS}, "
            f"{sums.replace('sum(', 'sum(held.')}, max(held.latency_us_max) AS latency_us_max "
            f"FROM {source} AS held GROUP BY {DIMENSIONS}"
        )


async def _names(store: ClickHouse) -> dict[str, str]:
    """Every table and view, and the statement behind a view."""
    rows = await store.query("SELECT name, as_select FROM system.tables WHERE database = currentDatabase()")
    return {name: select for name, select in rows}
