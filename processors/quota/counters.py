"""Keeps the counters in Valkey at what the ledger says: for every budget, in the windows of now and of soon."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta

from processors.quota.ledger import Ledger
from projections.log.ending import end
from projections.valkey.spent import SpentStore, WindowSpend
from schemas.aggregates.budget import Budget
from schemas.errors import Unavailable
from schemas.ids import Clock, day_of
from schemas.spend import window_of

log = logging.getLogger(__name__)

LOOK_S = 0.5
"""Between looks at whether Valkey forgot everything: half of what it may take until budgets are served again."""
HOLD_MS = 2_500
"""How long nothing is granted after a loss: gateways notice within a second and say what they hold."""
AHEAD_US = LATE_US = 9_000_000_000
"""Windows are there two and a half hours before they begin and kept up for as long after they end, by this process's
clock: a gateway's may be an hour off the other way than ours, and what it sees as today must be served."""
SCAN_S = 5.0
"""Between looks for windows that are about to begin."""
REPEAT_S = 30.0
"""Everything is written again so often, for whatever may have been lost without a trace."""
_KEEP_US = 2 * 86_400_000_000


class Counters:
    """Writes what differs from what was written last. Failures only delay: the sums are absolute."""

    def __init__(
        self,
        ledger: Ledger,
        store: SpentStore,
        clock: Clock,
        tenants: Callable[[], Iterable[str]],
        budgets: Callable[[str], Sequence[Budget]],
        *,
        may_be_held: bool,
    ) -> None:
        """
        Args:
            tenants: all of them.
            budgets: those of a tenant that are in force.
            may_be_held: whether gateways may be running, whose leases Valkey has perhaps forgotten by now.
        """
        self._ledger = ledger
        self._store = store
        self._clock = clock
        self._tenants = tenants
        self._budgets = budgets
        self._may_be_held = may_be_held
        self._written: dict[tuple[str, str, str], tuple[int, int]] = {}
        self._dirty: set[str] = set()
        self._wake = asyncio.Event()
        self._epoch = ""
        self._lost = False
        self._hold_known = False
        self._looked_at = 0.0
        self._scanned_at = 0.0
        self._repeated_at = 0.0
        self._today = ""

    def changed(self, tenant: str) -> None:
        """The tenant's ledger or budgets changed."""
        self._dirty.add(tenant)
        self._wake.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Works until `stop` is set."""
        asking = asyncio.create_task(stop.wait())
        try:
            while not stop.is_set():
                waking = asyncio.create_task(self._wake.wait())
                await asyncio.wait((waking, asking), timeout=LOOK_S, return_when=asyncio.FIRST_COMPLETED)
                await end({waking})
                try:
                    await self.step()
                except Unavailable as error:
                    log.warning("event=counters_not_written error=%s", error)
                    await asyncio.wait((asking,), timeout=LOOK_S)
        finally:
            await end({asking})

    async def step(self) -> None:
        """Brings Valkey up to date.

        Raises:
            Unavailable: it does not answer; nothing is forgotten.
        """
        now = self._clock.monotonic()
        self._wake.clear()
        if now - self._looked_at >= LOOK_S or not self._epoch:
            await self._look()
            self._looked_at = now
        everything = self._lost or now - self._repeated_at >= REPEAT_S
        scan = everything or now - self._scanned_at >= SCAN_S
        if everything:
            self._written.clear()
        dirty, self._dirty = self._dirty, set()
        try:
            await self._write(list(self._tenants()) if scan else sorted(dirty))
        except Unavailable:
            self._dirty |= dirty
            raise
        self._lost = self._may_be_held = self._hold_known = False
        self._scanned_at = now if scan else self._scanned_at
        self._repeated_at = now if everything else self._repeated_at

    async def _look(self) -> None:
        epoch = await self._store.epoch()
        if epoch == self._epoch:
            return
        if self._epoch:
            log.warning("event=counters_lost")
        # whoever was granted something before the loss must have told so before anybody is granted more
        self._hold_known = self._hold_known or bool(self._epoch)
        self._may_be_held = self._may_be_held or self._hold_known
        self._lost, self._epoch = True, epoch

    async def _write(self, tenants: Sequence[str]) -> None:
        now_us = self._clock.now_us()
        self._day_passed(day_of(now_us))
        hold = HOLD_MS if self._lost and self._may_be_held else 0
        found: list[WindowSpend] = []
        marks: dict[tuple[str, str, str], tuple[int, int]] = {}
        for tenant in tenants:
            ledger = self._ledger.tenant(tenant)
            for budget in self._budgets(tenant):
                for window in windows_at(budget.window, now_us):
                    place = (tenant, budget.id, window)
                    spent, applied = ledger.spent(budget, window), dict(ledger.applied(budget.id, window))
                    mark = (spent, sum(applied.values()))
                    if self._written.get(place) != mark:
                        marks[place] = mark
                        counted = (*place, ledger.sequence, spent, applied)
                        found.append(WindowSpend(*counted, end_of(window), hold, self._hold_known))
        if found:
            await self._store.write(found)
            self._written.update(marks)

    def _day_passed(self, today: str) -> None:
        if today != self._today:
            self._today = today
            self._ledger.forget(today)


def windows_at(window: str, now_us: int) -> list[str]:
    """The windows that have to be there: of now, of soon, and of what may still arrive late."""
    return sorted({window_of(window, at) for at in (now_us - LATE_US, now_us, now_us + AHEAD_US)})


def end_of(window: str) -> int:
    """When a window's counters are of no more use, in microseconds since the epoch; 0 for never."""
    if window == "total":
        return 0
    start = datetime.strptime(window, "%Y-%m-%d" if len(window) == 10 else "%Y-%m").replace(tzinfo=UTC)
    end = start + timedelta(days=1) if len(window) == 10 else (start + timedelta(days=32)).replace(day=1)
    return int(end.timestamp()) * 1_000_000 + _KEEP_US
