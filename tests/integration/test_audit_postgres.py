"""Postgres as a view of TRAFFIC: what is delivered how often and in which state of affairs makes no difference."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import asyncpg
import msgspec
import pytest

from projections.postgres.migrate import TABLES, migrate, migrations, missing
from projections.postgres.sink import Sink
from projections.postgres.traffic import TrafficView, traffic_sink
from projections.rows import FINDINGS, TRAFFIC, Message, Rows, rows_of
from schemas.errors import Invalid, Rejected
from tests.integration.sample_log import Traffic, message, messages
from tests.integration.views_fixture import database, module_database, pool

__all__ = ["database", "module_database", "pool"]

if TYPE_CHECKING:
    Pool = asyncpg.Pool[Any]


async def stored(pool: Pool, schema: str = "nexus") -> list[tuple[Any, ...]]:
    names = ", ".join(f'"{column.name}"' for column in TRAFFIC)
    rows = await pool.fetch(f"SELECT {names} FROM {schema}.traffic_event ORDER BY sequence, position")
    return [tuple(row) for row in rows]


async def findings(pool: Pool) -> int:
    count: int = await pool.fetchval("SELECT count(*) FROM nexus.finding")
    return count


def expected(log: Sequence[Message]) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in rows_of(log).traffic]


async def test_migrations_started_by_many_at_once_are_applied_once(pool: Pool) -> None:
    done = await asyncio.gather(*(migrate(pool) for _ in range(6)))
    assert sorted(len(names) for names in done) == [0] * 5 + [len(migrations())]
    assert await missing(pool) == []
    assert await migrate(pool) == []


async def test_an_edited_migration_is_refused(pool: Pool) -> None:
    await migrate(pool)
    await pool.execute("UPDATE nexus.migration SET sha256 = 'other' WHERE number = 1")
    with pytest.raises(RuntimeError, match="0001_traffic"):
        await migrate(pool)


@pytest.mark.parametrize(("table", "columns"), [("traffic_event", TRAFFIC), ("finding", FINDINGS)])
async def test_tables_have_the_columns_that_rows_are_made_with(pool: Pool, table: str, columns: Any) -> None:
    await migrate(pool)
    kinds = {
        "text": {"text"},
        "texts": {"ARRAY"},
        "integer": {"bigint", "integer"},
        "boolean": {"boolean"},
        "day": {"date"},
        "time": {"timestamp with time zone"},
    }
    rows = await pool.fetch(
        "SELECT column_name, data_type FROM information_schema.columns "
        "WHERE table_schema = 'nexus' AND table_name = $1 ORDER BY ordinal_position",
        table,
    )
    assert [row["column_name"] for row in rows] == [column.name for column in columns]
    assert [row["column_name"] for row, column in zip(rows, columns, strict=True)
            if row["data_type"] not in kinds[column.kind]] == []  # fmt: skip


async def test_rows_and_position_are_stored_together(pool: Pool) -> None:
    await migrate(pool)
    log = messages(10, hits=2)
    sink = traffic_sink(pool)
    await sink.refresh()
    await sink.handle(log)
    assert await stored(pool) == expected(log)
    assert await findings(pool) == 10 * 3 * 2
    assert sink.position() == 10
    assert await pool.fetchval("SELECT sequence FROM nexus.position") == 10


async def test_deliveries_that_come_again_change_nothing(pool: Pool) -> None:
    await migrate(pool)
    log = messages(30)
    sink = traffic_sink(pool)
    chance = random.Random(7)
    at = 0
    while at < len(log):
        size = chance.randint(1, 6)
        again = max(0, at - chance.randint(0, 5))
        await sink.handle(log[again : at + size])
        at += size
    assert await stored(pool) == expected(log)


async def test_a_segment_that_stands_on_the_log_twice_makes_one_row_per_request(pool: Pool) -> None:
    await migrate(pool)
    log = messages(4)
    twice = [*log, *(msgspec.structs.replace(one, sequence=one.sequence + 4) for one in log), message(9, [])]
    sink = traffic_sink(pool)
    await sink.handle(twice[:6])
    await sink.handle(twice[6:])
    assert await stored(pool) == expected(log)
    assert sink.position() == 9


async def test_the_first_end_of_a_request_stays(pool: Pool, caplog: pytest.LogCaptureFixture) -> None:
    await migrate(pool)
    source = Traffic()
    first = source.request()
    second = msgspec.structs.replace(source.request()[-1], correlation=first[-1].correlation)
    sink = traffic_sink(pool)
    await sink.handle([message(1, first)])
    await sink.handle([message(2, [second])])
    assert [row[8] for row in await stored(pool)] == [first[-1].id]
    assert "second_fact_dropped" in caplog.text and second.id in caplog.text


class Failing(Sink[Rows]):
    """Breaks off at a chosen point of a batch, the way a killed process or connection does."""

    point = ""

    async def _apply(self, connection: Any, batch: Rows, through: int) -> int:
        if self.point == "before":
            raise ConnectionResetError
        written = await super()._apply(connection, batch, through)
        if self.point == "after position":
            raise ConnectionResetError
        return written

    async def handle(self, batch: Sequence[Message]) -> None:
        await super().handle(batch)
        if self.point == "after commit":
            self._sequence = 0  # it died before it could remember
            raise ConnectionResetError


class FailingView(TrafficView):
    point = ""

    async def write(self, connection: Any, batch: Rows) -> int:
        await self._traffic.write(connection, batch.traffic)
        if self.point == "after copy":
            raise ConnectionResetError
        return await super().write(connection, Rows([], batch.findings))


@pytest.mark.parametrize("point", ["before", "after copy", "after position", "after commit"])
async def test_a_batch_that_breaks_off_anywhere_is_applied_once(pool: Pool, point: str) -> None:
    await migrate(pool)
    log = messages(6)
    view = FailingView(pool)
    sink = Failing(pool, view, name="audit", stream="TRAFFIC")
    for batch in (log[:2], log[2:4], log[4:]):
        sink.point = view.point = point
        with pytest.raises((Rejected, ConnectionResetError)):
            await sink.handle(batch)
        sink.point = view.point = ""
        await sink.refresh()
        await sink.handle(batch)
    assert await stored(pool) == expected(log)
    assert await findings(pool) == 18


async def test_a_terminated_session_is_an_outage_and_not_poison(pool: Pool) -> None:
    await migrate(pool)
    log = messages(4)
    sink = traffic_sink(pool)
    await sink.handle(log[:2])
    await pool.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                       "WHERE datname = current_database() AND pid <> pg_backend_pid()")  # fmt: skip
    for _ in range(12):  # every pooled connection may be a dead one
        try:
            await sink.handle(log)
        except Rejected:
            await sink.refresh()
    assert await stored(pool) == expected(log)


async def test_two_writers_of_one_view_do_not_double_it(pool: Pool) -> None:
    await migrate(pool)
    log = messages(40)

    async def write() -> None:
        sink = traffic_sink(pool)
        await sink.refresh()
        while sink.position() < 40:
            at = sink.position()
            try:
                await sink.handle(log[at : at + 3])
            except Rejected:
                await sink.refresh()

    await asyncio.gather(write(), write(), write())
    assert await stored(pool) == expected(log)


@pytest.mark.parametrize("lost", [["traffic_event"], ["finding"], ["position"], list(TABLES), ["SCHEMA"]])
async def test_tables_dropped_by_hand_are_made_anew_and_filled_from_the_log(pool: Pool, lost: list[str]) -> None:
    await migrate(pool)
    log = messages(6)
    sink = traffic_sink(pool)
    await sink.handle(log[:5])
    if lost == ["SCHEMA"]:
        await pool.execute("DROP SCHEMA nexus CASCADE")
    else:
        await pool.execute("DROP TABLE " + ", ".join(f"nexus.{name}" for name in lost))
    with pytest.raises(Rejected):
        await sink.handle(log[5:])
        await sink.refresh()
        await sink.handle(log[5:])  # if only the position went, this finds it moved
    await sink.refresh()
    assert sink.position() == 0
    await sink.handle(log)
    assert await stored(pool) == expected(log)
    assert await findings(pool) == 18


async def test_a_dropped_partition_is_made_again(pool: Pool) -> None:
    await migrate(pool)
    log = messages(2)
    sink = traffic_sink(pool)
    await sink.handle(log[:1])
    day = rows_of(log).traffic[0][0]
    await pool.execute(f"DROP TABLE nexus.traffic_event_{day:%Y%m%d}")
    with pytest.raises(Rejected, match="partition"):
        await sink.handle(log[1:])
    await sink.handle(log[1:])
    assert await stored(pool) == expected(log[1:])


async def test_bytes_that_are_no_segment_are_invalid_and_can_be_stepped_over(pool: Pool) -> None:
    await migrate(pool)
    log = messages(3)
    log[1] = msgspec.structs.replace(log[1], payload=b"\xc1 not a segment")
    sink = traffic_sink(pool)
    with pytest.raises(Invalid, match="TRAFFIC:2"):
        await sink.handle(log)
    assert await stored(pool) == []
    await sink.handle(log[:1])
    await sink.skip(2)
    await sink.handle(log[2:])
    assert [row[6] for row in await stored(pool)] == [1, 1, 1, 3, 3, 3]


async def test_what_postgres_cannot_hold_is_made_to_fit(pool: Pool) -> None:
    await migrate(pool)
    facts = Traffic().request()
    from schemas.codec import fact, open_fact
    from schemas.facts.traffic import RequestCompleted

    end = open_fact(facts[-1])
    assert isinstance(end, RequestCompleted)
    odd = msgspec.structs.replace(end, model_requested="a\x00b", request_bytes=2**64 - 1)
    told = fact(odd, id=facts[-1].id, time=facts[-1].time, tenant="t", actor="a", correlation=facts[-1].correlation)
    sink = traffic_sink(pool)
    await sink.handle([message(1, [told])])
    row = await pool.fetchrow("SELECT model_requested, request_bytes FROM nexus.traffic_event")
    assert row is not None and tuple(row) == ("a\ufffdb", 2**63 - 1)


async def test_what_postgres_can_never_hold_is_poison_and_no_outage(pool: Pool) -> None:
    """A key that no index takes, and a number that the driver cannot even encode."""
    await migrate(pool)
    sink = traffic_sink(pool)
    made = rows_of([message(1, Traffic().request())])
    place = [column.name for column in TRAFFIC].index
    for name, value in (("request_id", random.Random(1).randbytes(40_000).hex()), ("status", 2**63)):
        row = list(made.traffic[0])
        row[place(name)] = value
        odd = msgspec.structs.replace(made, traffic=[tuple(row)])
        sink._view.read = lambda messages, odd=odd: odd  # type: ignore[method-assign, misc]
        with pytest.raises(Invalid, match="postgres cannot hold it"):
            await sink.handle([message(1, [])])
    assert sink.position() == 0
