"""Removing what is older than tenants' retentions allow, and saying so. Who may ask for it is decided elsewhere.

Legal holds win over every retention. Spend, configuration and what operators did are never touched.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol

import asyncpg
import msgspec

from projections.clickhouse import retention as clickhouse_rows
from projections.clickhouse.client import ClickHouse
from projections.log import api
from projections.log.connection import LogConnection
from projections.postgres import retention as postgres_rows
from projections.vault import expiring
from projections.vault.periods import DAY_US
from schemas.aggregates.hold import EVERYONE, Hold
from schemas.aggregates.retention import INSTALLATION, KINDS, Retention
from schemas.facts.ops import Removed, RetentionApplied
from schemas.ids import Clock
from schemas.topology import AGEING, STREAMS, WORKER_MARKS

_MARK = f"$KV.{WORKER_MARKS}.retention-"
"""Up to where the log's own forgetting of a stream was told."""
_NANOSECONDS = 86_400 * 1_000_000_000

Say = Callable[[str, RetentionApplied], Awaitable[object]]
"""Puts a fact about a tenant on the log."""


class Configuration(Protocol):
    def all_of(self, aggregate: str, tenant: str | None = None) -> Iterator[Any]: ...


class Kept(NamedTuple):
    """For how many days a tenant keeps each kind; 0 is for ever."""

    tenant: str
    bodies: int
    rows: int
    findings: int
    facts: int


class Went(msgspec.Struct, frozen=True):
    """What was removed for a tenant, or would be."""

    tenant: str
    removed: tuple[Removed, ...]


def kept(specs: Iterable[Retention]) -> list[Kept]:
    """What is in force, by tenant: the shortest time that any of its retentions names."""
    by_tenant: dict[str, list[Retention]] = {}
    for spec in specs:
        by_tenant.setdefault(spec.tenant, []).append(spec)
    found = []
    for tenant, several in sorted(by_tenant.items()):
        days = {kind: [given for spec in several if (given := getattr(spec, f"{kind}_days"))] for kind in KINDS}
        found.append(Kept(tenant, **{kind: min(given, default=0) for kind, given in days.items()}))
    return found


