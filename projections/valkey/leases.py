"""Budgets in a gateway: money is borrowed from Valkey in portions, and requests are served from what is borrowed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from itertools import groupby

from projections.log.ending import end
from projections.valkey.lease import Lease, Reservation, Standing, take
from projections.valkey.look import Used, look
from projections.valkey.refusals import unavailable, used_up
from projections.valkey.scripts import LEASE, window_key
from projections.valkey.store import Argument, Script, Store
from schemas.aggregates.budget import WINDOWS, Budget
from schemas.errors import Unavailable
from schemas.ids import Clock
from schemas.spend import window_of

_log = logging.getLogger(__name__)
_LEASE = Script(LEASE)

_DAY_US = 86_400_000_000
_LATE_US = 3_600_000_000
"""How long after its end a window may still be asked for."""
_POLL_S = 0.05
_BELIEVE_SHORT_S = 0.2
_IDLE_S = 5.0
_IDLE_SCARCE_S = 1.0
_CHUNK = 50
_PART = 100
"""A lease may ask for this part of a limit beyond what one request needs, when plenty is left."""


class Leases:
    """Sets money aside before a request and settles it afterwards. One in every gateway; not safe across threads.

    Over all gateways together, costs never exceed a limit as long as no request costs more than was set aside for it.
    """

    def __init__(
        self,
        valkey_url: str,
        clock: Clock,
        boot: str,
        *,
        lease_s: float = 60.0,
        renew_s: float = 10.0,
        tick_s: float = 1.0,
        load_wait_s: float = 6.0,
    ) -> None:
        """
        Args:
            boot: `writer/boot`, the same as in this process's terminal facts.
            lease_s: after so long without a renewal Valkey takes the writer for dead and gives its part to others.
            renew_s: between renewals of what is outstanding.
            tick_s: between looks at what has to be renewed or given back.
            load_wait_s: how long a reservation waits for a store that is starting, being filled or not answering; only
                a gateway that holds nothing of the budget at that moment has to.
        """
        self._store = Store(valkey_url)
        self._clock = clock
        self._boot = boot
        self._lease_s = lease_s
        self._renew_s = renew_s
        self._tick_s = tick_s
        self._load_wait_s = load_wait_s
        self._leases: dict[tuple[str, str, str], Lease] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self._calls = 0
        self._epoch = ""
        self._down_since = 0.0
        self._try_again_at = 0.0
        self._day = (0, 0)
        self._names: dict[str, str] = {}
        self._task: asyncio.Task[None] | None = None

    @property
    def task(self) -> asyncio.Task[None] | None:
        """Runs from `start` to `close`; a composition root watches that it does not end before."""
        return self._task

    @property
    def standing(self) -> Standing:
        """What this gateway holds at the moment, all budgets together."""
        held = self._leases.values()
        return Standing(
            len(held),
            sum(max(0, lease.free) for lease in held),
            sum(lease.in_flight for lease in held),
            down=bool(self._down_since),
        )

    def reserve_now(self, tenant: str, budgets: Sequence[Budget], want: int, *, at_us: int = 0) -> Reservation | None:
        """Sets aside the whole of `want` from what is at hand, without I/O; None when that is not possible.

        Args:
            want: micro-dollars.
            at_us: when the request started, as its terminal fact will say; decides the windows. Now when 0.
        """
        now = self._clock.monotonic()
        at_us = at_us or self._clock.now_us()
        if want <= 0 or not budgets:
            # what costs nothing is always let through; should it cost something after all, that is accounted for
            return take(tuple(self._lease(tenant, budget, at_us) for budget in budgets), 0, now)
        found = []
        for budget in budgets:
            lease = self._leases.get((tenant, budget.id, self._window(budget.window, at_us)))
            if lease is None or lease.free < want or now > lease.valid_until or lease.limit > budget.limit_micros:
                return None
            found.append(lease)
        return take(tuple(found), want, now)

    async def reserve(
        self, tenant: str, budgets: Sequence[Budget], want: int, minimum: int, *, at_us: int = 0
    ) -> Reservation:
        """Sets money aside in all budgets or in none: `want` if it can be had, never less than `minimum`.

        Raises:
            LimitReached: a budget is used up, or all that is left of it is set aside by requests under way.
            Unavailable: Valkey does not answer, or `processors.quota` has not filled it.
        """
        minimum = min(minimum, want)
        at_us = at_us or self._clock.now_us()
        deadline = self._clock.monotonic() + self._load_wait_s
        lock = self._locks.setdefault(tenant, asyncio.Lock())
        while True:
            async with lock:
                done = self.reserve_now(tenant, budgets, want, at_us=at_us)
                if done is not None:
                    return done
                try:
                    return await self._borrow(tenant, budgets, want, minimum, at_us)
                except Unavailable:
                    now = self._clock.monotonic()
                    if now >= deadline or (self._down_since and now - self._down_since > self._load_wait_s):
                        raise
            await asyncio.sleep(_POLL_S)

    def settle(self, reservation: Reservation, cost_micros: int) -> None:
        """Ends a reservation with what the request cost, as its terminal fact says. A second call changes nothing."""
        reservation.settle(cost_micros if cost_micros > 0 else 0, self._clock.monotonic())

    async def look(self, tenant: str, budgets: Sequence[Budget]) -> list[Used]:
        """How far these budgets are used at the moment; nothing is set aside.

        Raises:
            Unavailable: Valkey does not answer.
        """
        return await look(self._store, tenant, budgets, self._clock.now_us(), self._lease_s)

    async def start(self) -> None:
        """Starts the task that renews leases and gives back what lies idle."""
        if self._task is None:
            self._task = asyncio.create_task(self.renew_forever(), name="leases")

    async def close(self) -> None:
        """Gives back what is left and closes the connection. What is not yet in the ledger stays set aside."""
        if self._task is not None:
            await end({self._task})
            self._task = None
        for lease in self._leases.values():
            lease.give_back()
        try:
            await self._renew([lease for lease in self._leases.values() if lease.changed])
        except Unavailable as error:
            _log.warning("leases not returned, they expire by themselves reason=%s", error)
        await self._store.close()

    async def renew_forever(self) -> None:
        """Renews, returns and notices that Valkey lost everything; ends only when cancelled."""
        while True:
            try:
                await self.tick()
            except Unavailable as error:
                self._went_down()
                _log.warning("leases not renewed reason=%s", error)
            except Exception:
                # whatever it is: with nobody renewing, Valkey would take this writer for dead while it spends
                self._went_down()
                _log.exception("leases not renewed")
            await asyncio.sleep(self._tick_s)

    async def tick(self) -> None:
        """One look at all leases.

        Raises:
            Unavailable: Valkey does not answer; the next tick tries again.
        """
        if not self._leases:
            return
        epoch = await self._store.epoch()
        lost, self._epoch = epoch != self._epoch, epoch
        now, now_us = self._clock.monotonic(), self._clock.now_us()
        open_windows = {window_of(name, at) for name in WINDOWS for at in (now_us, now_us - _LATE_US)}
        due = []
        for name, lease in list(self._leases.items()):
            idle = now - lease.used_at
            if idle > (_IDLE_SCARCE_S if lease.scarce else _IDLE_S):
                lease.give_back()
            if lease.changed or (lease.outstanding and (lost or now - lease.renewed_at >= self._renew_s)):
                due.append(lease)
            elif not lease.outstanding and lease.window not in open_windows:
                del self._leases[name]
        await self._renew(due)

    async def _renew(self, leases: list[Lease]) -> None:
        """Tells Valkey what is held."""
        leases.sort(key=lambda lease: lease.tenant)
        for tenant, group in groupby(leases, key=lambda lease: lease.tenant):
            same = list(group)
            for first in range(0, len(same), _CHUNK):
                async with self._locks.setdefault(tenant, asyncio.Lock()):
                    await self._call(same[first : first + _CHUNK], [(0, 0, 0)] * len(same[first : first + _CHUNK]))

    async def _borrow(self, tenant: str, budgets: Sequence[Budget], want: int, minimum: int, at_us: int) -> Reservation:
        now = self._clock.monotonic()
        if now < self._try_again_at:
            raise unavailable("it did not answer a moment ago")
        leases = [self._lease(tenant, budget, at_us) for budget in budgets]
        held, asks = [], []
        for lease, budget in zip(leases, budgets, strict=True):
            if now > lease.valid_until or lease.limit > budget.limit_micros:
                lease.give_back()
            lease.limit = budget.limit_micros
            own = max(0, min(lease.free, want))
            need, least = want - own, max(0, minimum - own)
            if now < lease.short_until and lease.short_available < least:
                raise used_up(lease, budget, least, at_us)
            held.append(own)
            asks.append((need, least, lease.limit // _PART if need else 0))
        # what is at hand must not go to a request that comes while Valkey is asked
        for lease, own in zip(leases, held, strict=True):
            lease.in_flight += own
        try:
            state, about, grants = await self._call(leases, asks)
        except Unavailable:
            self._went_down()
            raise
        finally:
            for lease, own in zip(leases, held, strict=True):
                lease.in_flight -= own
        self._down_since = 0.0
        if state == "short":
            raise used_up(leases[about], budgets[about], asks[about][1], at_us)
        if state != "ok":
            raise unavailable("they are being loaded")
        parts = [own + min(grant, ask[0]) for own, grant, ask in zip(held, grants, asks, strict=True)]
        for lease, part in zip(leases, parts, strict=True):
            lease.scarce = part < want
        return take(tuple(leases), min(want, *parts), now)

    async def _call(self, leases: list[Lease], asks: list[tuple[int, int, int]]) -> tuple[str, int, list[int]]:
        """State, index of the lease it is about, grants. The caller has the tenant's lock, so calls do not overtake."""
        self._calls += 1
        before = self._clock.monotonic()
        arguments: list[Argument] = [self._boot, self._calls, round(self._lease_s * 1000)]
        for lease, (need, least, extra) in zip(leases, asks, strict=True):
            arguments += [lease.limit, lease.granted, need, least, extra]
            lease.changed = False
        keys = [window_key(lease.tenant, lease.budget, lease.window) for lease in leases]
        try:
            answer = await self._store.run(_LEASE, keys, arguments)
        except BaseException:
            for lease in leases:
                lease.changed = True
            raise
        state, about = answer[0].decode(), int(answer[1]) - 1
        if state == "old":
            raise unavailable("an answer came too late")
        grants = []
        for index, lease in enumerate(leases):
            grant, available, spent, applied = answer[2 + index * 4 : 6 + index * 4]
            lease.granted += grant
            lease.applied = applied
            lease.renewed_at = before
            # well before Valkey forgets us, counted from before the call
            lease.valid_until = before + self._lease_s * 0.75
            if state == "short" and index == about:
                lease.scarce = True
                lease.short_until = before + _BELIEVE_SHORT_S
                lease.short_available, lease.short_spent = available, spent
            elif available < 0 and spent >= 0:
                lease.give_back()
            grants.append(grant)
        return state, about, grants

    def _lease(self, tenant: str, budget: Budget, at_us: int) -> Lease:
        window = self._window(budget.window, at_us)
        lease = self._leases.get((tenant, budget.id, window))
        if lease is None:
            lease = self._leases[tenant, budget.id, window] = Lease(tenant, budget.id, window, budget.limit_micros)
        return lease

    def _window(self, window: str, at_us: int) -> str:
        """`window_of`, remembered for the day."""
        start, end = self._day
        if start <= at_us < end:
            return self._names[window]
        names = {name: window_of(name, at_us) for name in WINDOWS}
        day = at_us - at_us % _DAY_US
        if day <= self._clock.now_us() < day + _DAY_US:
            self._day, self._names = (day, day + _DAY_US), names
        return names[window]

    def _went_down(self) -> None:
        now = self._clock.monotonic()
        self._down_since = self._down_since or now
        self._try_again_at = now + _POLL_S
