"""A campaign goes on with a hung SIEM until its effect can be told, at a rate of its own, and no longer."""

from __future__ import annotations

import asyncio
import itertools
import random
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from benchmarks.chaos import schedule, turns
from benchmarks.chaos.faults import Done
from benchmarks.chaos.schedule import HANGS, TOLD_RATE, Schedule
from benchmarks.chaos.turns import turn
from processors.reconcile.due import SILENT_S


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(schedule, "PAUSE_S", (0.0, 0.0))
    monkeypatch.setattr(turns, "_LOOK_S", 0.001)
    # a campaign may be measuring on this machine
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


class Hangs:
    """Faults whose every hang has as many answers as there were requests, `slower` times as late."""

    def __init__(self, slower: float, noise: float) -> None:
        self.callers = SimpleNamespace(rate=25.0, latencies=[], going=asyncio.Event())
        self.callers.going.set()
        self.site = SimpleNamespace(names=list, workers=())
        self.done: list[Done] = []
        self.rates: list[float] = []
        self._slower, self._noise, self._dice, self._at = slower, noise, random.Random(1), itertools.count()

    async def receiver_hangs(self, seconds: float, times: int, *, alone: bool = False) -> None:
        self.rates.append(self.callers.rate)
        assert self.callers.going.is_set()
        turns = []
        for _ in range(times):
            calm = float(next(self._at))
            for part, by in enumerate((1.0, self._slower)):
                for number in range(100):
                    took = 0.005 * by * self._dice.uniform(1.0, self._noise)
                    self.callers.latencies.append((calm + part * 0.5 + 0.1 + number * 0.003, took))
            turns.append((calm, calm + 0.5, calm + 1.0))
        self.done.append(Done("hang", "siem-receiver", turns[0][0], turns[-1][2], 0.1, {"alone": float(alone)}, turns))


async def _ended(faults: Hangs, told_s: float) -> Hangs:
    dice = random.Random(2)
    await Schedule(cast(Any, faults), cast(Any, None), dice, kinds=("hang",), told_s=told_s).run(lambda: True)
    return faults


@pytest.mark.parametrize("slower", [1.0, 1.4])
async def test_it_goes_on_until_the_effect_can_be_told_and_then_stops(slower: float) -> None:
    faults = await _ended(Hangs(slower, 1.2), 60.0)
    assert len(faults.done) >= 2 and faults.rates[0] == 25.0 and set(faults.rates[1:]) == {TOLD_RATE}
    assert faults.callers.rate == 25.0, "as it was"
    assert len(faults.done[0].turns) == HANGS


async def test_it_gives_up_when_its_time_is_over() -> None:
    faults = await _ended(Hangs(1.1, 4.0), 0.0)
    assert len(faults.done) == 1 and faults.callers.rate == 25.0


async def test_the_load_rests_while_another_campaign_measures() -> None:
    faults = Hangs(1.0, 1.2)
    campaign = Schedule(cast(Any, faults), cast(Any, None), random.Random(2), kinds=("hang",), told_s=60.0)
    async with turn(print):
        running = asyncio.create_task(campaign.run(lambda: True))
        for _ in range(1_000):
            if "waits for its turn" in campaign.now:
                break
            await asyncio.sleep(0.001)
        assert "waits for its turn" in campaign.now
        assert not faults.callers.going.is_set() and len(faults.done) == 1
    await asyncio.wait_for(running, 30)
    assert faults.callers.going.is_set() and len(faults.done) > 1


class Cuts:
    """Faults that note how a gateway was cut off."""

    def __init__(self) -> None:
        self.site = SimpleNamespace(names=list, workers=())
        self.seen: list[tuple[float, bool, bool]] = []

    async def gateway_cut_off(self, seconds: float, *, refused: bool, killed: bool = False) -> None:
        self.seen.append((seconds, refused, killed))


async def test_cuts_are_of_both_kinds_outlast_a_silence_and_one_meets_a_kill() -> None:
    faults = Cuts()
    rounds = iter([False] * 5)
    await Schedule(cast(Any, faults), cast(Any, None), random.Random(3), kinds=("cut",)).run(lambda: next(rounds, True))
    for first in (faults.seen[:2], [one for one in faults.seen[2:5] if not one[2]]):
        assert {refused for _, refused, _ in first} == {True, False}
        assert max(seconds for seconds, _, _ in first) > SILENT_S
    assert [seconds > 60.0 for seconds, _, killed in faults.seen[:5] if killed] == [True]
