"""Keeps the lists of models: at the start, every so often, and when an account or a credential changes."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import Any, Protocol

import msgspec

from ingress.config_store import Store
from ingress.discovery.asking import NotListed
from schemas.aggregates.decider import Put, Remove, State
from schemas.aggregates.model_list import DECIDER, ModelList, listed, unlisted
from schemas.aggregates.provider import Provider
from schemas.errors import Conflict, NexusError, NotFound
from schemas.facts.ops import ModelListFailed
from schemas.ids import Clock, Ids
from schemas.wires import WIRES

log = logging.getLogger(__name__)

ACTOR = "worker:discovery"
AT_ONCE = 4
"""Accounts that are asked at the same time."""

Place = tuple[str, str]
"""Tenant and account."""


class View(Protocol):
    """What is needed of the live configuration."""

    def state_of(self, aggregate: str, tenant: str, identifier: str) -> State: ...

    def all_of(self, aggregate: str, tenant: str | None = None) -> Iterable[Any]: ...


class Refreshed(msgspec.Struct, frozen=True):
    """An account's list after it was asked for, and where it stands in CONFIG."""

    spec: ModelList
    sequence: int
    version: int


class Discovery:
    """Several processes may do this at the same time: what they are told is the same, an account whose list one of them
    has changed meanwhile is left to the other, and a list that is the same is not written."""

    def __init__(
        self,
        ask: Callable[[Provider], Awaitable[ModelList]],
        store: Store,
        view: View,
        alert: Callable[[str, ModelListFailed, str], None],
        clock: Clock,
        ids: Ids,
        interval_s: float,
    ) -> None:
        """
        Args:
            ask: gives an account's list as its provider tells it. Raises NotListed.
            alert: leaves a fact of a tenant; the last argument is the correlation.
            interval_s: between two rounds.
        """
        self._ask = ask
        self._store = store
        self._view = view
        self._alert = alert
        self._clock = clock
        self._ids = ids
        self._interval_s = interval_s
        self._changed = asyncio.Event()
        self._due: set[Place] = set()
        self._room = asyncio.Semaphore(AT_ONCE)
        self.asked: Counter[str] = Counter()
        """Answers by outcome: `listed` or `failed`."""

    def changed(self, aggregate: str, tenant: str, identifier: str) -> None:
        """Something in the configuration did; what concerns an account has it asked soon."""
        if aggregate == "provider":
            self._due.add((tenant, identifier))
        elif aggregate == "credential":
            named = (spec for spec in self._view.all_of("provider", tenant) if spec.credential == identifier)
            self._due.update((tenant, spec.id) for spec in named)
        if self._due:
            self._changed.set()

    async def run(self) -> None:
        """Until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            started = loop.time()
            self._due.clear()
            await self._refresh_all([(spec.tenant, spec.id) for spec in self._view.all_of("provider")])
            await self._drop_orphans()
            while (left := started + self._interval_s - loop.time()) > 0:
                try:
                    async with asyncio.timeout(left):
                        await self._changed.wait()
                except TimeoutError:
                    break
                self._changed.clear()
                due, self._due = self._due, set()
                await self._refresh_all(sorted(due))

    async def refresh(self, tenant: str, account: str) -> Refreshed:
        """Asks now.

        Raises:
            NotFound: there is nothing to ask: no such account, it is off, or its provider has no list.
            NexusError: the log did not take what was told.
        """
        spec = self._view.state_of("provider", tenant, account)
        if not isinstance(spec, Provider):
            raise NotFound("This provider does not exist.")
        if not asks(spec):
            raise NotFound(
                "The models of this account are not asked for: it is disabled, its discover is false, or its kind of "
                "provider has no list of them.",
                code="not_discovered",
            )
        correlation = self._ids.new()
        loaded = await self._store.load(DECIDER, tenant, account)
        before = loaded.state if isinstance(loaded.state, ModelList) else None
        try:
            after = listed(before, await self._ask(spec))
            self.asked["listed"] += 1
        except NotListed as reason:
            self.asked["failed"] += 1
            nothing = ModelList(
                id=account, tenant=tenant, wire=spec.wire, at_us=self._clock.now_us(), failed=str(reason)
            )
            after = unlisted(before, nothing)
        if after == before:
            return Refreshed(after, loaded.sequence, loaded.version)
        try:
            handled = await self._store.handle(
                DECIDER, tenant, account, Put(after), actor=ACTOR, correlation=correlation, expected=loaded.sequence
            )
        except Conflict:
            # somebody else was told at the same time, and has written it
            loaded = await self._store.load(DECIDER, tenant, account)
            if not isinstance(loaded.state, ModelList):
                raise
            return Refreshed(loaded.state, loaded.sequence, loaded.version)
        log.info(
            "models listed tenant=%s account=%s models=%d left_out=%d failed=%r",
            tenant, account, len(after.models), after.left_out, after.failed,
        )  # fmt: skip
        if after.failed and (before is None or not before.failed):
            self._alert(tenant, ModelListFailed(account, after.failed, len(after.models)), correlation)
        return Refreshed(after, handled.sequence, handled.version)

    def failing(self) -> Iterator[ModelList]:
        """Lists that could not be had anew."""
        return (spec for spec in self._view.all_of("model-list") if spec.failed)

    async def _refresh_all(self, places: list[Place]) -> None:
        await asyncio.gather(*(self._quietly(tenant, account) for tenant, account in places))

    async def _quietly(self, tenant: str, account: str) -> None:
        async with self._room:
            spec = self._view.state_of("provider", tenant, account)
            try:
                if isinstance(spec, Provider) and asks(spec):
                    await self.refresh(tenant, account)
                elif not isinstance(spec, Provider) or not spec.discover:
                    await self._drop(tenant, account)
            except (Conflict, NotFound):
                log.info("models were listed by another process tenant=%s account=%s", tenant, account)
            except NexusError as error:
                # the next round asks again
                log.warning("models not listed tenant=%s account=%s error=%s", tenant, account, error)
            except Exception:
                # whatever is wrong with one account, the others' lists are still to be had
                log.exception("models not listed tenant=%s account=%s", tenant, account)

    async def _drop_orphans(self) -> None:
        for spec in list(self._view.all_of("model-list")):
            if self._view.state_of("provider", spec.tenant, spec.id) is None:
                await self._quietly(spec.tenant, spec.id)

    async def _drop(self, tenant: str, account: str) -> None:
        if self._view.state_of("model-list", tenant, account) is not None:
            why = Remove("its account is gone, or says that it is not to be asked")
            await self._store.handle(DECIDER, tenant, account, why, actor=ACTOR, correlation=self._ids.new())


def asks(spec: Provider) -> bool:
    """Whether an account's models are asked for."""
    return spec.enabled and spec.discover and bool(WIRES[spec.wire].listings)
