"""Compiled packs in the object store, and which of them configuration names. Compiling is elsewhere."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from pathlib import Path

from nats.errors import Error as NatsError
from nats.js.errors import NotFoundError, ObjectNotFoundError
from nats.js.object_store import ObjectStore

from projections.live.state import LiveState
from projections.log.api import ApiError
from projections.log.connection import LogConnection
from projections.log.store import ConfigStore
from projections.screening.cache import cached, keep
from projections.screening.compiled import CompiledPack, PackError, platform, platform_hash
from projections.screening.compiling import compile_apart
from projections.screening.packs import load_builtin_rules
from schemas.aggregates.decider import Put
from schemas.aggregates.pack import BUILT_IN, DECIDER, Pack, pack_id
from schemas.errors import Unavailable
from schemas.facts.traffic import SYSTEM
from schemas.screening.rules import version
from schemas.topology import PACKS

log = logging.getLogger(__name__)

ACTOR = "worker:compliance"


async def obtain_built_in(directory: Path, shipped: Shipped) -> CompiledPack:
    """The pack of the rules that come with Nexus: kept as a file, shipped through the log, or compiled apart.

    Raises:
        PackError: the rules cannot be compiled, or not in time.
    """
    found = await asyncio.to_thread(cached, directory)
    if found is not None:
        return found
    wanted = version(await asyncio.to_thread(load_builtin_rules))
    found = await shipped.load(SYSTEM, BUILT_IN, wanted)
    if found is None:
        return await compile_apart(directory)
    await asyncio.to_thread(keep, directory, found)
    return found


class Shipped:
    """The packs that are shipped through the log."""

    def __init__(self, connection: LogConnection, configuration: LiveState) -> None:
        self._connection = connection
        self._configuration = configuration
        self._store: ObjectStore | None = None

    def named(self, tenant: str, kind: str, version: str) -> Pack | None:
        """The pack of this version for machines like this one, if configuration names it."""
        found = self._configuration.state_of("pack", tenant, pack_id(kind, platform_hash()))
        return found if isinstance(found, Pack) and found.version == version else None

    async def load(self, tenant: str, kind: str, version: str) -> CompiledPack | None:
        """The same, loaded; None when there is none that can be used here."""
        pack = self.named(tenant, kind, version)
        if pack is None:
            return None
        try:
            store = await self._open()
            data = (await store.get(pack.sha256)).data or b""
            if hashlib.sha256(data).hexdigest() != pack.sha256:
                raise PackError("the object is not the one that was named")
            found = CompiledPack.from_bytes(data)
            if found.version != version:
                raise PackError("the object holds other rules")
        except (PackError, ObjectNotFoundError, NotFoundError, NatsError, OSError, TimeoutError) as error:
            log.warning("event=pack_not_loaded tenant=%s kind=%s error=%s", tenant, kind, type(error).__name__)
            return None
        return found

    async def ship(self, tenant: str, kind: str, pack: CompiledPack, store: ConfigStore, correlation: str) -> None:
        """Puts a pack into the object store, then names it; nothing where it is named already.

        Raises:
            Unavailable: the log does not answer.
        """
        if self.named(tenant, kind, pack.version) is not None:
            return
        data = await asyncio.to_thread(pack.to_bytes)
        name = hashlib.sha256(data).hexdigest()
        try:
            await (await self._open()).put(name, data)
        except (NatsError, ApiError, OSError, TimeoutError) as error:
            raise Unavailable(f"the store of packs does not answer ({type(error).__name__})", retry_after=1) from None
        spec = Pack(
            id=pack_id(kind, platform_hash()),
            tenant=tenant,
            version=pack.version,
            rules=len(pack.rules),
            size=len(data),
            sha256=name,
            platform=platform(),
        )
        before = self._configuration.state_of("pack", tenant, spec.id)
        await store.handle(DECIDER, tenant, spec.id, Put(spec), actor=ACTOR, correlation=correlation)
        if isinstance(before, Pack) and before.sha256 != name:
            await self._forget(before)
        log.info("event=pack_shipped tenant=%s kind=%s version=%s bytes=%d", tenant, kind, pack.version, len(data))

    async def _forget(self, before: Pack) -> None:
        """Takes out what nothing names any more; whoever is about to load it compiles for itself."""
        named = [(each.tenant, each.id) for each in self._configuration.all_of("pack") if each.sha256 == before.sha256]
        if any(each != (before.tenant, before.id) for each in named):
            return
        try:
            await (await self._open()).delete(before.sha256)
        except (ObjectNotFoundError, NotFoundError, NatsError, ApiError, OSError, TimeoutError) as error:
            log.warning("event=pack_not_forgotten object=%s error=%s", before.sha256, type(error).__name__)

    async def _open(self) -> ObjectStore:
        if self._store is None:
            self._store = await self._connection.js.object_store(PACKS)
        return self._store
