"""Verdicts in a worker: small texts at once, large ones in a thread. The step itself is the gateway's own."""

from __future__ import annotations

from collections.abc import Sequence

from projections.screening import CompiledPack, Screener, screen_step
from projections.screening.aside import Aside, is_small
from projections.screening.tenants import Screeners, TenantPacks
from schemas.screening.allowing import ValueHash, hashed_by
from schemas.screening.model import ScreeningPolicy, Verdict


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
        self._aside = Aside(pack, threads)

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
        pack = pack or self._pack_of(tenant)
        return await self._aside.step(pack, texts, stage, policy, tools, self._hash_of(tenant, policy))

    def close(self) -> None:
        self._aside.close()

    def _pack_of(self, tenant: str) -> CompiledPack:
        return self._pack if self._packs is None else self._packs.pack_of(tenant)

    def _hash_of(self, tenant: str, policy: ScreeningPolicy) -> ValueHash | None:
        return hashed_by(self._hash_key, tenant) if policy.allowed else None