class Retainer:
    """Applies retentions, one tenant after the other. Doing it twice does nothing more."""

    def __init__(
        self, connection: LogConnection, clock: Clock, pool: asyncpg.Pool[Any] | None, store: ClickHouse | None
    ) -> None:
        """
        Args:
            pool: of PostgreSQL; None where there is none.
            store: ClickHouse, likewise.
        """
        self._connection = connection
        self._clock = clock
        self._pool = pool
        self._store = store
        self._untold: dict[str, int] = {}

    async def apply(self, live: Configuration, say: Say, *, tenant: str = "", dry_run: bool = False) -> list[Went]:
        """Removes what is too old, of one tenant or of all, and says so for each tenant of which something went.

        Tenants of which nothing is too old are not in the answer.

        Args:
            live: the configuration, as new as whoever asks wants its holds to be.
            dry_run: only counts.

        Raises:
            Unavailable, Rejected: a store does not answer; what was removed until then of the tenants before is said.
        """
        done = []
        policies = kept(live.all_of("retention", tenant or None))
        if tenant in ("", INSTALLATION) and all(policy.tenant != INSTALLATION for policy in policies):
            # the log forgets facts also where nobody has said after how long
            policies.append(Kept(INSTALLATION, 0, 0, 0, 0))
        on_hold = next(iter(live.all_of("hold", None)), None) is not None
        for policy in policies:
            holds: list[Hold] = list(live.all_of("hold", policy.tenant))
            began_us = self._clock.now_us()
            removed = await self._tenant(policy, sorted({hold.subject for hold in holds}), on_hold, dry_run)
            told = tuple(one for one in removed if one.count or one.held)
            if told:
                done.append(Went(policy.tenant, told))
            if any(one.count for one in told) and not dry_run:
                await say(policy.tenant, RetentionApplied(told, self._clock.now_us() - began_us))
                for subject, first in self._untold.items():
                    await api.publish(self._connection, subject, str(first).encode(), {})
                self._untold.clear()
        return done

    async def _tenant(self, policy: Kept, held: Sequence[str], on_hold: bool, dry_run: bool) -> list[Removed]:
        removed: list[Removed] = []
        if EVERYONE in held:
            removed += await self._all_held(policy)
            policy = Kept(policy.tenant, 0, 0, 0, policy.facts)
        if policy.bodies:
            removed += await self._bodies(policy.tenant, self._before(policy.bodies), held, dry_run)
        # findings before rows: a finding's hold is known from the request's row
        for table, days, kind in (
            (postgres_rows.FINDINGS, policy.findings, "findings"),
            (postgres_rows.TRAFFIC, policy.rows, "rows"),
        ):
            if days and self._pool is not None:
                before = self._before(days)
                count, keeps = await postgres_rows.count(self._pool, table, policy.tenant, before, held)
                if not dry_run:
                    count = await postgres_rows.remove(self._pool, table, policy.tenant, before, held)
                    await postgres_rows.drop_empty_days(self._pool, table, before)
                removed.append(Removed(kind, count, before, keeps))
        if policy.rows and self._store is not None:
            before = self._before(policy.rows)
            act = clickhouse_rows.count if dry_run else clickhouse_rows.remove
            removed.append(Removed("rows_clickhouse", await act(self._store, policy.tenant, before, held), before))
        if policy.tenant == INSTALLATION:
            removed += await self._facts(policy.facts, on_hold, dry_run)
        return removed

    async def _all_held(self, policy: Kept) -> list[Removed]:
        """What would go of a tenant but for a hold on all of it."""
        found = []
        if policy.bodies:
            before = self._before(policy.bodies)
            places, _ = await expiring.expired(self._connection, policy.tenant, before, ())
            found.append(Removed("bodies", 0, before, len(places)))
        for table, days, kind in (
            (postgres_rows.FINDINGS, policy.findings, "findings"),
            (postgres_rows.TRAFFIC, policy.rows, "rows"),
        ):
            if days and self._pool is not None:
                before = self._before(days)
                count, _ = await postgres_rows.count(self._pool, table, policy.tenant, before, ())
                found.append(Removed(kind, 0, before, count))
        return found

    async def _bodies(self, tenant: str, before_us: int, held: Sequence[str], dry_run: bool) -> list[Removed]:
        places, keeps = await expiring.expired(self._connection, tenant, before_us, held)
        if dry_run:
            return [Removed("bodies", len(places), before_us, keeps)]
        # the objects first: without their keys nobody would look for them again
        objects = await expiring.remove_objects(self._connection, places) if places else 0
        count = 0
        for place in sorted(places):
            count += await expiring.destroy(self._connection, place)
        return [Removed("bodies", count, before_us, keeps), Removed("objects", objects, before_us)]

    async def _facts(self, days: int, on_hold: bool, dry_run: bool) -> list[Removed]:
        """The log's own limit, which takes whole segments from its old end, so that every chain goes on to verify.

        Segments hold facts of everybody, so a hold on anybody keeps all of them. How many went is told afterwards, for
        the server does it by itself and at any time.
        """
        removed = []
        for stream in STREAMS:
            if stream.name not in AGEING:
                continue
            limit = days * _NANOSECONDS if days else stream.max_age_s * 1_000_000_000
            # 0 is for ever
            wanted = 0 if on_hold else limit
            info = await api.call(self._connection, f"STREAM.INFO.{stream.name}")
            if info["config"].get("max_age", 0) != wanted and not dry_run:
                await api.call(self._connection, f"STREAM.UPDATE.{stream.name}", info["config"] | {"max_age": wanted})
                info = await api.call(self._connection, f"STREAM.INFO.{stream.name}")
            subject = f"{_MARK}{stream.name}"
            stored = await api.get_message(self._connection, f"KV_{WORKER_MARKS}", last_of=subject)
            told = int(stored.payload) if stored is not None and stored.payload.isdigit() else 1
            first = int(info["state"]["first_seq"])
            # an empty stream begins with 0
            if first > told:
                removed.append(Removed("messages", first - told, self._clock.now_us() - limit // 1000))
                self._untold[subject] = first
        return removed

    def _before(self, days: int) -> int:
        return self._clock.now_us() - days * DAY_US
