"""Ending tasks for certain. No other use of tasks belongs here."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")


async def end(tasks: Collection[asyncio.Task[Any]], again_s: float = 0.2) -> None:
    """Cancels tasks until they are done.

    Once is not enough: before Python 3.12 `asyncio.wait_for`, and so every request to NATS, forgets a cancellation that
    comes together with the answer.

    Args:
        again_s: seconds between attempts; more than the tasks themselves need to clean up.
    """
    waiting = {task for task in tasks if not task.done()}
    while waiting:
        for task in waiting:
            task.cancel()
        _, waiting = await asyncio.wait(waiting, timeout=again_s)


async def unless_stopped(stop: asyncio.Event, work: Coroutine[Any, Any, Result]) -> Result | None:
    """What the work gives; None when the process was told to stop first, which breaks the work off."""
    working, stopped = asyncio.ensure_future(work), asyncio.create_task(stop.wait())
    await asyncio.wait((working, stopped), return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if working.done():
        return working.result()
    await end({working})
    return None
