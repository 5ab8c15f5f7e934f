"""Requests of dead gateways on a real log: closed exactly once, by however many sweepers, however they end."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import pytest

from processors.reconcile import checkpoint
from processors.reconcile.app import run
from processors.reconcile.sweeper import Sweeper
from projections.log.api import publish
from projections.log.connection import LogConnection
from projections.log.verify import verify_chains
from schemas import codec
from schemas.envelope import GENESIS
from schemas.errors import Unavailable
from schemas.facts.traffic import (
    TERMINALS,
    RequestAbandoned,
    RequestAccepted,
    RequestCompleted,
    RequestRouted,
    Terminal,
    WriterBeat,
    WriterClosed,
)
from schemas.ids import Ids, SystemClock
from schemas.settings import Settings, environment_of
from tests.integration.log_fixture import CLOCK, connection, stored
from tests.integration.nats_fixture import NatsServer, nats_server
from tests.waiting import BOUND, until

__all__ = ["connection", "nats_server"]

IDS = Ids(CLOCK)


class Ahead(SystemClock):
    """The machine's clock, some seconds ahead as the test says."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds = 0.0

    def monotonic(self) -> float:
        return time.monotonic() + self.seconds


class Gateway:
    """A writer that only says what it is told to: no beat, no farewell."""

    def __init__(self, connection: LogConnection, boot: str, writer: str = "w") -> None:
        self._connection = connection
        self._name = (writer, boot)
        self._number = 0
        self._hash = GENESIS

    async def say(self, request: str, *data: msgspec.Struct) -> None:
        self._number += 1
        facts = [
            codec.encode_fact(
                codec.fact(one, id=IDS.new(), time=CLOCK.now_us(), tenant="acme", actor="key:k", correlation=request)
            )
            for one in data
        ]
        payload = codec.encode_segment("traffic.0", *self._name, self._number, self._hash, facts)
        ack = await publish(self._connection, "traffic.0", payload, {})
        assert ack.error is None
        self._hash = codec.segment_hash(payload)


def accepted() -> RequestAccepted:
    return RequestAccepted("k", "nvk_12345678", "s", "chat", "m", False, 1, "overlapped", 1)


YIELDS = WriterBeat(0, 0, yields=True)
ROUTED = RequestRouted("r", "single", ("east/m",), (), 700, ("b",))


async def dead_gateway(
    connection: LogConnection, requests: int, boot: str = "b1", *, closed: bool = False, yields: bool = False
) -> list[str]:
    """Accepts requests and is never heard of again. Every third was completed."""
    gateway = Gateway(connection, boot)
    if yields:
        await gateway.say("", YIELDS)
    names = [IDS.new() for _ in range(requests)]
    for number, name in enumerate(names):
        await gateway.say(name, accepted(), ROUTED)
        if number % 3 == 0:
            await gateway.say(name, RequestCompleted(cost_micros=1))
    if closed:
        await gateway.say("", WriterClosed(requests))
    return names


async def terminals(connection: LogConnection) -> dict[str, list[Terminal]]:
    found: dict[str, list[Terminal]] = {}
    for message in await stored(connection):
        for fact in codec.decode_segment(message.payload).facts:
            if fact.type in TERMINALS:
                data = codec.open_fact(fact)
                assert isinstance(data, Terminal)
                found.setdefault(fact.correlation, []).append(data)
    return found


@asynccontextmanager
async def sweeper(connection: LogConnection, clock: Ahead, start: int = 1) -> AsyncIterator[Sweeper]:
    """Caught up, and not sweeping by itself."""
    one = Sweeper(connection, clock, Ids(clock), start=start)
    following = asyncio.create_task(one.follow())
    last = len(await stored(connection))
    await until(lambda: one.state.sequence >= last, "the history is read")
    await one.sweep()
    try:
        yield one
    finally:
        following.cancel()
        await asyncio.wait((following,))


