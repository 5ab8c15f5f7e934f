"""The door on a real server: every message reaches the sink once and in order, whatever happens in between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import msgspec
import pytest

from processors.door import Door
from projections.log import dead
from projections.log.api import CONSUMER_NOT_FOUND, ApiError, call, get_message, publish
from projections.log.connection import LogConnection
from projections.log.reader import Message
from projections.log.topology import apply
from schemas.errors import Invalid, Rejected
from schemas.settings import Settings
from schemas.topology import EMBEDDED, Consumer
from tests.integration.nats_fixture import NatsServer, nats_server
from tests.waiting import until

__all__ = ["nats_server"]

AUDIT = Consumer("audit", "TRAFFIC", ack_wait_s=2)
TOPOLOGY = msgspec.structs.replace(EMBEDDED, consumers=(AUDIT,))
"""Acknowledgements that get lost with the server are made up for within the bounds of these tests."""


class Store:
    """A sink in memory that checks its own rules, and fails when told to."""

    def __init__(self) -> None:
        self.applied: list[int] = []
        self.batches: list[int] = []
        self.stored = 0
        self.known = 0
        self.fail: Callable[[list[Message]], None] = lambda messages: None

    def position(self) -> int:
        return self.known

    async def refresh(self) -> None:
        self.known = self.stored

    async def skip(self, sequence: int) -> None:
        assert sequence == self.stored + 1
        self.stored = self.known = sequence

    async def handle(self, messages: list[Message]) -> None:
        self.fail(messages)
        if self.known != self.stored:
            self.known = self.stored
            raise Rejected("moved")
        sequences = [message.sequence for message in messages]
        assert sequences == list(range(self.stored + 1, self.stored + 1 + len(sequences))), "a gap, or out of order"
        assert [message.payload for message in messages] == [b"%d" % sequence for sequence in sequences]
        self.applied += sequences
        self.batches.append(len(sequences))
        self.stored = self.known = sequences[-1]


@asynccontextmanager
async def connected(server: NatsServer) -> AsyncIterator[LogConnection]:
    connection = await LogConnection.open(server.url, "test")
    try:
        yield connection
    finally:
        await connection.close()


@asynccontextmanager
async def door(server: NatsServer, connection: LogConnection, store: Store) -> AsyncIterator[asyncio.Task[None]]:
    stop = asyncio.Event()
    settings = Settings(nats_url=server.url)
    made = Door(
        settings,
        connection,
        AUDIT,
        store.handle,
        store.position,
        refresh=store.refresh,
        skip=store.skip,
        topology=TOPOLOGY,
    )
    task = asyncio.create_task(made.run(stop))
    try:
        yield task
    finally:
        stop.set()
        await asyncio.wait((task,), timeout=20)
        assert task.done(), "the door does not close"


async def declare(connection: LogConnection) -> None:
    await apply(connection, TOPOLOGY, replicas=1, partitions=1)


async def write(connection: LogConnection, first: int, last: int) -> None:
    for sequence in range(first, last + 1):
        ack = await publish(connection, "traffic.0", b"%d" % sequence, {"Nats-Msg-Id": str(sequence)})
        assert ack.seq == sequence


async def all_acknowledged(connection: LogConnection) -> None:
    """Waits until the consumer is there and waits for nobody."""
    info = {}
    for _ in range(500):
        try:
            info = await call(connection, "CONSUMER.INFO.TRAFFIC.audit")
        except ApiError as error:
            assert error.number == CONSUMER_NOT_FOUND
            await asyncio.sleep(0.02)
            continue
        if info["num_ack_pending"] == 0 and info["num_pending"] == 0:
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"unacknowledged: {info}")


async def test_messages_arrive_in_order_and_are_acknowledged(nats_server: NatsServer) -> None:
    store = Store()
    async with connected(nats_server) as connection:
        await declare(connection)
        await write(connection, 1, 100)
        async with door(nats_server, connection, store) as task:
            await until(lambda: store.stored == 100, "the backlog")
            await write(connection, 101, 150)
            await until(lambda: store.stored == 150, "what came later")
            await all_acknowledged(connection)
        task.result()
    assert store.applied == list(range(1, 151))


async def test_nothing_is_declared_yet(nats_server: NatsServer) -> None:
    store = Store()
    async with connected(nats_server) as connection, door(nats_server, connection, store):
        await until(lambda: connection.connected, "a connection")
        for _ in range(500):
            try:
                await write(connection, 1, 1)
                break
            except Exception:
                await asyncio.sleep(0.02)
        await write(connection, 2, 5)
        await until(lambda: store.stored == 5, "messages of a stream that the door declared")


async def test_a_server_killed_and_started_again(nats_server: NatsServer) -> None:
    store = Store()
    async with connected(nats_server) as connection:
        await declare(connection)
        async with door(nats_server, connection, store):
            for round in range(3):
                await write(connection, 20 * round + 1, 20 * round + 10)
                nats_server.kill()
                nats_server.start()
                await connection.wait_connected()
                for sequence in range(20 * round + 11, 20 * round + 21):
                    await asyncio.wait_for(_insist(connection, sequence), 30)
                await until(lambda want=20 * round + 20: store.stored == want, f"round {round}")  # type: ignore[misc]
            await all_acknowledged(connection)
    assert store.applied == list(range(1, 61))


async def _insist(connection: LogConnection, sequence: int) -> None:
    while True:
        try:
            await write(connection, sequence, sequence)
            return
        except Exception:
            await asyncio.sleep(0.05)


async def test_a_deleted_durable_is_made_again(nats_server: NatsServer) -> None:
    store = Store()
    async with connected(nats_server) as connection:
        await declare(connection)
        async with door(nats_server, connection, store):
            await write(connection, 1, 10)
            await until(lambda: store.stored == 10, "the first messages")
            await call(connection, "CONSUMER.DELETE.TRAFFIC.audit")
            await write(connection, 11, 20)
            await until(lambda: store.stored == 20, "messages after the deletion")
            await write(connection, 21, 30)
            await until(lambda: store.stored == 30, "messages through the new durable")
            await all_acknowledged(connection)
    assert store.applied == list(range(1, 31))


async def test_what_a_dead_worker_holds_is_read_from_the_stream(nats_server: NatsServer) -> None:
    store = Store()
    async with connected(nats_server) as connection:
        await declare(connection)
        await write(connection, 1, 30)
        taken = await connection.js.pull_subscribe_bind(stream="TRAFFIC", durable="audit")
        first = await taken.fetch(10)
        for raw in first[:4]:
            await raw.ack()
        # these will not be delivered again within the bound of this test
        async with door(nats_server, connection, store):
            await until(lambda: store.stored == 30, "what the other worker holds")
    assert store.applied == list(range(1, 31))


async def test_an_outage_of_the_store_holds_back_and_loses_nothing(nats_server: NatsServer) -> None:
    store = Store()
    refusals = 0

    def refuse(messages: list[Message]) -> None:
        nonlocal refusals
        refusals += 1
        raise (Rejected("full"), ConnectionResetError(), TimeoutError())[refusals % 3]

    async with connected(nats_server) as connection:
        await declare(connection)
        store.fail = refuse
        async with door(nats_server, connection, store):
            await write(connection, 1, 10)
            await until(lambda: refusals >= 4, "refusals")
            assert store.applied == []
            store.fail = lambda messages: None
            await until(lambda: store.stored == 10, "the same messages after the outage")
            await all_acknowledged(connection)
    assert store.applied == list(range(1, 11))


async def test_a_message_that_cannot_be_applied_goes_to_dead(nats_server: NatsServer) -> None:
    store = Store()

    def judge(messages: list[Message]) -> None:
        if any(message.sequence in (3, 7, 8) for message in messages):
            raise Invalid("not for\nus")

    async with connected(nats_server) as connection:
        await declare(connection)
        store.fail = judge
        await write(connection, 1, 10)
        async with door(nats_server, connection, store):
            await until(lambda: store.stored == 10, "the messages around")
            await all_acknowledged(connection)
        assert store.applied == [1, 2, 4, 5, 6, 9, 10]
        buried = [await get_message(connection, "DEAD", sequence=number) for number in (1, 2, 3)]
        assert [one.payload for one in buried if one is not None] == [b"3", b"7", b"8"]
        raw = await connection.js.get_msg("DEAD", 1)
        assert raw.headers is not None
        assert raw.subject == "dead.audit"
        assert raw.headers[dead.REASON] == "not for us"
        assert (raw.headers[dead.STREAM], raw.headers[dead.SEQUENCE]) == ("TRAFFIC", "3")


async def test_a_mistake_of_ours_costs_the_message_that_shows_it_and_is_told_loudly(
    nats_server: NatsServer, caplog: pytest.LogCaptureFixture
) -> None:
    store = Store()

    def break_down(messages: list[Message]) -> None:
        if any(message.sequence == 2 for message in messages):
            raise KeyError("a mistake of ours")

    async with connected(nats_server) as connection:
        await declare(connection)
        store.fail = break_down
        async with door(nats_server, connection, store) as task:
            await write(connection, 1, 3)
            await until(lambda: store.stored == 3, "the rest is applied")
            assert not task.done()
        assert store.applied == [1, 3]
        (buried,) = [one async for one in dead.letters(connection)]
        assert (buried.message.sequence, buried.reason) == (2, "KeyError in the worker")
    assert "event=worker_fault" in caplog.text and "a mistake of ours" in caplog.text


async def test_a_view_that_begins_again_is_filled_again(nats_server: NatsServer) -> None:
    store = Store()
    async with connected(nats_server) as connection:
        await declare(connection)
        async with door(nats_server, connection, store):
            await write(connection, 1, 20)
            await until(lambda: store.stored == 20, "the first filling")
            store.stored = 0  # behind the sink's back, nothing new arrives
            store.applied.clear()
            await until(lambda: store.stored == 20, "the second filling")
            assert store.applied == list(range(1, 21))
            store.stored = 12  # now something does
            store.applied.clear()
            await write(connection, 21, 22)
            await until(lambda: store.stored == 22, "the third filling")
            assert store.applied == list(range(13, 23))


async def test_what_gathers_while_the_store_is_busy_is_one_batch(nats_server: NatsServer) -> None:
    store = Store()
    busy = asyncio.Event()
    plain = store.handle

    async def slow(messages: list[Message]) -> None:
        await busy.wait()
        await plain(messages)

    store.handle = slow  # type: ignore[method-assign]
    async with connected(nats_server) as connection:
        await declare(connection)
        async with door(nats_server, connection, store):
            await write(connection, 1, 1)
            await write(connection, 2, 300)
            busy.set()
            await until(lambda: store.stored == 300, "everything")
    assert max(store.batches) > 64, "deliveries of a backlog are joined"
