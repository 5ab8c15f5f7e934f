"""SIEM targets on a real log: who gets what, from when on, and never twice."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from processors.siem.positions import Positions, key_of
from processors.siem.sink import Stored
from projections.log import api, topology
from projections.log.connection import LogConnection
from projections.log.reader import StreamReader
from schemas.topology import EMBEDDED
from tests.integration.log_fixture import connection, forgotten, shorten_memory, until
from tests.integration.nats_fixture import NatsServer, nats_server
from tests.integration.siem_rig import Receiver, Rig

__all__ = ["connection", "nats_server"]

FILE = {"kind": "file", "file": "a.ndjson"}


@pytest.fixture
async def rig(connection: LogConnection, nats_server: NatsServer, tmp_path: Path) -> Rig:
    return await Rig.open(connection, nats_server.url, tmp_path / "data")


async def test_a_tenant_s_target_gets_its_own_events_and_the_platform_s_gets_all(rig: Rig) -> None:
    await rig.target("own", **FILE)
    await rig.target("all", tenant="system", kind="file", file="all.ndjson", all_tenants=True)
    async with rig.worker():
        await rig.traffic("ab", times=3)
        await rig.until_in_file("a.ndjson", await rig.places("a"))
        await rig.until_in_file("all.ndjson", await rig.places(None))
        await rig.traffic("ba")
        await rig.until_in_file("a.ndjson", await rig.places("a"))


async def test_a_restart_goes_on_where_it_was(rig: Rig) -> None:
    await rig.target("own", **FILE)
    for _ in range(3):
        async with rig.worker():
            await rig.traffic("ab", times=2)
            await rig.until_in_file("a.ndjson", await rig.places("a"))
        await rig.traffic("a")
    async with rig.worker():
        await rig.until_in_file("a.ndjson", await rig.places("a"))


async def test_views_that_are_built_anew_send_nothing(rig: Rig) -> None:
    async with Receiver() as receiver:
        await rig.target("own", **FILE)
        await rig.target("web", kind="http", url=receiver.url)
        await rig.target("log", kind="stream")
        async with rig.worker():
            await rig.traffic("a", times=5)
            await rig.until_in_file("a.ndjson", await rig.places("a"))
            await until(lambda: len(receiver.places) == 5, "the first events")
        # what a rebuild does: the topology again, every durable from the beginning, all of the log once more
        for consumer in EMBEDDED.consumers:
            await api.call(rig.connection, f"CONSUMER.DELETE.{consumer.stream}.{consumer.name}")
        await topology.apply(rig.connection, EMBEDDED, replicas=1, partitions=1)
        assert [batch async for batch in StreamReader(rig.connection, "TRAFFIC").batches(follow=False)]
        await shorten_memory(rig.connection, "EXPORT")
        await forgotten(rig.connection, "export.probe")
        async with rig.worker():
            await rig.traffic("a")
            expected = await rig.places("a")
            await rig.until_in_file("a.ndjson", expected)
            await until(lambda: len(receiver.places) >= 6, "the last event")
            await rig.until_exported("a", expected)
        assert receiver.places == expected


async def test_positions_move_forward_only(rig: Rig) -> None:
    one, other = Positions(rig.connection), Positions(rig.connection)
    key = key_of("a", "web.1")
    assert await one.load(key) is None
    await one.save(key, Stored(life="l1", place=(5, 2)))
    await other.save(key, Stored(life="l1", place=(4, 7)))
    assert await other.load(key) == Stored(life="l1", place=(5, 2))
    await other.save(key, Stored(life="l1", place=(6, -1), until=(7, 0), export=3))
    # the first has not seen that
    await one.save(key, Stored(life="l1", place=(5, 3)))
    assert await one.load(key) == Stored(life="l1", place=(6, -1), until=(7, 0), export=3)
    await one.save(key, Stored(life="l2", place=(0, -1)))
    assert await other.load(key) == Stored(life="l2", place=(0, -1))


async def test_a_new_target_begins_with_its_creation(rig: Rig) -> None:
    await rig.target("own", **FILE)
    await rig.traffic("a", times=4)
    async with rig.worker():
        await rig.until_in_file("a.ndjson", await rig.places("a"))
        await rig.target("late", kind="file", file="late.ndjson")
        first = (await rig.places("a"))[-1][0] + 1
        await rig.traffic("a", times=2)
        await rig.until_in_file("late.ndjson", await rig.places("a", first))
    # and so it does when it was not served at once
    await rig.target("later", kind="file", file="later.ndjson")
    await rig.traffic("a")
    async with rig.worker():
        await rig.until_in_file("later.ndjson", (await rig.places("a"))[-1:])


async def test_a_target_made_again_does_not_get_what_lay_between(rig: Rig) -> None:
    await rig.target("own", **FILE)
    async with rig.worker():
        await rig.traffic("a")
        before = await rig.places("a")
        await rig.until_in_file("a.ndjson", before)
        await rig.remove("own")
        await rig.traffic("a", times=3)
        await rig.target("own", **FILE)
        await rig.traffic("a", times=2)
        await rig.until_in_file("a.ndjson", before + (await rig.places("a"))[-2:])


async def test_a_target_switched_off_misses_nothing(rig: Rig) -> None:
    await rig.target("own", **FILE)
    async with rig.worker():
        await rig.traffic("a")
        await rig.until_in_file("a.ndjson", await rig.places("a"))
        await rig.target("own", **FILE, enabled=False)
        await rig.traffic("a", times=3)
        await rig.target("own", **FILE)
        await rig.until_in_file("a.ndjson", await rig.places("a"))


async def test_another_file_goes_on_where_the_first_was_left(rig: Rig) -> None:
    await rig.target("own", **FILE)
    async with rig.worker():
        await rig.traffic("a", times=2)
        before = await rig.places("a")
        await rig.until_in_file("a.ndjson", before)
    # the position outside follows now and then; the file itself knows better
    await Positions(rig.connection).save(
        key_of("a", "own"), Stored(life=await _life(rig), place=(before[-1][0] + 1, -1))
    )
    await rig.target("own", kind="file", file="other.ndjson")
    await rig.traffic("a")
    async with rig.worker():
        await rig.until_in_file("other.ndjson", (await rig.places("a"))[-1:])


async def _life(rig: Rig) -> str:
    mark: dict[str, str] = json.loads(rig.file("a.ndjson.position").read_bytes())
    return mark["life"]


async def test_the_server_may_die_meanwhile(rig: Rig, nats_server: NatsServer) -> None:
    async with Receiver() as receiver:
        await rig.target("own", **FILE)
        await rig.target("web", kind="http", url=receiver.url)
        await rig.target("log", kind="stream")
        async with rig.worker():
            # without a log there is no start
            await rig.traffic("a")
            await until(lambda: bool(rig.in_file("a.ndjson")), "the worker works")
            for _ in range(3):
                await rig.traffic("ab", times=3)
                nats_server.kill()
                await asyncio.to_thread(nats_server.start)
                await until(lambda: rig.connection.connected, "the connection")
            await rig.traffic("a")
            expected = await rig.places("a")
            await rig.until_in_file("a.ndjson", expected)
            await until(lambda: len(receiver.places) >= len(expected), "all events")
            await rig.until_exported("a", expected)
        assert receiver.places == expected


async def test_a_damaged_message_holds_up_nobody(rig: Rig) -> None:
    await rig.target("own", **FILE)
    await rig.traffic("a")
    await api.publish(rig.connection, "traffic.0", b"\xc1 no segment", {})
    await rig.traffic("a")
    async with rig.worker():
        await rig.until_in_file("a.ndjson", [(1, 1), (3, 1)])
        dead = StreamReader(rig.connection, "DEAD", subjects=("dead.siem",))
        async for batch in dead.batches():
            assert [message.payload for message in batch] == [b"\xc1 no segment"]
            break


async def test_a_position_of_another_log_is_not_taken_for_one_of_this(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    await rig.target("own", **FILE)
    async with rig.worker():
        await rig.traffic("a")
        await rig.until_in_file("a.ndjson", [(1, 1)])
    mark = rig.file("a.ndjson.position")
    mark.write_bytes(mark.read_bytes().replace(b'"place":[1,1]', b'"place":[900,1]'))
    async with rig.worker():
        await until(lambda: "this is another log" in caplog.text, "the complaint")
    assert rig.in_file("a.ndjson") == [(1, 1)]
