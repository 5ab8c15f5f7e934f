"""Which fault comes when: rounds, each with every kind once, in an order that the seed decides."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterable
from functools import partial

from benchmarks.chaos.conduct import slowed
from benchmarks.chaos.faults import Faults
from benchmarks.chaos.injections import Injector
from benchmarks.chaos.site import SECOND
from benchmarks.chaos.slower import LOOKED_AT
from benchmarks.chaos.turns import turn

Step = tuple[str, Callable[[], Awaitable[object]]]
FREEZE_S = 36.0
"""Longer than the silence after which a writer is taken for dead."""
PAUSE_S = (0.3, 1.2)
SHORT_S = (3.0, 6.0)
LONG_S = 45.0
MEASURED_S = 12.0
HANGS = 3
TOLD_RATE = 100.0
"""So many requests are begun a second to tell the effect of a hung SIEM: the slowest of a hundred answers are few."""
BRIEF_S = (1.0, 1.5)
BRIEF_KILLS = ("nats", "workers", "postgres")
COPIES = "segments once more"
KINDS = ("kills", "outages", "hang", "log", "poison", "copies", "orderly", "freeze", "cut")
CUT_S = (2.0, 45.0)
LONG_CUT_S = (31.0, 45.0)
"""Longer than the silence after which the open requests of a writer are closed."""
KILLED_CUT_S = (62.0, 70.0)


class Schedule:
    """Rounds of steps. One step at a time, so that what callers see can be laid at its door."""

    def __init__(
        self,
        faults: Faults,
        injector: Injector,
        dice: random.Random,
        *,
        kinds: Iterable[str] = KINDS,
        brief: bool = False,
        long: bool = False,
        told_s: float = 0.0,
    ) -> None:
        """
        Args:
            brief: some of the kills, and outages of a second or two, several at once, for tests: too short for anything
                to be measured.
            long: one outage of the second round is a long one.
            told_s: how long it goes on, at the most, to tell the effect of a hung SIEM.
        """
        self._brief = brief
        self._long = long
        self._told_s = told_s
        self._faults = faults
        self._injector = injector
        self._dice = dice
        self._kinds = frozenset(kinds)
        self._rounds = 0
        self.now = "warming up"
        """For the progress line."""

    async def run(self, over: Callable[[], bool]) -> None:
        """Rounds until `over`; the first one is always done whole. Then the SIEM hangs until it can be told whether
        that slows callers."""
        await self._rounds_until(over)
        if "hang" in self._kinds and self._told_s:
            await self._until_told()

    async def _until_told(self) -> None:
        callers = self._faults.callers
        usual = callers.rate
        callers.going.clear()
        try:
            async with turn(self._waits):
                callers.rate = max(usual, TOLD_RATE)
                callers.going.set()
                await self._told()
        finally:
            callers.rate = usual
            callers.going.set()

    def _waits(self, what: str) -> None:
        self.now = what

    async def _told(self) -> None:
        faults, callers = self._faults, self._faults.callers
        give_up = time.monotonic() + self._told_s
        self.now = "the SIEM hangs and comes back until its effect can be told"
        while time.monotonic() < give_up:
            # the load goes on in this process: a look of seconds must not hold it up
            if (await asyncio.to_thread(slowed, [*faults.done], [*callers.latencies], edge=LOOKED_AT)).decided:
                break
            await faults.receiver_hangs(self._seconds(), 2 * HANGS, alone=True)

    async def _rounds_until(self, over: Callable[[], bool]) -> None:
        while True:
            self._rounds += 1
            for name, step in self._round(self._long and self._rounds == 2):
                self.now = name
                await step()
                self.now = "a pause"
                await asyncio.sleep(0 if self._brief else self._dice.uniform(*PAUSE_S))
                if over() and self._rounds > 1:
                    return
            if over():
                return

    def _round(self, long: bool) -> list[Step]:
        faults, dice, site = self._faults, self._dice, self._faults.site
        held = ("gateway", "nats", "quota", "reconcile", "workers", SECOND)
        others = [name for name in site.names() if name not in held]
        steps: list[Step] = []
        if "kills" in self._kinds:
            # a frozen gateway shows what it is for only when nobody who counts its silence begins anew
            kills = [name for name in site.names() if name in held or "freeze" not in self._kinds]
            if self._brief:
                steps += [("kill gateway", partial(faults.kill, "gateway")), ("kill others", self._killed_together)]
            else:
                steps += [(f"kill {name}", partial(faults.kill, name)) for name in kills]
        if "freeze" in self._kinds:
            steps.append(("freeze a gateway, kill others", partial(self._frozen, others)))
        if "outages" in self._kinds:
            away = self._away(long)
            steps += [("all stores and the SIEM away", partial(_together, away))] if self._brief else away
            steps.append(("every row refused", partial(faults.nothing_can_be_written, self._seconds())))
        if "hang" in self._kinds:
            times = 1 if self._brief else HANGS
            steps.append(("the SIEM hangs", partial(faults.receiver_hangs, self._seconds(), times)))
        if "log" in self._kinds:
            steps.append(("the log hangs", partial(faults.log_hangs, self._seconds())))
        if "poison" in self._kinds:
            steps += [("poison", self._injector.poison)] * 3
        if "copies" in self._kinds:
            steps.append((COPIES, self._injector.repeat))
        if "cut" in self._kinds:
            steps += self._cuts()
        if "orderly" in self._kinds:
            gateway = dice.choice(("gateway", SECOND))
            steps.append((f"SIGTERM {gateway}", partial(faults.end, gateway)))
            if not self._brief:
                steps.append(("rolling restart", partial(faults.rolling, self._ours())))
        dice.shuffle(steps)
        if self._brief:
            # what the dead leave open is closed after a silence: that passes while other faults are done
            steps.sort(key=lambda step: step[0] != "kill gateway")
        # copies are made of what stands on the log already
        return sorted(steps, key=lambda step: step[0] == COPIES) if self._rounds == 1 else steps

    def _away(self, long: bool) -> list[Step]:
        """Everything that callers can do without."""
        faults = self._faults
        steps: list[Step] = []
        measured = self._dice.choice(("postgres", "clickhouse"))
        for name in ("postgres", "clickhouse", "valkey"):
            seconds = self._seconds()
            if not self._brief and name != "valkey" and (long or name == measured):
                seconds = LONG_S if long else MEASURED_S
            steps.append((f"{name} away for {seconds:.0f} s", partial(faults.outage, name, seconds)))
        steps.append(("the SIEM away", partial(faults.receiver_outage, self._seconds())))
        return steps

    def _cuts(self) -> list[Step]:
        """Of any length, and one that is long; in one of them connections are refused, in the other nothing passes. In
        every other round the gateway is killed in a third."""
        cut, dice = self._faults.gateway_cut_off, self._dice
        refused = dice.random() < 0.5
        if self._brief:
            return [_cut(cut, self._seconds(), refused)]
        steps = [_cut(cut, dice.uniform(*CUT_S), refused), _cut(cut, dice.uniform(*LONG_CUT_S), not refused)]
        if self._rounds % 2 == 0:
            steps.append(_cut(cut, dice.uniform(*KILLED_CUT_S), dice.random() < 0.5, killed=True))
        return steps

    async def _killed_together(self) -> None:
        await _together([(name, partial(self._faults.kill, name)) for name in BRIEF_KILLS])

    def _seconds(self) -> float:
        return self._dice.uniform(*(BRIEF_S if self._brief else SHORT_S))

    def _ours(self) -> list[str]:
        """Nexus's own processes: a log of one server cannot be restarted without a gap."""
        return ["gateway", SECOND, "admin", *self._faults.site.workers]

    async def _frozen(self, others: list[str]) -> None:
        freezing = asyncio.create_task(self._faults.gateway_freezes(FREEZE_S))
        try:
            if "kills" in self._kinds:
                self._dice.shuffle(others)
                for name in others:
                    await self._faults.kill(name)
        finally:
            await freezing


def _cut(cut: Callable[..., Awaitable[None]], seconds: float, refused: bool, *, killed: bool = False) -> Step:
    how = "connections refused" if refused else "nothing passes"
    name = f"a gateway cut off from the log for {seconds:.0f} s, {how}{', and killed' if killed else ''}"
    return name, partial(cut, seconds, refused=refused, killed=killed)


async def _together(steps: Iterable[Step]) -> None:
    await asyncio.gather(*(step() for _, step in steps))
