"""Waiting beside the event that tells a worker to stop. What it does meanwhile is its own."""

from __future__ import annotations

import asyncio
from typing import Any

from projections.log.ending import end


async def pause(stop: asyncio.Event, seconds: float) -> bool:
    """Waits for so long, or until `stop` is set: whether it is."""
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return False
    return True


async def watch(task: asyncio.Task[Any], stop: asyncio.Event) -> None:
    """Ends with `stop`, or with the task: with its error, when it has one."""
    asking = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait((asking, task), return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            await task
    finally:
        await end({asking})
