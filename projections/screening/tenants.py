"""The packs of tenants with rules of their own, kept as configuration says. Compiling and shipping are elsewhere."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Protocol

from projections.live.state import Changed, LiveState
from projections.log.ending import end
from projections.screening.compiled import CompiledPack, PackError, extended
from projections.screening.compiling import compile_custom
from projections.screening.screener import Screener
from schemas.aggregates.pack import CUSTOM
from schemas.aggregates.rule import CustomRule
from schemas.errors import Unavailable
from schemas.screening.model import Rule
from schemas.screening.rules import version

log = logging.getLogger(__name__)

GRACE_S = 3.0
"""How long a pack that the compliance worker compiles is waited for; then it is compiled here."""
RETRY_S = 5.0
TOGETHER = 2
"""Packs compiled here at a time: each takes a core for seconds, and there may be as many to compile as tenants."""
_KEPT = 32


class Packs(Protocol):
    """What is needed of the packs that are shipped."""

    async def load(self, tenant: str, kind: str, version: str) -> CompiledPack | None: ...


def rules_of(specs: Iterable[CustomRule]) -> tuple[Rule, ...]:
    """The rules in force among these, in the order of their ids."""
    return tuple(sorted((spec.rule() for spec in specs if spec.enabled), key=lambda rule: rule.id))


class TenantPacks:
    """What each tenant's texts are held against. A change is in force within `GRACE_S` and the time of a compilation;
    until then the rules of before are."""

    def __init__(
        self, built_in: CompiledPack, configuration: LiveState, shipped: Packs, *, grace_s: float = GRACE_S
    ) -> None:
        self.built_in = built_in
        self.own: dict[str, CompiledPack | None] = {}
        """By tenant, of those that have rules of their own; None while theirs cannot be had."""
        self._configuration = configuration
        self._shipped = shipped
        self._grace_s = grace_s
        self._versions: dict[str, str] = {}
        self._kept: OrderedDict[str, CompiledPack] = OrderedDict()
        self._following: dict[str, asyncio.Task[None]] = {}
        self._arrived = asyncio.Event()
        self._places = asyncio.Semaphore(TOGETHER)

    def pack_of(self, tenant: str) -> CompiledPack:
        """
        Raises:
            Unavailable: the tenant's rules could not be compiled yet, and without them nothing may pass.
        """
        pack = self.own.get(tenant, self.built_in)
        if pack is None:
            raise Unavailable("The rules of this tenant are not ready.", code="screening_unavailable", retry_after=5)
        return pack

    async def settle(self) -> None:
        """Returns once every tenant's rules are in force, or known not to be."""
        tenants = sorted({spec.tenant for spec in self._configuration.all_of("rule")})
        ready = await asyncio.gather(*(self._try(tenant, 0.0) for tenant in tenants))
        for tenant, done in zip(tenants, ready, strict=True):
            if not done:
                self._start(tenant)

    def changed(self, change: Changed) -> None:
        """Told of every change of configuration."""
        if change.aggregate == "rule":
            self._start(change.tenant)
        elif change.aggregate == "pack":
            arrived, self._arrived = self._arrived, asyncio.Event()
            arrived.set()

    async def close(self) -> None:
        await end(set(self._following.values()))

    async def pack_with(self, tenant: str, rules: Sequence[Rule]) -> CompiledPack:
        """The pack of a tenant with these rules, whenever they were in force.

        Raises:
            PackError: they cannot be compiled.
        """
        if not rules:
            return self.built_in
        wanted = version(rules)
        pack = self._kept.get(wanted)
        if pack is None:
            pack = extended(self.built_in, await self._compiled(tenant, wanted, rules))
            self._kept[wanted] = pack
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(wanted)
        return pack

    def _start(self, tenant: str) -> None:
        running = self._following.get(tenant)
        if running is None or running.done():
            self._following[tenant] = asyncio.create_task(self._follow(tenant), name="tenant-pack")

    async def _follow(self, tenant: str) -> None:
        while True:
            if await self._try(tenant, self._grace_s):
                return
            await asyncio.sleep(RETRY_S)

    async def _try(self, tenant: str, grace_s: float) -> bool:
        """Whether the tenant's rules, as they are by then, are in force."""
        while True:
            rules = rules_of(self._configuration.all_of("rule", tenant))
            wanted = version(rules) if rules else ""
            if self._versions.get(tenant, "") == wanted:
                return True
            try:
                pack = await self._had(tenant, wanted, rules, grace_s) if rules else None
            except PackError as error:
                log.error("event=tenant_pack_failed tenant=%s version=%s reason=%s", tenant, wanted, error)
                self.own.setdefault(tenant, None)
                return False
            if pack is None:
                self.own.pop(tenant, None)
                self._versions.pop(tenant, None)
            else:
                self.own[tenant], self._versions[tenant] = pack, wanted
            log.info("event=tenant_pack tenant=%s rules=%d version=%s", tenant, len(rules), wanted)

    async def _had(self, tenant: str, wanted: str, rules: Sequence[Rule], grace_s: float) -> CompiledPack:
        """The pack that the compliance worker has shipped, or soon will; else one compiled here."""
        until = time.monotonic() + grace_s
        while True:
            arrived = self._arrived
            own = await self._shipped.load(tenant, CUSTOM, wanted)
            if own is not None:
                return extended(self.built_in, own)
            left = until - time.monotonic()
            if left <= 0:
                return extended(self.built_in, await self._compiled(tenant, wanted, rules))
            try:
                async with asyncio.timeout(left):
                    await arrived.wait()
            except TimeoutError:
                continue

    async def _compiled(self, tenant: str, wanted: str, rules: Sequence[Rule]) -> CompiledPack:
        """The tenant's own rules, compiled here unless they have been shipped by the time there is a place to do it."""
        async with self._places:
            own = await self._shipped.load(tenant, CUSTOM, wanted)
            return own if own is not None else await compile_custom(rules)


class Screeners:
    """Screeners of one thread, by what they scan with: that of the built-in rules, and some of tenants' own."""

    def __init__(self, built_in: Screener) -> None:
        self.built_in = built_in
        self._own: OrderedDict[str, Screener] = OrderedDict()

    def of(self, pack: CompiledPack) -> Screener:
        if pack.version == self.built_in.pack.version:
            return self.built_in
        found = self._own.pop(pack.version, None)
        if found is None:
            found = Screener(pack, self.built_in)
            if len(self._own) >= _KEPT:
                self._own.popitem(last=False)
        self._own[pack.version] = found
        return found
