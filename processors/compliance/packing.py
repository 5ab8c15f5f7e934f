"""Compiles what tenants' rules have become and ships it through the log, once for all gateways of one kind."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from projections.live.state import Changed, LiveState
from projections.log.api import ApiError
from projections.log.store import ConfigStore
from projections.screening.compiled import CompiledPack, PackError
from projections.screening.compiling import compile_custom
from projections.screening.shipped import Shipped
from projections.screening.tenants import rules_of
from schemas.aggregates.pack import BUILT_IN, CUSTOM
from schemas.errors import NexusError
from schemas.facts.traffic import SYSTEM
from schemas.screening.rules import version

log = logging.getLogger(__name__)

RETRY_S = 5.0


class Packing:
    """Works until it is cancelled. What fails is tried again; gateways compile for themselves meanwhile."""

    def __init__(
        self,
        configuration: LiveState,
        shipped: Shipped,
        store: ConfigStore,
        built_in: CompiledPack,
        correlation: Callable[[], str],
    ) -> None:
        self._configuration = configuration
        self._shipped = shipped
        self._store = store
        self._built_in = built_in
        self._correlation = correlation
        self._due = {SYSTEM, *(spec.tenant for spec in configuration.all_of("rule"))}
        self._wake = asyncio.Event()
        self._wake.set()

    def changed(self, change: Changed) -> None:
        """Told of every change of configuration."""
        if change.aggregate == "rule":
            self._due.add(change.tenant)
            self._wake.set()

    async def run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            failed = set()
            while self._due:
                tenant = self._due.pop()
                if not await self._shipped_for(tenant):
                    failed.add(tenant)
            if failed:
                await asyncio.sleep(RETRY_S)
                self._due |= failed
                self._wake.set()

    async def _shipped_for(self, tenant: str) -> bool:
        """Whether all is done that can be."""
        try:
            if tenant == SYSTEM:
                await self._shipped.ship(SYSTEM, BUILT_IN, self._built_in, self._store, self._correlation())
                return True
            rules = rules_of(self._configuration.all_of("rule", tenant))
            if rules and self._shipped.named(tenant, CUSTOM, version(rules)) is None:
                pack = await compile_custom(rules)
                await self._shipped.ship(tenant, CUSTOM, pack, self._store, self._correlation())
        except PackError as error:
            # they were compiled before they were accepted: nothing that trying again would mend
            log.error("event=pack_not_compiled tenant=%s reason=%s", tenant, error)
        except (NexusError, ApiError, OSError) as error:
            log.warning("event=pack_not_shipped tenant=%s error=%s", tenant, type(error).__name__)
            return False
        return True
