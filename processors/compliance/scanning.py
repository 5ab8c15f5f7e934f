"""Verdicts in a worker: small texts at once, large ones in a thread. The step itself is the gateway's own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from projections.screening import CompiledPack, Screener, screen_step
from projections.screening.tenants import Screeners, TenantPacks
from schemas.screening.allowing import ValueHash, hashed_by
from schemas.screening.model import ScreeningPolicy, Verdict

AT_ONCE = 100_000
"""Characters: about a millisecond of scanning."""


class Scanner:
    """Screens for one worker process."""

    def __init__(
        self,
        pack: CompiledPack,
        threads: int = 2,
        hash_key: ValueHash = lambda _: "",
        packs: TenantPacks | None = None,
    ) -> None:
        """
        Args:
            hash_key: keyed, for values that policies allow; without one, none is known.
            packs: of tenants that have rules of their own.
        """
        self._hash_key = hash_key
        self._packs = packs
        self._pack = pack
        self._screeners = Screeners(Screener(pack))
        self._own = threading.local()
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="screen")

    def now(
        self,
        tenant: str,
        texts: Sequence[str],
        stage: str,
        policy: ScreeningPolicy,
        tools: Sequence[int] = (),
        pack: CompiledPack | None = None,
    ) -> Verdict:
        """The verdict, made in the calling thread, which is always the same.

        Args:
            pack: instead of the tenant's own as it is now.

        Raises:
            ValueError: there is no such stage.
            Unavailable: the tenant's own rules are not ready.
        """
        screener = self._screeners.of(pack or self._pack_of(tenant))
        return screen_step(screener, texts, stage, policy, tools, self._hash_of(tenant, policy))

    async def verdict(
        self,
        tenant: str,
        texts: Sequence[str],
        stage: str,
        policy: ScreeningPolicy,
        tools: Sequence[int] = (),
        pack: CompiledPack | None = None,
    ) -> Verdict:
        """The verdict; large texts do not hold up the event loop. Arguments and errors are those of `now`."""
        if is_small(texts):
            return self.now(tenant, texts, stage, policy, tools, pack)
        loop = asyncio.get_running_loop()
        pack = pack or self._pack_of(tenant)
        return await loop.run_in_executor(self._threads, self._in_thread, tenant, texts, stage, policy, tools, pack)

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _pack_of(self, tenant: str) -> CompiledPack:
        return self._pack if self._packs is None else self._packs.pack_of(tenant)

    def _hash_of(self, tenant: str, policy: ScreeningPolicy) -> ValueHash | None:
        return hashed_by(self._hash_key, tenant) if policy.allowed else None

    def _in_thread(
        self,
        tenant: str,
        texts: Sequence[str],
        stage: str,
        policy: ScreeningPolicy,
        tools: Sequence[int],
        pack: CompiledPack,
    ) -> Verdict:
        screeners = getattr(self._own, "screeners", None)
        if screeners is None:
            screeners = self._own.screeners = Screeners(Screener(self._pack))
        return screen_step(screeners.of(pack), texts, stage, policy, tools, self._hash_of(tenant, policy))


def is_small(texts: Sequence[str]) -> bool:
    return sum(map(len, texts)) <= AT_ONCE
