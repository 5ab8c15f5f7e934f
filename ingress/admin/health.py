"""How the parts are: what answers, how fast, and how far the views are behind the log."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, TypeVar

import msgspec

from ingress.admin.call import Answer, Call
from ingress.admin.wire import Endpoint
from projections.log.durability import Standing
from projections.log.standing import RecordStanding
from schemas.errors import Unavailable

log = logging.getLogger(__name__)

PROBE_S = 2.0


class Dependency(msgspec.Struct, frozen=True):
    """One service that Nexus needs."""

    ok: bool
    latency_ms: float
    error: str | None = None
    """The kind of error, when it is not ok."""


class ConfigHealth(msgspec.Struct, frozen=True):
    """The configuration in this process's memory against CONFIG."""

    sequence: int
    lag: int | None
    """Messages still to be read; null when the log does not say."""
    age_s: float
    """Since the log last answered."""


class Projection(msgspec.Struct, frozen=True):
    """A view that a worker writes."""

    name: str
    stream: str
    sequence: int
    lag: int | None
    lag_s: float | None = None
    """How long the first message it has yet to apply has been waiting; null when the log does not say."""
    answers: bool = True
    """False: its store does not; it stands where it was seen last, or beyond that."""


class HealthReport(msgspec.Struct, frozen=True):
    """All of it."""

    status: str
    """`ok`, or `degraded` when something does not answer."""
    dependencies: dict[str, Dependency]
    log: dict[str, int]
    """Last sequence of each stream."""
    durability: Standing
    """Whether what the log acknowledges would outlive a power cut."""
    config: ConfigHealth
    projections: list[Projection]
    record: RecordStanding | None = None
    """Null when the log does not say."""


class Alive(msgspec.Struct, frozen=True):
    """What `/health` and `/ready` answer."""

    status: str


T = TypeVar("T")
Probe = Callable[[], Awaitable[object]]
Positions = Callable[[], Awaitable[list[tuple[str, str, int]]]]
"""(name, stream, sequence) of every view in a store."""


