"""The views that a caller may wait for: the live configuration, and traffic in Postgres."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from schemas.ids import Clock

POLL_S = 0.05


class Following(Protocol):
    """What is needed of the live configuration."""

    async def wait_for(self, sequence: int, timeout: float | None) -> bool: ...  # noqa: ASYNC109  as it is there


class ConfigFreshness:
    """Wakes up when the configuration in memory moves."""

    def __init__(self, live: Following) -> None:
        self._live = live

    async def reached(self, sequence: int, wait_s: float) -> bool:
        """Whether the configuration got there in time."""
        return await self._live.wait_for(sequence, wait_s)


class StoredFreshness:
    """Asks a store again and again how far its view has got: another process writes it."""

    def __init__(self, position: Callable[[], Awaitable[int]], clock: Clock) -> None:
        self._position = position
        self._clock = clock

    async def reached(self, sequence: int, wait_s: float) -> bool:
        """Whether the view got there in time. Raises whatever the store raises when it does not answer."""
        give_up = self._clock.monotonic() + wait_s
        while await self._position() < sequence:
            if self._clock.monotonic() >= give_up:
                return False
            await asyncio.sleep(POLL_S)
        return True
