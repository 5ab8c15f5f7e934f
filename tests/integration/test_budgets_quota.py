"""The quota worker as it runs: TRAFFIC to LEDGER to Valkey, through crashes, a flush, new budgets and two replicas."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import pytest
from valkey.asyncio import Valkey

from processors.quota.app import run
from projections.log.connection import LogConnection
from projections.log.store import ConfigStore
from projections.log.verify import verify_chains
from projections.log.writer import SegmentWriter
from projections.valkey import Leases
from projections.valkey.scripts import window_key
from schemas import codec, subjects
from schemas.aggregates.budget import DECIDER, Budget
from schemas.aggregates.decider import Put
from schemas.errors import LimitReached
from schemas.facts.ledger import SpendRecorded, ThresholdCrossed
from schemas.facts.traffic import RequestCompleted, Usage
from schemas.ids import Ids, SystemClock
from schemas.settings import Settings, environment_of
from schemas.spend import window_of
from tests.integration.log_fixture import connection, stored, writer_on
from tests.integration.nats_fixture import NatsServer, nats_server
from tests.integration.valkey_fixture import ValkeyServer, valkey_server
from tests.waiting import BOUND

__all__ = ["connection", "nats_server", "valkey_server"]

CLOCK = SystemClock()
TENANT = "acme"


@pytest.fixture
def settings(nats_server: NatsServer, valkey_server: ValkeyServer, tmp_path: Path) -> Iterator[Settings]:
    yield Settings(nats_url=nats_server.url, valkey_url=valkey_server.url, data_dir=str(tmp_path))


@asynccontextmanager
async def quota(settings: Settings) -> AsyncIterator[asyncio.Task[None]]:
    stop = asyncio.Event()
    task = asyncio.create_task(run(settings, stop))
    try:
        yield task
    finally:
        stop.set()
        await asyncio.wait((task,))
        if not task.cancelled():
            task.result()


@asynccontextmanager
async def gateway(connection: LogConnection, boot: str = "b1") -> AsyncIterator[SegmentWriter]:
    writer = writer_on(connection, boot)
    await writer.start()
    try:
        yield writer
    finally:
        await writer.close()


class Processes:
    """Workers as processes of their own; what still runs at the end is killed."""

    def __init__(self, settings: Settings) -> None:
        self._environment = dict(os.environ) | environment_of(settings)
        self._running: list[subprocess.Popen[bytes]] = []

    def start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "processors", "quota"]
        self._running.append(subprocess.Popen(command, env=self._environment, stderr=subprocess.DEVNULL))
        return self._running[-1]

    def end(self) -> None:
        for one in self._running:
            one.kill()
            one.wait(10)


@pytest.fixture
def processes(settings: Settings) -> Iterator[Processes]:
    started = Processes(settings)
    yield started
    started.end()


async def ended(
    writer: SegmentWriter, cost: int, *, tenant: str = TENANT, budgets: tuple[str, ...] = (), boot: str = "w/b1"
) -> None:
    name, _, start = boot.partition("/")
    data = RequestCompleted(
        key_id="k", account="east", model="east/m", usage=Usage(3, 2), cost_micros=cost, budgets=budgets,
        started_us=CLOCK.now_us(), writer=name, boot=start,
    )  # fmt: skip
    fact = writer.new_fact(data, tenant=tenant, actor="key:k", correlation=Ids(CLOCK).new())
    await writer.append(subjects.traffic(0), [fact])


async def put(connection: LogConnection, budget: Budget) -> None:
    store = ConfigStore(connection, CLOCK, Ids(CLOCK), writer="test")
    await store.handle(DECIDER, budget.tenant, budget.id, Put(budget), actor="admin:test", correlation="test")


async def spend(connection: LogConnection) -> Counter[str]:
    sums: Counter[str] = Counter()
    for message in await stored(connection, "LEDGER"):
        for fact in codec.decode_segment(message.payload).facts:
            data = codec.open_fact(fact)
            if isinstance(data, SpendRecorded):
                sums[fact.tenant] += sum(line.cost_micros for line in data.lines)
    return sums


async def eventually(look: Callable[[], Awaitable[object]], expected: object) -> None:
    """Waits, with a bound, until a look brings what is expected."""
    give_up = time.monotonic() + BOUND
    while (seen := await look()) != expected:
        assert time.monotonic() < give_up, f"still {seen!r} instead of {expected!r}"
        await asyncio.sleep(0.01)


class Counted:
    """What Valkey says about a budget."""

    def __init__(self, client: Valkey, budget: str = "b") -> None:
        self._client = client
        self._key = window_key(TENANT, budget, window_of("month", CLOCK.now_us()))

    async def spent(self) -> int:
        found = await cast("Awaitable[bytes | None]", self._client.hget(self._key, "spent"))
        return -1 if found is None else int(found)

    async def becomes(self, expected: int) -> None:
        await eventually(self.spent, expected)


@pytest.fixture
async def valkey(valkey_server: ValkeyServer) -> AsyncIterator[Valkey]:
    async with Valkey.from_url(valkey_server.url) as client:
        yield client


async def test_spend_reaches_the_ledger_and_valkey_and_a_new_budget_knows_the_past(
    settings: Settings, connection: LogConnection, valkey: Valkey
) -> None:
    async with gateway(connection) as writer, quota(settings):
        await ended(writer, 40)
        await put(connection, Budget(id="b", tenant=TENANT, limit_micros=100))
        await Counted(valkey).becomes(40)
        await ended(writer, 15)
        await ended(writer, 9, tenant="other")
        await Counted(valkey).becomes(55)
        await put(connection, Budget(id="c", tenant=TENANT, scope="key", target="nobody", limit_micros=100))
        await Counted(valkey, "c").becomes(0)
        await put(connection, Budget(id="c", tenant=TENANT, scope="key", target="k", limit_micros=100))
        await Counted(valkey, "c").becomes(55)
    assert await spend(connection) == {TENANT: 55, "other": 9}
    crossed = [
        (data.budget, data.percent)
        for message in await stored(connection, "LEDGER")
        for fact in codec.decode_segment(message.payload).facts
        if isinstance(data := codec.open_fact(fact), ThresholdCrossed)
    ]
    assert crossed == [("b", 50)]


async def test_a_flush_is_made_good_within_moments(
    settings: Settings, connection: LogConnection, valkey: Valkey
) -> None:
    await put(connection, Budget(id="b", tenant=TENANT, limit_micros=100))
    budget = Budget(id="b", tenant=TENANT, limit_micros=100)
    leases = Leases(settings.valkey_url, CLOCK, "w/b1")
    await leases.start()
    async with gateway(connection) as writer, quota(settings):
        first = await leases.reserve(TENANT, [budget], 30, 30)
        leases.settle(first, 30)
        await ended(writer, 30, budgets=first.budgets)
        await Counted(valkey).becomes(30)
        held = await leases.reserve(TENANT, [budget], 20, 20)
        await valkey.flushall()
        await Counted(valkey).becomes(30)
        async with asyncio.timeout(30):
            # 30 spent and 20 held elsewhere: 50 are left, as before the flush
            other = Leases(settings.valkey_url, CLOCK, "other/1", load_wait_s=20.0)
            with pytest.raises(LimitReached):
                await other.reserve(TENANT, [budget], 51, 51)
            assert (await other.reserve(TENANT, [budget], 50, 50)).micros == 50
            await other.close()
        leases.settle(held, 0)
    await leases.close()


async def test_a_restart_of_valkey_is_a_flush(
    settings: Settings, connection: LogConnection, valkey_server: ValkeyServer
) -> None:
    await put(connection, Budget(id="b", tenant=TENANT, limit_micros=100))
    async with gateway(connection) as writer, quota(settings):
        await ended(writer, 30)
        async with Valkey.from_url(valkey_server.url) as client:
            await Counted(client).becomes(30)
        valkey_server.kill()
        await ended(writer, 5)
        await eventually(lambda: spend(connection), {TENANT: 35})
        valkey_server.start()
        async with Valkey.from_url(valkey_server.url) as client:
            await Counted(client).becomes(35)


async def test_killed_and_started_again_and_twice_at_once_nothing_is_lost_or_doubled(
    settings: Settings, connection: LogConnection, processes: Processes
) -> None:
    """Terminal facts of three tenants; each worker is killed at work, while its successor is already there."""
    expected: Counter[str] = Counter()
    async with gateway(connection) as writer:

        async def requests(count: int) -> None:
            for number in range(count):
                tenant = f"t{number % 3}"
                expected[tenant] += number + 1
                await ended(writer, number + 1, tenant=tenant)

        working = processes.start()
        for _ in range(3):
            await requests(10)
            await eventually(lambda: spend(connection), expected)
            successor = processes.start()
            flood = asyncio.create_task(requests(300))
            before = len(await stored(connection, "LEDGER"))
            while len(await stored(connection, "LEDGER")) < before + 6:
                assert working.poll() is None
                await asyncio.sleep(0.001)
            working.kill()
            await flood
            working = successor
        working.kill()
        # nobody is there: what comes now is recorded by whoever comes next
        await requests(10)
        async with quota(settings):
            await eventually(lambda: spend(connection), expected)
    report = await verify_chains(connection, ("LEDGER",))
    assert report.faults == []
    assert report.chains == 3
