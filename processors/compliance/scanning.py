"""Verdicts in a worker: small texts at once, large ones in a thread. The step itself is the gateway's own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from projections.screening import CompiledPack, Screener, screen_step
from schemas.screening.model import ScreeningPolicy, Verdict

AT_ONCE = 100_000
"""Characters: about a millisecond of scanning."""


class Scanner:
    """Screens for one worker process."""

    def __init__(self, pack: CompiledPack, threads: int = 2) -> None:
        self._screener = Screener(pack)
        self._pack = pack
        self._own = threading.local()
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="screen")

    def now(self, texts: Sequence[str], stage: str, policy: ScreeningPolicy, tools: Sequence[int] = ()) -> Verdict:
        """The verdict, made in the calling thread, which is always the same.

        Raises:
            ValueError: there is no such stage.
        """
        return screen_step(self._screener, texts, stage, policy, tools)

    async def verdict(
        self, texts: Sequence[str], stage: str, policy: ScreeningPolicy, tools: Sequence[int] = ()
    ) -> Verdict:
        """The verdict; large texts do not hold up the event loop.

        Raises:
            ValueError: there is no such stage.
        """
        if is_small(texts):
            return self.now(texts, stage, policy, tools)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._in_thread, texts, stage, policy, tools)

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _in_thread(self, texts: Sequence[str], stage: str, policy: ScreeningPolicy, tools: Sequence[int]) -> Verdict:
        screener = getattr(self._own, "screener", None)
        if screener is None:
            screener = self._own.screener = Screener(self._pack)
        return screen_step(screener, texts, stage, policy, tools)


def is_small(texts: Sequence[str]) -> bool:
    return sum(map(len, texts)) <= AT_ONCE
