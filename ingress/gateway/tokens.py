"""Tokens that calls are made with: fetched once for all who wait, kept, and fetched anew before they end."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, Generic, TypeVar

from ingress.gateway.call import CallFailed
from ingress.providers.token import BadCredential

log = logging.getLogger(__name__)

EARLY_S = 300.0
"""How long before its end a token is fetched anew, while the old one is still used."""
LIMIT_S = 10.0
"""For one fetch, all its requests together."""
AGAIN_S = 5.0
"""After a fetch that failed, until the next one; who asks meanwhile is told at once that it failed."""
NEW_S = 30.0
"""How long a value is new."""
KEPT = 4_096

ValueT = TypeVar("ValueT")
Fetch = Callable[[], Awaitable[tuple[ValueT, float]]]
"""Gives a value and for how many seconds it holds."""


class TokenUnavailable(Exception):
    """No token can be had at the moment. The text quotes no secret."""


class _Slot(Generic[ValueT]):
    __slots__ = ("due", "failed", "since", "task", "until", "value")

    def __init__(self) -> None:
        self.value: ValueT | None = None
        self.until = self.due = self.since = 0.0
        """Monotonic seconds: to which it holds, from which it is fetched anew, and when it was fetched."""
        self.failed = ""
        self.task: asyncio.Task[None] | None = None


class Tokens:
    """Values by what they are for. Nothing is written anywhere, and no value is in any log."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._slots: OrderedDict[Hashable, _Slot[Any]] = OrderedDict()
        self._tasks: set[asyncio.Task[None]] = set()

    async def of(self, place: Hashable, fetch: Fetch[ValueT]) -> ValueT:
        """The value kept under `place`, fetched if there is none that holds.

        Raises:
            TokenUnavailable
        """
        slot = self._slots.get(place)
        if slot is None:
            slot = self._slots[place] = _Slot()
            if len(self._slots) > KEPT:
                self._slots.popitem(last=False)
        now = self._monotonic()
        if now >= slot.due and slot.task is None:
            slot.task = asyncio.create_task(self._fetch(slot, fetch))
            self._tasks.add(slot.task)
            slot.task.add_done_callback(self._tasks.discard)
        if slot.value is None or now >= slot.until:
            if slot.task is not None:
                # whoever stops waiting does not stop it for the others
                await asyncio.wait([slot.task])
            if slot.value is None or self._monotonic() >= slot.until:
                raise TokenUnavailable(slot.failed or "it could not be fetched")
        value: ValueT = slot.value
        return value

    async def _fetch(self, slot: _Slot[ValueT], fetch: Fetch[ValueT]) -> None:
        try:
            async with asyncio.timeout(LIMIT_S):
                value, lifetime_s = await fetch()
        except (BadCredential, CallFailed, OSError, TimeoutError) as error:
            slot.failed = str(error) if isinstance(error, BadCredential) else "the token server did not give one"
            slot.due = self._monotonic() + AGAIN_S
            log.warning("token unavailable reason=%r held=%s", slot.failed, slot.value is not None)
        else:
            now = self._monotonic()
            slot.value, slot.until, slot.since, slot.failed = value, now + lifetime_s, now, ""
            slot.due = now + (lifetime_s - EARLY_S if lifetime_s > 2 * EARLY_S else lifetime_s / 2)
        finally:
            slot.task = None

    def refused(self, place: Hashable) -> bool:
        """A provider did not take the value kept under `place`, though it should still hold; whether another one can
        be had. One that is new is not dropped: the next would be refused as well."""
        slot = self._slots.get(place)
        if slot is None or slot.value is None:
            # dropped a moment ago, for another call
            return True
        if self._monotonic() - slot.since < NEW_S:
            return False
        del self._slots[place]
        return True

    def forget(self) -> None:
        """Drops everything, after a credential changed; who waits for one still gets it."""
        self._slots.clear()

    async def close(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
