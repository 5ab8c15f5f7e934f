"""Workers in the process of a test. What they work on is the test's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from tests.waiting import BOUND


@asynccontextmanager
async def working(
    *works: Callable[[asyncio.Event], Coroutine[Any, Any, None]], end_s: float = BOUND
) -> AsyncIterator[None]:
    """Each works until its event is set, which is at the end of the block; an error of one is the test's.

    Args:
        end_s: seconds within which they have to end then.
    """
    stop = asyncio.Event()
    tasks = [asyncio.create_task(work(stop)) for work in works]
    try:
        yield
    finally:
        stop.set()
        await asyncio.wait(tasks, timeout=end_s)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks)
