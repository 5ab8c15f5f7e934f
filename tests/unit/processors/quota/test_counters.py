"""When the counters in Valkey are written, what is written, and when grants are held back."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from processors.quota.counters import HOLD_MS, LOOK_S, REPEAT_S, SCAN_S, Counters
from processors.quota.ledger import Ledger
from projections.valkey.spent import SpentStore, WindowSpend
from schemas.aggregates.budget import Budget
from schemas.errors import Unavailable
from schemas.facts.ledger import Settled, SpendLine, SpendRecorded
from tests.unit.processors.quota.traffic_made import NOON


class Time:
    def __init__(self) -> None:
        self.seconds = 1_000.0

    def now_us(self) -> int:
        return NOON + int((self.seconds - 1_000.0) * 1_000_000)

    def monotonic(self) -> float:
        return self.seconds


class Written(SpentStore):
    """Keeps what is written instead of sending it."""

    def __init__(self) -> None:
        super().__init__("")
        self.mark = "run/1"
        self.down = False
        self.windows: list[WindowSpend] = []

    async def epoch(self) -> str:
        self._check()
        return self.mark

    async def write(self, windows: Sequence[WindowSpend]) -> None:
        self._check()
        self.windows += windows

    def _check(self) -> None:
        if self.down:
            raise Unavailable("down")

    def taken(self) -> list[WindowSpend]:
        found, self.windows = self.windows, []
        return found


class Rig:
    """Counters over a ledger, budgets and a store that the test controls."""

    def __init__(self, *, may_be_held: bool = False) -> None:
        self.time = Time()
        self.store = Written()
        self.ledger = Ledger()
        self.budgets: dict[str, list[Budget]] = {"acme": [Budget(id="m", tenant="acme", limit_micros=100)]}
        self.counters = Counters(
            self.ledger,
            self.store,
            self.time,
            lambda: tuple(self.budgets),
            lambda tenant: self.budgets.get(tenant, []),
            may_be_held=may_be_held,
        )

    async def step(self, seconds: float = 0.0) -> list[WindowSpend]:
        self.time.seconds += seconds
        await self.counters.step()
        return self.store.taken()

    def spend(self, cost: int, boot: str = "g/1") -> None:
        line = SpendLine("k", "east", "east/m", "2026-11-20", 1, 1, 1, cost)
        tenant = self.ledger.tenant("acme")
        tenant.add(SpendRecorded(1, 1, (line,), (Settled(boot, "m", "2026-11-20", cost),)))
        tenant.sequence += 1
        self.counters.changed("acme")


async def test_everything_is_written_at_the_start_and_then_what_changes() -> None:
    rig = Rig()
    (first,) = await rig.step()
    assert (first.tenant, first.budget, first.window, first.spent, first.applied) == ("acme", "m", "2026-11", 0, {})
    assert await rig.step() == []
    rig.spend(30)
    (second,) = await rig.step()
    assert (second.spent, second.applied, second.sequence) == (30, {"g/1": 30}, 1)
    assert await rig.step(LOOK_S) == []


async def test_a_new_budget_is_there_at_once_and_knows_the_past_without_a_hold() -> None:
    rig = Rig(may_be_held=True)
    rig.spend(30)
    await rig.step()
    rig.budgets["acme"].append(Budget(id="d", tenant="acme", window="day", limit_micros=10))
    rig.counters.changed("acme")
    (new,) = await rig.step()
    assert (new.budget, new.window, new.spent, new.hold_ms) == ("d", "2026-11-20", 30, 0)


async def test_a_changed_scope_is_counted_anew() -> None:
    rig = Rig()
    rig.spend(30)
    await rig.step()
    rig.budgets["acme"] = [Budget(id="m", tenant="acme", scope="key", target="other", limit_micros=100)]
    rig.counters.changed("acme")
    (changed,) = await rig.step()
    assert changed.spent == 0


@pytest.mark.parametrize(("running", "hold"), [(False, 0), (True, HOLD_MS)])
async def test_at_the_start_grants_wait_only_for_gateways_that_may_run(running: bool, hold: int) -> None:
    rig = Rig(may_be_held=running)
    (first,) = await rig.step()
    assert (first.hold_ms, first.hold_known) == (hold, False)


async def test_after_a_loss_everything_is_written_and_held_once() -> None:
    rig = Rig()
    rig.spend(30)
    await rig.step()
    rig.store.mark = "run/2"
    (again,) = await rig.step(LOOK_S)
    assert (again.spent, again.hold_ms, again.hold_known) == (30, HOLD_MS, True)
    rig.spend(5)
    (later,) = await rig.step()
    assert (later.spent, later.hold_ms, later.hold_known) == (35, 0, False)


async def test_an_outage_delays_and_forgets_nothing() -> None:
    rig = Rig()
    await rig.step()
    rig.spend(30)
    rig.store.down = True
    with pytest.raises(Unavailable):
        await rig.step()
    rig.store.down = False
    (late,) = await rig.step()
    assert late.spent == 30
    # also when it was down while everything had to be written
    rig.store.mark = "run/2"
    rig.time.seconds += LOOK_S
    epoch, rig.store.epoch = rig.store.epoch, epoch_of(rig.store)  # type: ignore[method-assign]
    rig.store.down = True
    with pytest.raises(Unavailable):
        await rig.step()
    rig.store.down, rig.store.epoch = False, epoch  # type: ignore[method-assign]
    (again,) = await rig.step()
    assert (again.spent, again.hold_ms) == (30, HOLD_MS)


def epoch_of(store: Written):  # type: ignore[no-untyped-def]
    async def epoch() -> str:
        return store.mark

    return epoch


async def test_windows_are_there_before_they_begin() -> None:
    rig = Rig()
    rig.budgets["acme"] = [Budget(id="d", tenant="acme", window="day", limit_micros=100)]
    rig.spend(30)
    await rig.step()
    half_an_hour_before_midnight = 11.5 * 3_600
    await rig.step(half_an_hour_before_midnight)
    soon = await rig.step(21 * 60)
    assert [(one.window, one.spent) for one in soon if one.window == "2026-11-21"] == [("2026-11-21", 0)]
    # spend that is told late still counts in the day that is over
    await rig.step(10 * 60)
    rig.spend(7)
    assert {(one.window, one.spent) for one in await rig.step()} == {("2026-11-20", 37)}


async def test_everything_is_repeated_now_and_then() -> None:
    rig = Rig()
    await rig.step()
    assert await rig.step(SCAN_S) == []
    assert len(await rig.step(REPEAT_S)) == 1
