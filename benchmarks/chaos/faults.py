"""The faults of a campaign: each is done once, waited out, and told with how long the recovery took. Judges nothing."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from asyncpg import InterfaceError, PostgresError
from clickhouse_connect.driver.exceptions import ClickHouseError

from benchmarks.chaos.callers import LONG_SHAPES, Callers
from benchmarks.chaos.lag import Lag, Standing
from benchmarks.chaos.site import RECEIVER, RELAY, SECOND, Site
from benchmarks.chaos.stopped import frozen, gone
from schemas.errors import Unavailable

BACK_S = 90.0
"""Bound for anything to serve again."""
VIEWS = ("postgres", "clickhouse")
"""Stores that hold a view of the traffic, which is behind after an outage."""
_STOP = {"postgres": signal.SIGINT}
"""How a process is told to end in order, where that is not SIGTERM."""
_LOOK_S = 0.1
CUT_OFF = "cut off from the log"
LONG_CUT_S = 20.0
"""Streams that end after a cut are begun for those that last longer."""
_STREAMS = 4
"""Of each shape; half of them come to the gateway that is cut off."""
_BEGUN_S = 1.0
_NEAR = 20
"""So few messages behind, and what arrives in a second, count as none."""
UNANSWERED = (OSError, TimeoutError, PostgresError, InterfaceError, ClickHouseError, Unavailable)


@dataclass
class Done:
    """One fault that was done. Times are seconds, `at` is monotonic."""

    kind: str
    target: str
    at: float
    ended: float
    recovery_s: float | None = None
    figures: dict[str, float] = field(default_factory=dict)
    turns: list[tuple[float, float, float]] = field(default_factory=list)
    """Where it came and went: since when all was calm, when it came, and when it had gone."""


class NotBack(Exception):
    """Something did not recover within the bound."""


class Faults:
    """What can be done to a site, by method."""

    def __init__(self, site: Site, callers: Callers, lag: Lag, dice: random.Random) -> None:
        self.site = site
        self.callers = callers
        self.lag = lag
        self.dice = dice
        self.done: list[Done] = []
        self.deaths: list[tuple[str, float]] = []
        """Writer and wall-clock time of each gateway that was killed, frozen or told to end."""

    async def kill(self, name: str) -> None:
        """SIGKILL, until it serves again."""
        await self._end(name, signal.SIGKILL, "kill -9")

    async def end(self, name: str, kind: str = "SIGTERM") -> None:
        """The order to end, until it has and serves again."""
        await self._end(name, _STOP.get(name, signal.SIGTERM), kind)

    async def _end(self, name: str, number: signal.Signals, kind: str) -> None:
        pid = self.site.pid(name)
        if not pid:
            return
        at = time.monotonic()
        self._dies(name)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        await self._back(name, pid)
        self._note(kind, name, at, recovery=time.monotonic() - at)

    async def rolling(self, names: Sequence[str]) -> None:
        """Every process is ended in order, one after the other; the next when the one before serves again."""
        at = time.monotonic()
        for name in names:
            await self.end(name, "rolling: one process")
        self._note("rolling restart", f"{len(names)} processes", at, recovery=time.monotonic() - at)

    async def outage(self, name: str, seconds: float, *, gone: bool = False) -> None:
        """A store stops answering; afterwards the worker that writes to it has to catch up.

        Args:
            gone: it is killed as often as it is started, so that connections are refused; else it stays there with its
                connections open.
        """
        since = time.monotonic()
        sent_before = await self.lag.last()
        if gone:
            await self._kept_down(name, since + seconds)
        else:
            with frozen(self.site.pid(name)):
                await asyncio.sleep(seconds)
        ended = time.monotonic()
        if name in VIEWS:
            await self._drained(name, (await self.lag.last() - sent_before) / (ended - since))
        else:
            await self._answers(ended)
        recovery = max(time.monotonic() - ended, _LOOK_S)
        done = self._note("outage", name, since, ended=ended, recovery=recovery)
        done.figures["seconds"] = seconds
        if name in VIEWS:
            # what came in all that time was applied in the last part of it
            done.figures["drain_ratio"] = (seconds + recovery) / recovery

    async def receiver_outage(self, seconds: float) -> None:
        """The SIEM's receiver is gone: connections are refused."""
        since = time.monotonic()
        with gone(self.site.own[RECEIVER]):
            await asyncio.sleep(seconds)
        ended = time.monotonic()
        await self._delivered(time.time())
        self._note("outage", RECEIVER, since, ended=ended, recovery=time.monotonic() - ended).figures["seconds"] = (
            seconds
        )

    async def receiver_hangs(self, seconds: float, times: int, *, alone: bool = False) -> None:
        """It accepts connections and answers nothing, in turns with as much time in which it does answer: what else
        goes on at the machine meets both alike.

        Args:
            alone: nothing else is done to the site around it.
        """
        since = time.monotonic()
        recovery = usual = worst = 0.0
        turns: list[tuple[float, float, float]] = []
        for _ in range(times):
            calm = time.monotonic()
            usual = max(usual, await self._watched(seconds))
            begun = time.monotonic()
            with frozen(self.site.own[RECEIVER].pid):
                worst = max(worst, await self._watched(seconds))
            ended = time.monotonic()
            turns.append((calm, begun, ended))
            await self._delivered(time.time())
            recovery = max(recovery, time.monotonic() - ended)
        done = self._note("hang", RECEIVER, since, recovery=recovery)
        done.figures |= {"seconds": seconds, "lag_calm": usual, "lag_hung": worst, "alone": float(alone)}
        done.turns = turns

    async def log_hangs(self, seconds: float) -> None:
        """NATS answers nothing: callers get 503 or the spool, and come again."""
        since = time.monotonic()
        with frozen(self.site.pid("nats")):
            await asyncio.sleep(seconds)
        ended = time.monotonic()
        await self._answers(ended)
        self._note("hang", "nats", since, ended=ended, recovery=time.monotonic() - ended).figures["seconds"] = seconds

    async def gateway_freezes(self, seconds: float) -> None:
        """A gateway is stopped for longer than its silence is borne, and goes on where it was."""
        since = time.monotonic()
        self._dies(SECOND)
        with frozen(self.site.pid(SECOND)):
            await asyncio.sleep(seconds)
        ended = time.monotonic()
        await self._caught_up(SECOND)
        self._note("freeze", SECOND, since, ended=ended, recovery=time.monotonic() - ended).figures["seconds"] = seconds

    async def gateway_cut_off(self, seconds: float, *, refused: bool, killed: bool = False) -> None:
        """A gateway loses the log, and the log alone: callers, providers and budgets are there. Streams are under way
        that end when a long cut is over, or nearly.

        Args:
            refused: connections end and new ones are refused; else they stay open and nothing passes.
            killed: in the middle it is killed with what is in its spool, and comes back when the log has.
        """
        many = _STREAMS if seconds > LONG_CUT_S else 0
        streams = [asyncio.create_task(self.callers.one(shape)) for shape in LONG_SHAPES * many]
        await asyncio.sleep(_BEGUN_S if streams else 0)
        since = time.monotonic()
        self._dies(SECOND)
        relay = self.site.own[RELAY]
        with gone(relay) if refused else frozen(relay.pid):
            await asyncio.sleep(seconds / 3)
            if killed:
                self._dies(SECOND)
            with gone(self.site.own[SECOND]) if killed else contextlib.nullcontext():
                await asyncio.sleep(seconds * 2 / 3)
        ended = time.monotonic()
        await self._caught_up(SECOND)
        kind = f"{CUT_OFF}, kill -9" if killed else CUT_OFF
        done = self._note(kind, SECOND, since, ended=ended, recovery=time.monotonic() - ended)
        done.figures["seconds"] = seconds
        await asyncio.gather(*streams)

    async def nothing_can_be_written(self, seconds: float) -> None:
        """PostgreSQL refuses every row: the sink must stop where it is, not give up message after message."""
        since = time.monotonic()
        async with self.lag.refused_rows():
            await asyncio.sleep(seconds)
        ended = time.monotonic()
        await self._drained("postgres", 0.0)
        done = self._note("every row refused", "postgres", since, ended=ended, recovery=time.monotonic() - ended)
        done.figures["seconds"] = seconds

    async def _kept_down(self, name: str, until: float) -> None:
        """Until a monotonic time, whoever starts it again."""
        while time.monotonic() < until:
            if pid := self.site.pid(name):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            await asyncio.sleep(_LOOK_S)

    # --- how it recovers

    async def _back(self, name: str, old: int) -> None:
        begun = time.monotonic()
        while self.site.pid(name) in (0, old) or not await asyncio.to_thread(self.site.ready, name):
            self._bound(begun, name)
            await asyncio.sleep(_LOOK_S)

    async def _caught_up(self, gateway: str) -> None:
        """Returns when it is ready and its spool is empty."""
        begun = time.monotonic()
        while self.site.spools(gateway) or not await asyncio.to_thread(self.site.ready, gateway):
            self._bound(begun, gateway)
            await asyncio.sleep(_LOOK_S)

    async def _drained(self, store: str, arrival: float) -> None:
        """Returns when nothing is left of a backlog but what arrives in a second (messages)."""
        begun = time.monotonic()
        while (await self._behind(store, begun)).pending > max(_NEAR, arrival):
            self._bound(begun, store)
            await asyncio.sleep(_LOOK_S / 2)

    async def _behind(self, store: str, begun: float) -> Standing:
        while True:
            try:
                return await self.lag.behind(store)
            except UNANSWERED:
                self._bound(begun, store)
                await asyncio.sleep(_LOOK_S)

    async def _answers(self, since: float) -> None:
        """Returns when a caller was answered at the first attempt that ended after a moment."""
        while not self.callers.latencies or self.callers.latencies[-1][0] <= since:
            self._bound(since, "the gateways")
            await asyncio.sleep(_LOOK_S)

    async def _delivered(self, since: float) -> None:
        """Returns when the receiver has had an event of after `since` (wall clock)."""
        begun = time.monotonic()
        while self.lag.newest_delivered() < since:
            self._bound(begun, RECEIVER)
            await asyncio.sleep(_LOOK_S)

    async def _watched(self, seconds: float) -> float:
        """Watches how far the stores are behind for a while; the largest of all looks."""
        until, worst = time.monotonic() + seconds, 0.0
        while time.monotonic() < until:
            worst = max(worst, *[(await self._behind(name, time.monotonic())).pending for name in VIEWS])
            await asyncio.sleep(0.5)
        return worst

    def _bound(self, begun: float, what: str) -> None:
        if time.monotonic() - begun > BACK_S:
            raise NotBack(f"{what} did not come back within {BACK_S:g} s")

    def _dies(self, name: str) -> None:
        writer = {"gateway": "gateway-1", SECOND: SECOND}.get(name)
        if writer is not None:
            self.deaths.append((writer, time.time()))

    def _note(
        self, kind: str, target: str, at: float, *, ended: float | None = None, recovery: float | None = None
    ) -> Done:
        done = Done(kind, target, at, time.monotonic() if ended is None else ended, recovery)
        self.done.append(done)
        return done
