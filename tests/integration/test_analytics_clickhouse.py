"""ClickHouse as a view of TRAFFIC: an insert may fail anywhere and be repeated, and nothing counts twice."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import pytest
from clickhouse_connect.driver import options

from projections.clickhouse import sink as sinks
from projections.clickhouse import tables
from projections.clickhouse.client import ClickHouse
from projections.clickhouse.sink import COLUMNS, TrafficSink
from projections.clickhouse.standing import positions
from projections.rows import TRAFFIC, Message, rows_of
from schemas.errors import Invalid, Rejected
from tests.integration.sample_log import START_US, Traffic, message, messages
from tests.integration.views_fixture import clickhouse_url, store

__all__ = ["clickhouse_url", "store"]

NAMES = ", ".join(column.name for column in TRAFFIC)
COST = [column.name for column in TRAFFIC].index("cost_micros")


def log_of(log: Sequence[Message]) -> Any:
    async def read(first: int, last: int) -> list[Message]:
        return [one for one in log if first <= one.sequence <= last]

    return read


async def stored(store: ClickHouse) -> list[tuple[Any, ...]]:
    rows = await store.query(f"SELECT {NAMES} FROM traffic_events ORDER BY sequence, position")
    return [tuple(value.isoformat() if hasattr(value, "isoformat") else value for value in row) for row in rows]


def expected(log: Sequence[Message]) -> list[tuple[Any, ...]]:
    return [
        tuple(
            value.replace(tzinfo=None).isoformat() if column.kind == "time"
            else value.isoformat() if column.kind == "day" else value
            for value, column in zip(row, TRAFFIC, strict=True)
        )
        for row in rows_of(log).traffic
    ]  # fmt: skip


async def position_of(store: ClickHouse) -> str:
    """Name of the position table in use."""
    return tables.table("traffic_position", await tables.current(store))


async def assert_rollups_agree(store: ClickHouse, log: Sequence[Message]) -> None:
    rows = rows_of(log).traffic
    want = (len(rows), sum(row[COST] for row in rows))
    for rollup in tables.ROLLUPS:
        assert await store.query(f"SELECT sum(requests), sum(cost_micros) FROM {rollup}") == [want], rollup


async def test_the_table_has_the_columns_that_rows_are_made_with(store: ClickHouse) -> None:
    generation = await tables.ensure(store)
    kinds = {"text": "String", "texts": "Array(String)", "integer": "Int64", "boolean": "Bool", "day": "Date",
             "time": "DateTime64(6, 'UTC')"}  # fmt: skip
    rows = await store.query(
        "SELECT name, type FROM system.columns WHERE database = currentDatabase() AND table = {table:String} "
        "ORDER BY position",
        {"table": tables.table("traffic_events", generation)},
    )
    want = [(column.name, kinds[column.kind]) for column in TRAFFIC]
    found = [(name, kind.removeprefix("LowCardinality(").rstrip(")") if "Low" in kind else kind) for name, kind in rows]
    assert found == [*want, ("batch", "Int64")]
    assert [name for name, _ in COLUMNS] == [name for name, _ in found if name not in ("day", "time")]


async def test_rows_and_rollups(store: ClickHouse) -> None:
    log = messages(20)
    sink = TrafficSink(store, log_of(log))
    await sink.refresh()
    await sink.handle(log[:7])
    await sink.handle(log[7:])
    assert sink.position() == 20
    assert await stored(store) == expected(log)
    await assert_rollups_agree(store, log)


async def test_nothing_is_loaded_to_ask_whether_rows_are_of_a_library_for_tables(store: ClickHouse) -> None:
    await store.command("CREATE TABLE small (a Int64, b Array(String)) ENGINE = Memory")
    await store.insert("small", [("a", "Int64"), ("b", "Array(String)")], [(1, ["x"]), (2, [])], {})
    assert await store.query("SELECT a, b FROM small ORDER BY a") == [(1, ["x"]), (2, [])]
    # each of them is imported by the driver when it is first asked for
    assert {vars(options).get(name, "not asked") for name in ("np", "pd", "arrow", "pl")} == {None}


async def test_rollups_have_their_buckets(store: ClickHouse) -> None:
    source = Traffic(step_us=7 * 60 * 1_000_000)
    log = messages(20, per_segment=1, traffic=source)
    sink = TrafficSink(store, log_of(log))
    await sink.refresh()
    await sink.handle(log)
    for rollup, seconds in (("traffic_5m", 300), ("traffic_hour", 3_600), ("traffic_day", 86_400)):
        times = [row[4] // 1_000_000 for row in rows_of(log).traffic]
        want = sorted({at // seconds * seconds for at in times})
        rows = await store.query(f"SELECT DISTINCT toInt64(toUnixTimestamp(bucket)) AS at FROM {rollup} ORDER BY at")
        assert [at for (at,) in rows] == want, rollup


async def test_deliveries_that_come_again_change_nothing(store: ClickHouse) -> None:
    log = messages(24)
    chance = random.Random(3)
    sink = TrafficSink(store, log_of(log))
    await sink.refresh()
    at = 0
    while at < len(log):
        size = chance.randint(1, 6)
        await sink.handle(log[max(0, at - chance.randint(0, 5)) : at + size])
        at += size
        if chance.random() < 0.3:  # a new process takes over
            sink = TrafficSink(store, log_of(log))
            await sink.refresh()
            assert sink.position() == min(at, len(log))
    assert await stored(store) == expected(log)
    await assert_rollups_agree(store, log)


class Breaking(ClickHouse):
    """Loses the answer to one insert, before or after the server has seen it."""

    breaks: tuple[str, str] | None = None

    async def insert(
        self, table: str, columns: Sequence[tuple[str, str]], rows: Sequence[Sequence[Any]], settings: Mapping[str, Any]
    ) -> None:
        what, when = self.breaks or ("", "")
        hit = what and table.startswith(what)
        if hit and when == "before":
            raise Rejected("no answer")
        await super().insert(table, columns, rows, settings)
        if hit and when == "after":
            raise Rejected("no answer")


@pytest.mark.parametrize("what", ["traffic_position", "traffic_events"])
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize("next_size", [1, 9])
async def test_an_insert_of_unknown_outcome_counts_once(
    clickhouse_url: str, what: str, when: str, restarted: bool, next_size: int
) -> None:
    log = messages(16)
    store = Breaking(clickhouse_url)
    sink = TrafficSink(store, log_of(log))
    await sink.refresh()
    await sink.handle(log[:3])
    store.breaks = (what, when)
    with pytest.raises(Rejected):
        await sink.handle(log[3:7])
    store.breaks = None
    if restarted:
        sink = TrafficSink(store, log_of(log))
    await sink.refresh()
    while sink.position() < 16:
        at = sink.position()
        await sink.handle(log[at : at + next_size])
    assert await stored(store) == expected(log)
    await assert_rollups_agree(store, log)
    await store.close()


async def test_a_rollup_that_failed_halfway_is_made_up_for(store: ClickHouse) -> None:
    log = messages(9)
    sink = TrafficSink(store, log_of(log))
    await sink.refresh()
    await sink.handle(log[:3])
    generation = await tables.current(store)
    filler = tables.table("traffic_hour_of", generation)
    select = (await store.query("SELECT as_select FROM system.tables WHERE name = {name:String} "
                                "AND database = currentDatabase()", {"name": filler}))[0][0]  # fmt: skip
    # the rows and one rollup arrive, the other rollup does not
    await store.command(f"DROP VIEW {filler}")
    await sink.handle(log[3:6])
    await store.command(f"CREATE MATERIALIZED VIEW {filler} TO {tables.table('traffic_hour', generation)} AS {select}")
    again = TrafficSink(store, log_of(log))  # what a new process does with the last announcement
    await again.refresh()
    await again.handle(log[6:])
    assert await stored(store) == expected(log)
    await assert_rollups_agree(store, log)


async def test_a_segment_that_stands_on_the_log_twice_counts_once(store: ClickHouse) -> None:
    log = messages(4)
    late = [msgspec.structs.replace(one, sequence=one.sequence + 4, time_us=START_US + 300_000_000) for one in log]
    # two of them follow in one batch with their originals
    whole = [*log, *late]
    sink = TrafficSink(store, log_of(whole))
    await sink.refresh()
    await sink.handle(whole[:6])
    await sink.handle(whole[6:])
    assert await stored(store) == expected(log)
    await assert_rollups_agree(store, log)


async def test_a_spool_that_comes_late_and_twice_counts_once(store: ClickHouse) -> None:
    log = [msgspec.structs.replace(one, time_us=START_US + 3_600_000_000) for one in messages(5, per_segment=500)]
    whole = [*log, *(msgspec.structs.replace(one, sequence=one.sequence + 5) for one in log)]
    sink = TrafficSink(store, log_of(whole))
    await sink.refresh()
    await sink.handle(whole[:5])
    await sink.handle(whole[5:])
    assert await store.query("SELECT count(), uniqExact(request_id) FROM traffic_events") == [(2_500, 2_500)]
    await assert_rollups_agree(store, log)


async def test_messages_without_rows_move_the_position_in_memory_only(store: ClickHouse) -> None:
    log = [message(number, []) for number in range(1, 6)]
    log += [msgspec.structs.replace(one, sequence=one.sequence + 5) for one in messages(1)]
    sink = TrafficSink(store, log_of(log))
    await sink.refresh()
    await sink.handle(log[:5])
    assert sink.position() == 5
    assert await store.query(f"SELECT count() FROM {await position_of(store)}") == [(0,)]
    await sink.handle(log[5:])
    assert await store.query(f"SELECT first, last FROM {await position_of(store)}") == [(1, 6)]
    assert await stored(store) == expected(log)


async def test_a_quiet_log_does_not_leave_the_position_behind(
    store: ClickHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sinks, "ANNOUNCE_IDLE_S", 0.0)
    log = [message(number, []) for number in range(1, 6)]
    sink = TrafficSink(store, log_of(log))
    await sink.refresh()
    await sink.handle(log)
    await sink.refresh()
    assert await positions(store) == [("analytics", "TRAFFIC", 5)]
    await sink.refresh()
    assert await store.query(f"SELECT first, last FROM {await position_of(store)}") == [(1, 5)]
    again = TrafficSink(store, log_of(log))
    await again.refresh()
    assert again.position() == 5


async def test_bytes_that_are_no_segment_can_be_stepped_over(store: ClickHouse) -> None:
    log = messages(3)
    log[1] = msgspec.structs.replace(log[1], payload=b"\xc1")
    good = [log[0], log[2]]
    sink = TrafficSink(store, log_of(log))
    await sink.refresh()
    with pytest.raises(Invalid):
        await sink.handle(log)
    await sink.handle(log[:1])
    await sink.skip(2)
    again = TrafficSink(store, log_of(log))
    await again.refresh()
    assert again.position() == 2
    await again.handle(log[2:])
    assert await stored(store) == expected(good)


@pytest.mark.parametrize("lost", [["traffic_events"], ["traffic_5m_%"], ["traffic_events_%"], ["traffic_position_%"],
                                  ["traffic_hour_of_%"], ["traffic_generation"], []])  # fmt: skip
async def test_tables_dropped_by_hand_are_made_anew_and_filled_from_the_log(store: ClickHouse, lost: list[str]) -> None:
    log = messages(8)
    sink = TrafficSink(store, log_of(log))
    await sink.refresh()
    await sink.handle(log[:5])
    generation = str(await tables.current(store))
    names = [name.replace("%", generation) for name in lost] or [row[0] for row in await store.query("SHOW TABLES")]
    for name in names:
        await store.command(f"DROP TABLE {name}")
    await sink.refresh()
    while sink.position() < 8:
        at = sink.position()
        try:
            await sink.handle(log[at : at + 4])
        except Rejected:
            await sink.refresh()
    assert await stored(store) == expected(log)
    await assert_rollups_agree(store, log)


async def test_a_table_that_vanishes_while_rows_arrive_is_an_outage(store: ClickHouse) -> None:
    log = messages(2)
    sink = TrafficSink(store, log_of(log))
    await sink.refresh()
    for name in [row[0] for row in await store.query("SHOW TABLES")]:
        await store.command(f"DROP TABLE {name}")
    with pytest.raises(Rejected, match="60"):
        await sink.handle(log)
    await sink.refresh()
    await sink.handle(log)
    assert await stored(store) == expected(log)


async def test_a_number_of_tables_never_comes_again(store: ClickHouse) -> None:
    before = await tables.ensure(store)
    for (name,) in await store.query("SHOW TABLES"):
        await store.command(f"DROP TABLE {name}")
    assert await tables.create(store) > before


async def test_tables_of_a_version_with_fewer_columns_get_the_later_ones(store: ClickHouse) -> None:
    log = messages(4)
    sink = TrafficSink(store, log_of(log))
    await sink.refresh()
    await sink.handle(log[:2])
    generation = await tables.current(store)
    fewer = ", ".join(column.name for column in TRAFFIC if column.name != "image_tokens")
    held = tables.table("traffic_events", generation)
    await store.command(f"CREATE OR REPLACE VIEW traffic_events AS SELECT {fewer} FROM {held}")
    await store.command(f"ALTER TABLE {held} DROP COLUMN image_tokens")
    again = TrafficSink(store, log_of(log))
    await again.refresh()
    await again.handle(log[2:])
    assert await stored(store) == expected(log)


async def test_a_switch_that_was_interrupted_is_finished(store: ClickHouse) -> None:
    log = messages(2)
    sink = TrafficSink(store, log_of(log))
    await sink.refresh()
    await sink.handle(log)
    first = await tables.current(store)
    following = await tables.create(store)
    filled = TrafficSink(store, log_of(log), generation=following)
    await filled.refresh()
    await filled.handle(log)
    await store.command(f"INSERT INTO {tables.POINTER} (number, generation) VALUES (2, {following})")
    await sink.refresh()
    assert sink.position() == 2
    await store.command(f"DROP TABLE {tables.table('traffic_events', first)}")
    assert await stored(store) == expected(log)
