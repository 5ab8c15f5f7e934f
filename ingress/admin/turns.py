"""Turns at what takes seconds of a core and much memory: few at a time, and of one tenant one."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

MOST = 2


class Turns:
    """Whoever asks for much waits for itself: another tenant waits for one turn of each at most."""

    def __init__(self, most: int = MOST) -> None:
        self._places = asyncio.Semaphore(most)
        self._own: dict[str, asyncio.Lock] = {}
        self._there = Counter[str]()
        """How many of each tenant wait or have their turn."""

    @asynccontextmanager
    async def of(self, tenant: str) -> AsyncIterator[None]:
        """The tenant's turn, once it comes."""
        own = self._own.setdefault(tenant, asyncio.Lock())
        self._there[tenant] += 1
        try:
            async with own, self._places:
                yield
        finally:
            self._there[tenant] -= 1
            if not self._there[tenant]:
                del self._there[tenant], self._own[tenant]
