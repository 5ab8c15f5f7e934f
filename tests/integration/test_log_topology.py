"""The declared topology against a real server: created once, changed in place, by any number of processes."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from projections.log import api, topology
from projections.log.api import ApiError
from projections.log.connection import LogConnection
from schemas.errors import Unavailable
from schemas.topology import EMBEDDED, Consumer, Stream, Topology
from tests.integration.log_fixture import until
from tests.integration.nats_fixture import NatsServer, nats_server

__all__ = ["nats_server"]


async def test_many_processes_may_apply_at_once(nats_server: NatsServer) -> None:
    connections = [await LogConnection.open(nats_server.url, f"p{n}", wait_s=10) for n in range(5)]
    done = await asyncio.gather(
        *(topology.apply(connection, EMBEDDED, replicas=1, partitions=3) for connection in connections)
    )
    wanted = topology.wanted(EMBEDDED, replicas=1, partitions=3)
    assert max(len(lines) for lines in done) <= len(wanted.streams) + len(wanted.consumers)
    assert topology.plan(await topology.read(connections[0], wanted), wanted) == []
    assert await topology.apply(connections[1], EMBEDDED, replicas=1, partitions=3) == []
    for connection in connections:
        await connection.close()


async def test_partitions_get_durables_of_their_own(nats_server: NatsServer) -> None:
    connection = await LogConnection.open(nats_server.url, "p", wait_s=10)
    await topology.apply(connection, EMBEDDED, replicas=1, partitions=2)
    info = await api.call(connection, "CONSUMER.INFO.TRAFFIC.audit-1")
    assert info["config"]["filter_subject"] == "traffic.1" and info["config"]["ack_policy"] == "explicit"
    assert info["config"].get("max_deliver", -1) == -1
    names = (await api.call(connection, "CONSUMER.NAMES.DECISIONS"))["consumers"]
    assert names == ["audit-findings"]
    await connection.close()


async def test_changes_are_made_in_place(nats_server: NatsServer) -> None:
    connection = await LogConnection.open(nats_server.url, "p", wait_s=10)

    def one(days: int, ack_wait: int) -> Topology:
        stream = Stream("CONFIG", ("config.>",), max_age_s=days * 86_400)
        return Topology((stream,), (Consumer("c", "CONFIG", ack_wait_s=ack_wait),), (), ())

    assert await topology.apply(connection, one(1, 30), replicas=1, partitions=1) == [
        "create stream CONFIG",
        "create consumer CONFIG/c",
    ]
    await connection.js.publish("config.x", b"kept")
    assert await topology.apply(connection, one(2, 40), replicas=1, partitions=1) == [
        "update stream CONFIG (max_age)",
        "update consumer CONFIG/c (ack_wait)",
    ]
    state = (await api.call(connection, "STREAM.INFO.CONFIG"))["state"]
    assert state["messages"] == 1
    assert await topology.apply(connection, one(2, 40), replicas=1, partitions=1) == []
    await connection.close()


async def test_what_the_server_refuses_is_said(nats_server: NatsServer) -> None:
    connection = await LogConnection.open(nats_server.url, "p", wait_s=10)
    await connection.js.add_stream(name="CONFIG", subjects=["config.>"], storage="memory")
    with pytest.raises(ApiError, match="storage"):
        await topology.apply(connection, EMBEDDED, replicas=1, partitions=1)
    await connection.close()


async def test_nobody_may_purge_or_delete_from_the_record(nats_server: NatsServer) -> None:
    connection = await LogConnection.open(nats_server.url, "p", wait_s=10)
    await topology.apply(connection, EMBEDDED, replicas=1, partitions=1)
    await connection.js.publish("traffic.0", b"x")
    with pytest.raises(ApiError):
        await api.call(connection, "STREAM.PURGE.TRAFFIC")
    with pytest.raises(ApiError):
        await api.call(connection, "STREAM.MSG.DELETE.TRAFFIC", {"seq": 1})
    await connection.close()


async def test_buckets_and_object_stores_are_what_the_client_expects(nats_server: NatsServer) -> None:
    connection = await LogConnection.open(nats_server.url, "p", wait_s=10)
    await topology.apply(connection, EMBEDDED, replicas=1, partitions=1)
    bucket = await connection.js.key_value("vault")
    revision = await bucket.create("key", b"one")
    await bucket.update("key", b"two", revision)
    assert (await bucket.get("key")).value == b"two"
    await bucket.purge("key")
    info = await api.call(connection, "STREAM.INFO.KV_vault", {"subjects_filter": ">"})
    raw = await api.get_message(connection, "KV_vault", last_of="$KV.vault.key")
    # of a purged key only the marker is left, no value
    assert info["state"]["messages"] == 1 and raw is not None and raw.payload == b""
    store = await connection.js.object_store("bodies")
    await store.put("name", b"x" * 300_000)
    assert (await store.get("name")).data == b"x" * 300_000
    await connection.close()


async def test_apply_waits_for_a_server_that_is_coming_up(nats_server: NatsServer) -> None:
    connection = await LogConnection.open(nats_server.url, "p", wait_s=10)
    nats_server.kill()
    applying = asyncio.create_task(topology.apply(connection, EMBEDDED, replicas=1, partitions=1))
    await asyncio.sleep(0)
    nats_server.start()
    assert len(await asyncio.wait_for(applying, 30)) == sum(map(len, msgspec.structs.astuple(EMBEDDED)))
    await connection.close()


async def test_no_server_is_said_without_the_password(nats_server: NatsServer) -> None:
    url = nats_server.url.replace("nats://", "nats://user:hunter2@")
    nats_server.kill()
    with pytest.raises(Unavailable) as error:
        await LogConnection.open(url, "p", wait_s=0.5)
    assert "hunter2" not in str(error.value) and "NEXUS_NATS_URL" in str(error.value)


async def test_the_first_connection_is_waited_for(nats_server: NatsServer) -> None:
    nats_server.kill()
    opening = asyncio.create_task(LogConnection.open(nats_server.url, "p", wait_s=20))
    await asyncio.sleep(0)
    nats_server.start()
    connection = await opening
    assert connection.connected and connection.connected_since > 0
    told: list[bool] = []
    remove = connection.listen(lambda: told.append(connection.connected))
    nats_server.kill()
    await until(lambda: bool(told), "the loss is noticed")
    assert told == [False] and connection.connected_since == 0 and connection.disconnected_since > 0
    nats_server.start()
    await asyncio.wait_for(connection.wait_connected(), 20)
    assert told == [False, True] and connection.reconnects == 1
    remove()
    await connection.close()
    assert not connection.connected and told == [False, True]


def test_a_plan_is_data() -> None:
    wanted = topology.wanted(EMBEDDED, replicas=3, partitions=1)
    actions = topology.plan(topology.Objects({}, {}), wanted)
    assert all(action.verb == "create" for action in actions)
    assert msgspec.json.encode(actions)
    assert topology.plan(wanted, wanted) == []