class Health:
    """Asks everything at the same time, each with a bound, so that one that hangs does not hide the others."""

    def __init__(
        self,
        probes: Mapping[str, Probe],
        streams: Callable[[], Awaitable[dict[str, int]]],
        positions: Mapping[str, Positions],
        config: Callable[[], tuple[int, float]],
        stale_s: float,
        durability: Callable[[], Standing],
        waiting: Callable[[str, int], Awaitable[float]],
        record: Callable[[], Awaitable[RecordStanding]],
    ) -> None:
        """
        Args:
            probes: by the dependency's name; any exception says that it is not well.
            streams: last sequence of each stream.
            positions: of the views, by the store they are in.
            config: (sequence, age in seconds) of the configuration in memory.
            stale_s: age from which this process is not ready.
            durability: what is known of the log's servers.
            waiting: how many seconds the first message after a position of a stream has been waiting.
            record: what is known of the record as a whole.
        """
        self._probes = probes
        self._streams = streams
        self._positions = positions
        self._config = config
        self._stale_s = stale_s
        self._durability = durability
        self._waiting = waiting
        self._record = record
        self._under_way: dict[str, asyncio.Task[Any]] = {}
        self._seen: dict[str, list[tuple[str, str, int]]] = {}
        """Where views stood, by store, when it last answered."""

    async def report(self, call: Call) -> Answer:
        """Everything, for operators of the whole: it tells how much all tenants send, and where."""
        call.principal.require_all()
        return Answer(body=await self.look())

    async def look(self) -> HealthReport:
        """Everything as it is now."""
        names = list(self._probes)
        probed = await asyncio.gather(*(self._probe(name, self._probes[name]) for name in names))
        dependencies = dict(zip(names, probed, strict=True))
        unknown: dict[str, int] = {}
        streams = await self._known("log", self._streams, unknown)
        sequence, age_s = self._config()
        asked = (self._standing(name, ask) for name, ask in self._positions.items())
        views = await asyncio.gather(
            *(
                self._view(streams, *view, answers=answers)
                for found, answers in await asyncio.gather(*asked)
                for view in found
            )
        )
        nowhere: RecordStanding | None = None
        record = await self._known("record", self._record, nowhere)
        well = all(dependency.ok for dependency in dependencies.values()) and age_s < self._stale_s
        return HealthReport(
            status="ok" if well else "degraded",
            dependencies=dependencies,
            log=streams,
            durability=self._durability(),
            config=ConfigHealth(sequence, _lag(streams, "CONFIG", sequence), round(age_s, 3)),
            projections=sorted(views, key=lambda view: (view.name, view.stream)),
            record=record,
        )

    async def _standing(self, name: str, ask: Positions) -> tuple[list[tuple[str, str, int]], bool]:
        """Where a store's views stand, and whether it says so itself: one that is away is behind all the more."""
        nothing: list[tuple[str, str, int]] | None = None
        found = await self._known(name, ask, nothing)
        if found is None:
            return self._seen.get(name, []), False
        self._seen[name] = found
        return found, True

    async def _view(self, streams: Mapping[str, int], name: str, stream: str, at: int, *, answers: bool) -> Projection:
        lag = _lag(streams, stream, at)
        unknown: float | None = None
        lag_s = await self._known(f"{name} {stream} lag", partial(self._waiting, stream, at), unknown) if lag else lag
        return Projection(name, stream, at, lag, lag_s, answers)

    async def alive(self, call: Call) -> Answer:
        """Whether this process serves at all."""
        return Answer(body=Alive("ok"))

    async def ready(self, call: Call) -> Answer:
        """Whether this process knows the configuration as it is now."""
        _, age_s = self._config()
        if age_s >= self._stale_s:
            raise Unavailable(f"The log has not answered for {age_s:.0f} seconds.", code="not_ready", retry_after=1)
        return Answer(body=Alive("ready"))

    async def _probe(self, name: str, probe: Probe) -> Dependency:
        started = time.monotonic()
        error: str | None = None
        try:
            await self._ask(f"{name} probe", probe)
        except Exception as failure:
            # whatever it is, it is the answer; its text may hold an address with a password
            error = type(failure).__name__
        return Dependency(error is None, round((time.monotonic() - started) * 1000, 3), error)

    async def _known(self, name: str, ask: Callable[[], Awaitable[T]], otherwise: T) -> T:
        try:
            return await self._ask(f"{name} positions", ask)
        except Exception as failure:
            # the report says what is known; that the store is not well stands among the dependencies
            log.warning("health: positions unknown store=%s error=%s", name, type(failure).__name__)
            return otherwise

    async def _ask(self, name: str, ask: Callable[[], Awaitable[T]]) -> T:
        """The answer, waited for a bounded time. A question that hangs is not asked a second time beside it."""
        task: asyncio.Task[T] | None = self._under_way.get(name)
        if task is None:
            task = asyncio.ensure_future(_started(ask))
            self._under_way[name] = task
            task.add_done_callback(lambda done: self._answered(name, done))
        async with asyncio.timeout(PROBE_S):
            return await asyncio.shield(task)

    def _answered(self, name: str, task: asyncio.Task[Any]) -> None:
        del self._under_way[name]
        if not task.cancelled():
            task.exception()  # nobody may be waiting for it any more

    def endpoints(self) -> list[Endpoint]:
        """What is served of it."""
        return [
            Endpoint(
                method="GET",
                path="/api/admin/health",
                handle=self.report,
                summary="How every part is",
                tag="operation",
                answer=HealthReport,
                errors=(403,),
            ),
            Endpoint(
                method="GET",
                path="/health",
                handle=self.alive,
                summary="Whether the admin plane serves",
                tag="operation",
                answer=Alive,
                public=True,
            ),
            Endpoint(
                method="GET",
                path="/ready",
                handle=self.ready,
                summary="Whether the admin plane knows the configuration in force",
                tag="operation",
                answer=Alive,
                public=True,
                errors=(503,),
            ),
        ]


async def _started(ask: Callable[[], Awaitable[T]]) -> T:
    return await ask()


def _lag(streams: Mapping[str, int], stream: str, sequence: int) -> int | None:
    last = streams.get(stream)
    return None if last is None else max(0, last - sequence)
