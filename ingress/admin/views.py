"""The views behind queries: traffic in Postgres, and how long until a view has reached a position."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import asyncpg

from projections.postgres import queries
from schemas.errors import Unavailable
from schemas.ids import Clock

POLL_S = 0.05


class StoredTraffic:
    """Traffic as Postgres has it."""

    def __init__(self, pool: asyncpg.Pool[Any] | None) -> None:
        self._given = pool

    async def listed(self, filters: queries.TrafficFilter, cursor: str, limit: int) -> queries.Page:
        return await queries.list_traffic(self._pool, filters, cursor, limit)

    async def one(self, request_id: str, tenant: str) -> dict[str, Any] | None:
        return await queries.get_traffic(self._pool, request_id, tenant=tenant)

    async def findings(self, request_id: str, tenant: str) -> list[dict[str, Any]]:
        return await queries.findings_of(self._pool, request_id, tenant=tenant)

    async def usage(self, tenant: str, group_by: str, since_us: int, until_us: int) -> list[dict[str, Any]]:
        return await queries.usage(self._pool, tenant, group_by, since_us, until_us)

    async def position(self) -> int:
        """The last sequence of TRAFFIC that the view has."""
        return await queries.position(self._pool, "TRAFFIC")

    @property
    def _pool(self) -> asyncpg.Pool[Any]:
        if self._given is None:
            raise Unavailable("There is no view of traffic: NEXUS_POSTGRES_URL is not set.", code="no_traffic_view")
        return self._given


class Following(Protocol):
    """What is needed of the live configuration."""

    async def wait_for(self, sequence: int, wait_s: float | None) -> bool: ...


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
