"""Provider calls on a real log become health and circuits on DECISIONS, once, also over kills and restarts."""

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

from processors.routing.app import run
from projections.log.connection import LogConnection
from projections.log.verify import verify_chains
from projections.log.writer import SegmentWriter
from schemas import codec, subjects
from schemas.facts.decisions import CircuitClosed, CircuitOpened, HealthObserved
from schemas.facts.traffic import ProviderCalled
from schemas.settings import Settings, environment_of
from tests.integration.log_fixture import CLOCK, IDS, connection, stored, writer_on
from tests.integration.nats_fixture import NatsServer, nats_server
from tests.integration.working import working
from tests.waiting import BOUND

__all__ = ["connection", "nats_server"]

SECOND = 1_000_000


@asynccontextmanager
async def routing(server: NatsServer) -> AsyncIterator[None]:
    async with working(lambda stop: run(Settings(nats_url=server.url), stop)):
        yield


def process(server: NatsServer) -> subprocess.Popen[bytes]:
    environment = dict(os.environ) | environment_of(Settings(nats_url=server.url))
    return subprocess.Popen([sys.executable, "-m", "processors", "routing"], env=environment, stderr=subprocess.DEVNULL)


@asynccontextmanager
async def gateway(connection: LogConnection) -> AsyncIterator[SegmentWriter]:
    writer = writer_on(connection)
    await writer.start()
    try:
        yield writer
    finally:
        await writer.close()


async def called(writer: SegmentWriter, at_us: int, status: int = 200, tenant: str = "acme") -> None:
    data = ProviderCalled(1, "east", "east/m", "ok" if status == 200 else "status", status, 1, 50)
    fact = codec.fact(data, id=IDS.new(), time=at_us, tenant=tenant, actor="key:k", correlation=IDS.new())
    await writer.append(subjects.traffic(0), [fact])


async def decided(connection: LogConnection) -> list[tuple[str, str, msgspec.Struct]]:
    """Correlation, causation, data."""
    found = []
    for message in await stored(connection, "DECISIONS"):
        for fact in codec.decode_segment(message.payload).facts:
            data = codec.open_fact(fact)
            assert data is not None
            found.append((fact.correlation, fact.causation, data))
    return found


async def counted(connection: LogConnection, calls: int) -> list[msgspec.Struct]:
    """The decisions, once so many calls are in windows."""
    give_up = time.monotonic() + BOUND
    while True:
        found = [data for _, _, data in await decided(connection)]
        seen = sum(data.calls for data in found if isinstance(data, HealthObserved))
        if seen >= calls:
            assert seen == calls
            return found
        assert time.monotonic() < give_up, f"{seen} calls of {calls}"
        await asyncio.sleep(0.02)


async def test_failures_open_the_circuit_and_windows_are_told(
    nats_server: NatsServer, connection: LogConnection
) -> None:
    start = (CLOCK.now_us() - 120 * SECOND) // (10 * SECOND) * 10 * SECOND
    async with gateway(connection) as writer, routing(nats_server):
        for number in range(6):
            await called(writer, start + number, 503)
        await called(writer, start + 40 * SECOND)
        await called(writer, start + 40 * SECOND + 1)
        found = await counted(connection, 8)
    assert [data for data in found if isinstance(data, HealthObserved)] == [
        HealthObserved("east", 10 * SECOND, 6, 6, 50),
        HealthObserved("east", 10 * SECOND, 2, 0, 50),
    ]
    turns = [data for data in found if not isinstance(data, HealthObserved)]
    assert turns == [CircuitOpened("east", 5, start + 4 + 30 * SECOND), CircuitClosed("east")]
    assert (await verify_chains(connection, ("DECISIONS",))).faults == []


async def test_killed_at_work_every_window_is_told_once_and_whole(
    nats_server: NatsServer, connection: LogConnection
) -> None:
    running = [process(nats_server)]
    start = (CLOCK.now_us() - 250 * SECOND) // (10 * SECOND) * 10 * SECOND
    expected: Counter[int] = Counter()
    try:
        async with gateway(connection) as writer:
            for number in range(120):
                at = start + number * SECOND * 3 // 2
                expected[at // (10 * SECOND)] += 1
                await called(writer, at, 503 if number % 20 < 6 else 200)
                if number % 40 == 39:
                    give_up = time.monotonic() + BOUND
                    while len(await decided(connection)) < number // 14:
                        assert time.monotonic() < give_up, "nothing is decided"
                    running[-1].kill()
                    running[-1].wait(10)
                    running.append(process(nats_server))
            await counted(connection, 120)
    finally:
        for one in running:
            one.kill()
            one.wait(10)
    found = await decided(connection)
    names = Counter((correlation, causation) for correlation, causation, _ in found)
    assert set(names.values()) == {1}
    windows = {
        int(correlation.rsplit("/", 1)[1]) // (10 * SECOND): data.calls
        for correlation, _, data in found
        if isinstance(data, HealthObserved)
    }
    assert windows == expected
