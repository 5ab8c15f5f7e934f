"""Leases against a real Valkey: limits hold, whatever gateways, the ledger and Valkey itself do meanwhile."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from valkey.asyncio import Valkey

from projections.valkey import Leases, SpentStore, WindowSpend
from schemas.aggregates.budget import Budget
from schemas.errors import LimitReached, Unavailable
from schemas.ids import SystemClock
from schemas.spend import seconds_left, window_of
from tests.integration.valkey_fixture import ValkeyServer, valkey_server
from tests.waiting import BOUND

__all__ = ["valkey_server"]

TENANT = "acme"


def budget(limit: int, id: str = "b", window: str = "total") -> Budget:
    return Budget(id=id, tenant=TENANT, window=window, limit_micros=limit)


class Ledger:
    """Stands in for processors.quota: counts terminal facts and publishes the sums."""

    def __init__(self, url: str) -> None:
        self.store = SpentStore(url, log="test")
        self.sequence = 0
        self.spent: dict[str, int] = {}
        self.applied: dict[str, dict[str, int]] = {}

    def terminal(self, boot: str, budgets: tuple[str, ...], cost: int) -> None:
        self.sequence += 1
        for name in budgets:
            self.spent[name] = self.spent.get(name, 0) + cost
            applied = self.applied.setdefault(name, {})
            applied[boot] = applied.get(boot, 0) + cost

    def window(self, each: Budget, hold_ms: int = 0) -> WindowSpend:
        window = window_of(each.window, SystemClock().now_us())
        applied = dict(self.applied.get(each.id, {}))
        return WindowSpend(TENANT, each.id, window, self.sequence, self.spent.get(each.id, 0), applied, hold_ms=hold_ms)

    async def publish(self, *budgets: Budget, hold_ms: int = 0) -> None:
        await self.store.epoch()
        await self.store.write([self.window(each, hold_ms) for each in budgets])


@pytest.fixture
async def ledger(valkey_server: ValkeyServer) -> AsyncIterator[Ledger]:
    opened = Ledger(valkey_server.url)
    yield opened
    await opened.store.close()


@asynccontextmanager
async def gateway(server: ValkeyServer, name: str = "g/1", **options: float) -> AsyncIterator[Leases]:
    leases = Leases(server.url, SystemClock(), name, **options)
    try:
        yield leases
    finally:
        await leases.close()


async def reserved(leases: Leases, budgets: list[Budget], want: int, minimum: int) -> int:
    """Micro-dollars set aside, 0 when the limit is reached."""
    try:
        return (await leases.reserve(TENANT, budgets, want, minimum)).micros
    except LimitReached:
        return 0


async def test_a_limit_is_served_to_the_last_micro_and_no_further(valkey_server: ValkeyServer, ledger: Ledger) -> None:
    limited = budget(1000)
    await ledger.publish(limited)
    async with gateway(valkey_server) as leases:
        total = 0
        while got := await reserved(leases, [limited], 10, 10):
            total += got
        assert total == 1000


async def test_a_used_up_window_says_when_it_starts_anew(valkey_server: ValkeyServer, ledger: Ledger) -> None:
    limited = budget(1000, window="day")
    ledger.terminal("g/0", ("b",), 995)
    await ledger.publish(limited)
    async with gateway(valkey_server) as leases:
        with pytest.raises(LimitReached) as caught:
            await leases.reserve(TENANT, [limited], 10, 10)
        expected = seconds_left("day", SystemClock().now_us())
        assert caught.value.error_code == "insufficient_quota"
        assert caught.value.retry_after is not None
        assert abs(caught.value.retry_after - expected) < BOUND
        # believed for a moment without asking, and then the same
        with pytest.raises(LimitReached):
            await leases.reserve(TENANT, [limited], 10, 10)
        # what fits is still served
        assert await reserved(leases, [limited], 10, 5) == 5


async def test_money_held_by_requests_under_way_is_a_matter_of_a_moment(
    valkey_server: ValkeyServer, ledger: Ledger
) -> None:
    limited = budget(100)
    await ledger.publish(limited)
    async with gateway(valkey_server) as leases:
        assert await reserved(leases, [limited], 100, 100) == 100
        with pytest.raises(LimitReached) as caught:
            await leases.reserve(TENANT, [limited], 10, 10)
        assert caught.value.retry_after == 1


async def test_what_a_request_did_not_use_serves_the_next_without_asking(
    valkey_server: ValkeyServer, ledger: Ledger
) -> None:
    limited = budget(1000)
    await ledger.publish(limited)
    async with gateway(valkey_server) as leases:
        first = await leases.reserve(TENANT, [limited], 200, 200)
        leases.settle(first, 50)
        second = leases.reserve_now(TENANT, [limited], 150)
        assert second is not None
        assert second.micros == 150
        assert leases.reserve_now(TENANT, [limited], 500) is None


async def test_all_budgets_or_none(valkey_server: ValkeyServer, ledger: Ledger) -> None:
    wide, narrow = budget(1000, "wide"), budget(50, "narrow")
    await ledger.publish(wide, narrow)
    async with gateway(valkey_server, "g/1") as one, gateway(valkey_server, "g/2") as two:
        with pytest.raises(LimitReached, match="narrow"):
            await one.reserve(TENANT, [wide, narrow], 60, 60)
        all_of_it = await two.reserve(TENANT, [wide], 1000, 1000)
        assert all_of_it.micros == 1000
        two.settle(all_of_it, 0)
    async with gateway(valkey_server, "g/3") as three:
        await ledger.publish(wide, narrow)
        both = await three.reserve(TENANT, [wide, narrow], 40, 10)
        assert both.budgets == ("wide", "narrow")
        assert 10 <= both.micros <= 40


async def test_one_request_cannot_take_all_that_is_left(valkey_server: ValkeyServer, ledger: Ledger) -> None:
    limited = budget(1000)
    await ledger.publish(limited)
    async with gateway(valkey_server) as leases:
        assert await reserved(leases, [limited], 5000, 10) == 250
        assert await reserved(leases, [limited], 5000, 600) == 600
        assert await reserved(leases, [limited], 5000, 0) == 37


async def test_what_costs_nothing_is_served_from_an_empty_budget_and_accounted_for(
    valkey_server: ValkeyServer, ledger: Ledger
) -> None:
    limited = budget(0)
    async with gateway(valkey_server) as leases:
        free = await leases.reserve(TENANT, [limited], 0, 0)
        assert (free.micros, free.budgets) == (0, ("b",))
        leases.settle(free, 7)
        await ledger.publish(limited)
        await leases.tick()
        async with gateway(valkey_server, "g/2") as other:
            with pytest.raises(LimitReached):
                await other.reserve(TENANT, [limited], 1, 1)


async def test_a_window_that_is_not_loaded_is_waited_for(valkey_server: ValkeyServer, ledger: Ledger) -> None:
    limited = budget(1000)
    async with gateway(valkey_server, load_wait_s=BOUND) as leases:
        waiting = asyncio.create_task(leases.reserve(TENANT, [limited], 10, 10))
        await asyncio.sleep(0)
        await ledger.publish(limited)
        assert (await waiting).micros == 10
    async with gateway(valkey_server, "g/2", load_wait_s=0.1) as leases:
        with pytest.raises(Unavailable) as caught:
            await leases.reserve(TENANT, [budget(1000, "never")], 10, 10)
        assert caught.value.error_code == "budget_store_unavailable"


async def test_without_valkey_budgets_cannot_be_checked(valkey_server: ValkeyServer) -> None:
    valkey_server.kill()
    async with gateway(valkey_server, load_wait_s=0.2) as leases:
        with pytest.raises(Unavailable) as caught:
            await leases.reserve(TENANT, [budget(1000)], 10, 10)
        assert (caught.value.error_code, caught.value.retry_after) == ("budget_store_unavailable", 1)
    unset = Leases("", SystemClock(), "g/1", load_wait_s=0.0)
    with pytest.raises(Unavailable, match="NEXUS_VALKEY_URL"):
        await unset.reserve(TENANT, [budget(1000)], 10, 10)
    await unset.close()


async def test_a_gateway_that_dies_loses_its_part(valkey_server: ValkeyServer, ledger: Ledger) -> None:
    limited = budget(1000)
    await ledger.publish(limited)
    crashed = Leases(valkey_server.url, SystemClock(), "crashed/1", lease_s=0.5)
    assert (await crashed.reserve(TENANT, [limited], 1000, 1000)).micros == 1000
    async with gateway(valkey_server, "alive/1", lease_s=0.5) as alive:
        with pytest.raises(LimitReached):
            await alive.reserve(TENANT, [limited], 1000, 1000)
        deadline = time.monotonic() + BOUND
        while not await reserved(alive, [limited], 1000, 1000):
            assert time.monotonic() < deadline, "the dead gateway's part never comes back"
            await asyncio.sleep(0.05)
        # the lease that nobody renewed may no longer be used by its holder either
        assert crashed.reserve_now(TENANT, [limited], 1) is None


async def test_closing_gives_back_what_is_left(valkey_server: ValkeyServer, ledger: Ledger) -> None:
    limited = budget(1000)
    await ledger.publish(limited)
    async with gateway(valkey_server, "g/1") as leases:
        leases.settle(await leases.reserve(TENANT, [limited], 1000, 1000), 300)
    async with gateway(valkey_server, "g/2") as other:
        assert await reserved(other, [limited], 701, 701) == 0
        assert await reserved(other, [limited], 700, 700) == 700


async def test_a_lower_limit_takes_back_what_lies_at_gateways(valkey_server: ValkeyServer, ledger: Ledger) -> None:
    await ledger.publish(budget(1000))
    async with gateway(valkey_server) as leases:
        leases.settle(await leases.reserve(TENANT, [budget(1000)], 400, 400), 100)
        assert leases.reserve_now(TENANT, [budget(200)], 150) is None
        assert await reserved(leases, [budget(200)], 150, 150) == 0
        assert await reserved(leases, [budget(200)], 100, 100) == 100


async def test_a_flush_of_valkey_loses_nothing(valkey_server: ValkeyServer, ledger: Ledger) -> None:
    limited = budget(1000)
    await ledger.publish(limited)
    async with gateway(valkey_server, "g/1") as one, gateway(valkey_server, "g/2", load_wait_s=BOUND) as two:
        held = await one.reserve(TENANT, [limited], 300, 300)
        done = await one.reserve(TENANT, [limited], 200, 200)
        one.settle(done, 200)
        ledger.terminal("g/1", done.budgets, 200)
        await ledger.publish(limited)
        await one.tick()
        async with Valkey.from_url(valkey_server.url) as client:
            await client.flushall()
        # the ledger is back first and holds the window until gateways have said what they hold
        await ledger.publish(limited, hold_ms=1000)
        asking = asyncio.create_task(two.reserve(TENANT, [limited], 501, 501))
        await one.tick()
        with pytest.raises(LimitReached):
            await asking
        assert await reserved(two, [limited], 500, 500) == 500
        one.settle(held, 0)


async def test_sums_of_an_older_position_are_ignored(valkey_server: ValkeyServer, ledger: Ledger) -> None:
    limited = budget(1000)
    total = window_of("total", 0)
    await ledger.store.write([WindowSpend(TENANT, "b", total, 10, 900, {"g/1": 5})])
    await ledger.store.write([WindowSpend(TENANT, "b", total, 9, 100, {})])
    async with gateway(valkey_server) as leases:
        assert await reserved(leases, [limited], 101, 101) == 0
        # a ledger that was begun anew does not compare
        other = SpentStore(valkey_server.url, log="other")
        await other.write([WindowSpend(TENANT, "b", total, 1, 0, {})])
        await other.close()
    async with gateway(valkey_server, "g/2") as leases:
        assert await reserved(leases, [limited], 1000, 1000) == 1000


@pytest.mark.parametrize("seed", range(6))
async def test_gateways_never_spend_more_than_the_limit(valkey_server: ValkeyServer, ledger: Ledger, seed: int) -> None:
    """Gateways, requests and the ledger in any order; one gateway dies with requests open and starts anew."""
    chance = random.Random(seed)
    limits = [budget(chance.randint(500, 5_000), "all"), budget(chance.randint(500, 5_000), "some")]
    await ledger.publish(*limits)
    crash_at = chance.randint(100, 400)
    boots = {number: 1 for number in range(4)}
    gateways = {(number, 1): opened(valkey_server, number, 1) for number in boots}
    for leases in gateways.values():
        await leases.start()
    log: list[tuple[str, tuple[str, ...], int]] = []
    spent = {"all": 0, "some": 0}
    requests = 0
    stopped = asyncio.Event()

    async def apply_the_log() -> None:
        while not (stopped.is_set() and not log):
            for entry in log[: chance.randint(0, len(log))]:
                ledger.terminal(*entry)
                log.pop(0)
            await ledger.publish(*limits)
            await asyncio.sleep(0)

    async def crash() -> None:
        old = gateways[0, boots[0]]
        boots[0] += 1
        gateways[0, boots[0]] = opened(valkey_server, 0, boots[0])
        assert old.task is not None
        old.task.cancel()

    async def client(number: int, luck: random.Random) -> None:
        nonlocal requests
        for _ in range(40):
            boot = boots[number % 4]
            leases = gateways[number % 4, boot]
            wanted = limits if luck.random() < 0.5 else limits[:1]
            want = luck.randint(1, 120)
            requests += 1
            if requests == crash_at:
                await crash()
            try:
                got = leases.reserve_now(TENANT, wanted, want) or await leases.reserve(TENANT, wanted, want, 1)
            except LimitReached:
                continue
            for _ in range(luck.randint(0, 3)):
                await asyncio.sleep(0)
            # a dead gateway settles nothing: its requests are closed with all that had been set aside
            dead = boots[number % 4] != boot
            cost = got.micros if dead else luck.randint(0, got.micros)
            if not dead:
                leases.settle(got, cost)
            for name in got.budgets:
                spent[name] += cost
            log.append((f"g{number % 4}/{boot}", got.budgets, cost))

    applying = asyncio.create_task(apply_the_log())
    await asyncio.gather(*(client(number, random.Random(seed * 100 + number)) for number in range(24)))
    stopped.set()
    await applying
    assert requests > crash_at
    assert spent == {name: ledger.spent.get(name, 0) for name in spent}
    for each in limits:
        assert spent[each.id] <= each.limit_micros
    # and what is left can still be had once everybody has given back, or is forgotten
    for (number, boot), leases in gateways.items():
        if boot == boots[number]:
            await leases.close()
    left = limits[0].limit_micros - spent["all"]
    async with gateway(valkey_server, "last/1", lease_s=0.5) as last:
        deadline = time.monotonic() + BOUND
        while left and await reserved(last, limits[:1], left, left) != left:
            assert time.monotonic() < deadline, "what is left cannot be had"
            await asyncio.sleep(0.05)


def opened(server: ValkeyServer, number: int, boot: int) -> Leases:
    return Leases(server.url, SystemClock(), f"g{number}/{boot}", tick_s=0.01)
