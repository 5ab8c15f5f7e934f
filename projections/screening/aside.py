"""Large texts held against the rules in threads: what takes seconds must not hold up everybody else's requests."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from projections.screening.compiled import CompiledPack
from projections.screening.screener import Screener
from projections.screening.step import screen_step
from projections.screening.tenants import Screeners
from schemas.screening.allowing import ValueHash
from schemas.screening.model import ScreeningPolicy, Verdict

AT_ONCE = 100_000
"""Characters: some milliseconds of scanning, ten times that where everything has to be decoded."""


class Aside:
    """Threads with a screener each, made when the first large text comes."""

    def __init__(self, pack: CompiledPack, threads: int = 2) -> None:
        """
        Args:
            pack: of the rules that come with Nexus.
        """
        self._pack = pack
        self._own = threading.local()
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="screen")

    async def step(
        self,
        pack: CompiledPack,
        texts: Sequence[str],
        stage: str,
        policy: ScreeningPolicy,
        tools: Sequence[int],
        hash_of: ValueHash | None,
    ) -> Verdict:
        """`screen_step` with the rules of `pack`."""
        work = (pack, tuple(texts), stage, policy, tools, hash_of)
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._in_thread, *work)

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _in_thread(
        self,
        pack: CompiledPack,
        texts: Sequence[str],
        stage: str,
        policy: ScreeningPolicy,
        tools: Sequence[int],
        hash_of: ValueHash | None,
    ) -> Verdict:
        screeners = getattr(self._own, "screeners", None)
        if screeners is None:
            screeners = self._own.screeners = Screeners(Screener(self._pack))
        return screen_step(screeners.of(pack), texts, stage, policy, tools, hash_of)


def is_small(texts: Sequence[str]) -> bool:
    return sum(map(len, texts)) <= AT_ONCE
