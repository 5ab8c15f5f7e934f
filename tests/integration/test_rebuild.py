"""Views built anew from the log: the same contents, row for row, while traffic goes on."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from projections.log.reader import StreamReader
from projections.postgres.queries import TrafficFilter, list_traffic
from projections.rebuild import rebuild
from schemas.codec import decode_segment, open_fact
from schemas.errors import Conflict, InvalidRequest, NotFound
from schemas.facts.ops import ProjectionRebuilt
from schemas.settings import Settings
from tests.integration.nats_fixture import NatsServer, nats_server
from tests.integration.views_fixture import clickhouse_url, database, module_database
from tests.integration.views_rig import Rig, rig, workers

__all__ = ["clickhouse_url", "database", "module_database", "nats_server"]


def silent(done: int, total: int) -> None:
    assert 0 <= done <= total


async def keep_writing(made: Rig, stop: asyncio.Event) -> None:
    while not stop.is_set():
        await made.write(5)
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("projection", ["postgres", "clickhouse"])
async def test_rebuilt_at_rest_it_is_the_same(
    nats_server: NatsServer, database: str, clickhouse_url: str, tmp_path: Path, projection: str
) -> None:
    async with rig(nats_server, database, clickhouse_url, tmp_path) as made, workers(made.settings):
        await made.write(300)
        await made.settle()
        before = await made.contents()
        steps: list[tuple[int, int]] = []
        rebuilt = await rebuild(projection, made.settings, lambda done, total: steps.append((done, total)))
        assert await made.contents() == before
        assert rebuilt.rows >= 300 and rebuilt.through_sequence >= made.writer.last_sequence
        assert steps and steps[-1][0] <= steps[-1][1]
        await made.write(50)
        await made.settle()
        await made.contents()
        own = await list_traffic(made.pool, TrafficFilter(tenant="tenant-1"), limit=1000)
        assert {row["tenant"] for row in own.rows} == {"tenant-1"}, "rights and policies come with the new tables"
        facts = [fact async for batch in StreamReader(made.connection, "OPS").batches(follow=False)
                 for message in batch for fact in decode_segment(message.payload).facts]  # fmt: skip
        said = open_fact(facts[-1])
        assert isinstance(said, ProjectionRebuilt)
        assert (said.projection, said.rows) == (projection, rebuilt.rows)


@pytest.mark.parametrize("projection", ["postgres", "clickhouse"])
async def test_rebuilt_while_traffic_goes_on(
    nats_server: NatsServer, database: str, clickhouse_url: str, tmp_path: Path, projection: str
) -> None:
    async with rig(nats_server, database, clickhouse_url, tmp_path) as made, workers(made.settings):
        await made.write(200)
        stop = asyncio.Event()
        writing = asyncio.create_task(keep_writing(made, stop))
        try:
            for _ in range(3):
                await rebuild(projection, made.settings, silent)
        finally:
            stop.set()
            await writing
        await made.settle()
        postgres, _ = await made.contents()
        assert postgres["traffic_event"].rows == postgres["finding"].rows == made.requests


@pytest.mark.parametrize("projection", ["postgres", "clickhouse"])
async def test_the_old_view_serves_until_the_new_one_does(
    nats_server: NatsServer, database: str, clickhouse_url: str, tmp_path: Path, projection: str
) -> None:
    async with rig(nats_server, database, clickhouse_url, tmp_path) as made, workers(made.settings):
        await made.write(300)
        await made.settle()
        place = 0 if projection == "postgres" else 1
        versions = await version_of(made, projection)
        seen: list[int] = []
        stop = asyncio.Event()

        async def read() -> None:
            while not stop.is_set():
                seen.append((await made.counts())[place])
                await asyncio.sleep(0)

        reading = asyncio.create_task(read())
        try:
            before = len(seen)
            for _ in range(2):
                await rebuild(projection, made.settings, silent)
        finally:
            stop.set()
            await reading
        assert len(seen) - before > 5
        assert set(seen) == {300}, "at no moment less, at none more"
        assert await version_of(made, projection) > versions


async def version_of(made: Rig, projection: str) -> int:
    """Which tables are in use; each that were built later have a higher number."""
    if projection == "postgres":
        return int(await made.pool.fetchval("SELECT 'nexus.traffic_event'::regclass::oid"))
    return int((await made.store.query("SELECT max(number) FROM traffic_generation"))[0][0])


@pytest.mark.parametrize("also_rebuild", [True, False])
async def test_tables_dropped_by_hand_under_load(
    nats_server: NatsServer, database: str, clickhouse_url: str, tmp_path: Path, also_rebuild: bool
) -> None:
    async with rig(nats_server, database, clickhouse_url, tmp_path) as made, workers(made.settings):
        await made.write(200)
        await made.settle()
        before = await made.contents()
        stop = asyncio.Event()
        writing = asyncio.create_task(keep_writing(made, stop))
        try:
            tables = await made.pool.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'nexus'")
            names = ", ".join(f'nexus."{row[0]}"' for row in tables)
            await made.pool.execute(f"DROP TABLE {names} CASCADE")
            for (name,) in await made.store.query("SHOW TABLES"):
                await made.store.command(f"DROP TABLE IF EXISTS {name}")
            if also_rebuild:
                await rebuild("postgres", made.settings, silent)
                await rebuild("clickhouse", made.settings, silent)
        finally:
            stop.set()
            await writing
        await made.settle()
        after = await made.contents()
        if also_rebuild:
            assert after[0]["config_current"] == before[0]["config_current"]
        assert after[0]["traffic_event"].rows == made.requests


async def test_rebuilt_without_a_live_writer_and_without_tables(
    nats_server: NatsServer, database: str, clickhouse_url: str, tmp_path: Path
) -> None:
    async with rig(nats_server, database, clickhouse_url, tmp_path) as made:
        await made.write(50)
        await rebuild("postgres", made.settings, silent)
        await rebuild("clickhouse", made.settings, silent)
        assert await made.counts() == (50, 50)
        await made.contents()
        async with workers(made.settings):
            await made.write(10)
            await made.settle()
        await made.contents()


async def test_two_rebuilds_of_postgres_at_once(
    nats_server: NatsServer, database: str, clickhouse_url: str, tmp_path: Path
) -> None:
    async with rig(nats_server, database, clickhouse_url, tmp_path) as made:
        await made.write(200)
        done = await asyncio.gather(
            rebuild("postgres", made.settings, silent),
            rebuild("postgres", made.settings, silent),
            return_exceptions=True,
        )
        assert sorted(type(one).__name__ for one in done) in (["Conflict", "Rebuilt"], ["Rebuilt", "Rebuilt"])
        assert all(not isinstance(one, BaseException) or isinstance(one, Conflict) for one in done)
        assert await made.pool.fetchval("SELECT count(*) FROM nexus.traffic_event") == 200


async def test_what_cannot_be_rebuilt() -> None:
    with pytest.raises(NotFound, match="postgres, clickhouse"):
        await rebuild("valkey", Settings(nats_url="nats://127.0.0.1:1"), silent)
    with pytest.raises(InvalidRequest, match="NEXUS_POSTGRES_URL"):
        await rebuild("postgres", Settings(nats_url="nats://127.0.0.1:1"), silent)
