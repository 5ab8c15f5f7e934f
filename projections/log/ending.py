"""Ending tasks for certain. No other use of tasks belongs here."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Any


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