async def test_requests_of_a_silent_writer_are_closed_with_what_was_set_aside(connection: LogConnection) -> None:
    names = await dead_gateway(connection, 7)
    clock = Ahead()
    async with sweeper(connection, clock) as one:
        assert one.closed == 0
        clock.seconds = 29.0
        await until(lambda: one.caught_up_since is not None, "caught up")
        await one.sweep()
        assert one.closed == 0
        clock.seconds = 31.0
        await one.sweep()
        assert one.closed == 4
        clock.seconds = 100.0
        await one.sweep()
        assert (one.closed, one.state.open) == (4, 0)
    found = await terminals(connection)
    assert {name: len(told) for name, told in found.items()} == dict.fromkeys(names, 1)
    told = [told for (told,) in found.values() if isinstance(told, RequestAbandoned)]
    assert {(one.code, one.cost_micros, one.budgets, one.account, one.writer, one.boot) for one in told} == {
        ("abandoned", 700, ("b",), "east", "w", "b1")
    }
    assert (await verify_chains(connection, ("TRAFFIC",))).faults == []


async def test_the_id_of_a_writers_next_segment_is_used_once(
    connection: LogConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("processors.reconcile.sweeper._AT_ONCE", 2)
    names = await dead_gateway(connection, 7, yields=True)
    # of another writer somebody has used it for something else
    odd = Gateway(connection, "b1", writer="odd")
    await odd.say("odd", accepted(), YIELDS)
    other = codec.encode_segment("traffic.0", "other", "b1", 1, GENESIS, [])
    await publish(connection, "traffic.0", other, {"Nats-Msg-Id": "odd/b1/2"})
    clock = Ahead()
    async with sweeper(connection, clock) as one:
        clock.seconds = 31.0
        await one.sweep()
        assert (one.closed, one.state.open) == (5, 0)
    found = await terminals(connection)
    assert {name: len(told) for name, told in found.items()} == dict.fromkeys([*names, "odd"], 1)
    closing = [message.msg_id for message in await stored(connection) if b"request.abandoned" in message.payload]
    own, others = [], []
    for id in closing:
        (own if id.startswith("reconcile/") else others).append(id)
    assert others == ["w/b1/12"] and len(own) == 2


async def test_of_a_writer_of_an_earlier_version_no_id_is_used(connection: LogConnection) -> None:
    await dead_gateway(connection, 2)
    clock = Ahead()
    async with sweeper(connection, clock) as one:
        clock.seconds = 31.0
        await one.sweep()
        assert one.closed == 1
    assert (await stored(connection))[-1].msg_id.startswith("reconcile/")


async def test_a_restarted_or_closed_writer_needs_no_silence(connection: LogConnection) -> None:
    first = await dead_gateway(connection, 2, "b1", closed=True)
    clock = Ahead()
    async with sweeper(connection, clock) as one:
        assert one.closed == 1
    second = await dead_gateway(connection, 2, "b2")
    successor = Gateway(connection, "b3")
    alive = IDS.new()
    await successor.say(alive, accepted())
    clock = Ahead()
    async with sweeper(connection, clock) as one:
        clock.seconds = 6.0
        await one.sweep()
        assert one.closed == 1
        assert one.state.request(alive) is not None
    await successor.say(alive, RequestCompleted())
    counted = {name: len(told) for name, told in (await terminals(connection)).items()}
    assert counted == dict.fromkeys([*first, *second, alive], 1)


async def test_any_number_of_sweepers_close_each_request_once(connection: LogConnection) -> None:
    """All find the same requests due at the same moment, while another gateway keeps the stream moving."""
    names = await dead_gateway(connection, 60)
    clock = Ahead()
    busy = Gateway(connection, "b1", writer="busy")
    stop = asyncio.Event()

    async def traffic() -> None:
        while not stop.is_set():
            name = IDS.new()
            names.append(name)
            await busy.say(name, accepted(), RequestCompleted())

    async with sweeper(connection, clock) as a, sweeper(connection, clock) as b, sweeper(connection, clock) as c:
        moving = asyncio.create_task(traffic())
        clock.seconds = 31.0
        # the busy gateway is heard of again, now by the clock that is ahead
        seen = a.state.sequence
        await until(lambda: min(one.state.sequence for one in (a, b, c)) > seen + 3, "traffic moves")
        async with asyncio.timeout(BOUND):
            while sum(one.closed for one in (a, b, c)) < 40:
                await asyncio.gather(*(one.sweep() for one in (a, b, c)))
        stop.set()
        await moving
        await asyncio.gather(*(one.sweep() for one in (a, b, c)))
        assert sum(one.closed for one in (a, b, c)) == 40
    counted = Counter({name: len(told) for name, told in (await terminals(connection)).items()})
    assert counted == Counter(names)
    assert (await verify_chains(connection, ("TRAFFIC",))).faults == []


async def test_a_sweeper_that_dies_between_append_and_answer_leaves_nothing_double(
    connection: LogConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = await dead_gateway(connection, 9)
    clock = Ahead()
    lost: list[int] = []

    async def without_answer(*given: object, **options: object) -> object:
        ack = await publish(*given, **options)  # type: ignore[arg-type]
        lost.append(ack.seq)
        raise Unavailable("no acknowledgement")

    async with sweeper(connection, clock) as one:
        clock.seconds = 31.0
        with monkeypatch.context() as patch:
            patch.setattr("processors.reconcile.sweeper.publish", without_answer)
            with pytest.raises(Unavailable):
                await one.sweep()
        # the same process goes on, and one that starts anew looks at the same log
        await one.sweep()
        async with sweeper(connection, Ahead()) as other:
            assert other.state.open == 0
    assert len(lost) == 1
    assert {name: len(told) for name, told in (await terminals(connection)).items()} == dict.fromkeys(names, 1)


async def test_a_lost_connection_starts_the_silence_anew(nats_server: NatsServer, connection: LogConnection) -> None:
    await dead_gateway(connection, 2)
    clock = Ahead()
    async with sweeper(connection, clock) as one:
        clock.seconds = 25.0
        nats_server.kill()
        await until(lambda: not connection.connected, "the loss is noticed")
        await one.sweep()
        assert one.caught_up_since is None
        nats_server.start()
        await until(lambda: connection.connected, "the connection is back")
        clock.seconds = 40.0
        async with asyncio.timeout(BOUND):
            while one.caught_up_since is None:
                await asyncio.sleep(0.05)
                await one.sweep()
        assert one.closed == 0
        clock.seconds = 71.0
        await one.sweep()
        assert one.closed == 1


async def test_a_start_reads_from_the_checkpoint_on(connection: LogConnection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "EVERY", 5)
    settings = Settings(nats_url=f"nats://127.0.0.1:{connection.nc.connected_url.port}")  # type: ignore[union-attr]
    assert await checkpoint.start_from(connection) == 1
    done = await dead_gateway(connection, 12, closed=True)
    stop = asyncio.Event()
    task = asyncio.create_task(run(settings, stop))
    give_up = time.monotonic() + BOUND
    while len(await terminals(connection)) < 12 or await checkpoint.start_from(connection) == 1:
        assert time.monotonic() < give_up, "not closed, or no checkpoint"
        await asyncio.sleep(0.02)
    stop.set()
    await task
    start = await checkpoint.start_from(connection)
    assert 1 < start <= len(await stored(connection)) + 1
    # what is opened later is found from there
    later = await dead_gateway(connection, 2, "b2")
    clock = Ahead()
    async with sweeper(connection, clock, start) as one:
        clock.seconds = 31.0
        await one.sweep()
        assert one.closed == 1
    assert {name: len(told) for name, told in (await terminals(connection)).items()} == dict.fromkeys(
        [*done, *later], 1
    )


async def test_as_a_process_killed_and_started_again(connection: LogConnection) -> None:
    settings = Settings(nats_url=f"nats://127.0.0.1:{connection.nc.connected_url.port}")  # type: ignore[union-attr]
    environment = dict(os.environ) | environment_of(settings)
    running: list[subprocess.Popen[bytes]] = []

    def start() -> None:
        command = [sys.executable, "-m", "processors", "reconcile"]
        running.append(subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL))

    names: list[str] = []
    try:
        for round in range(3):
            start()
            names += await dead_gateway(connection, 30, f"b{round}", closed=True)
            give_up = time.monotonic() + BOUND
            while len(await terminals(connection)) <= 10 * (round + 1) + 20 * round:
                assert time.monotonic() < give_up, "nothing is closed"
            running[-1].kill()
        start()
        give_up = time.monotonic() + BOUND
        while len(await terminals(connection)) < len(names):
            assert time.monotonic() < give_up, "something stays open"
            await asyncio.sleep(0.02)
    finally:
        for one in running:
            one.kill()
            one.wait(10)
    assert {name: len(told) for name, told in (await terminals(connection)).items()} == dict.fromkeys(names, 1)
