"""Waiting for something to become true, with a bound. No test sleeps for a time it hopes is enough."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

BOUND = 60.0  # seconds; generous, the machine may be busy
_POLL = 0.01


async def until(condition: Callable[[], object], what: str, seconds: float = BOUND) -> None:
    """Return when the condition is true; AssertionError after the bound."""
    give_up = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up, f"{what}: not within {seconds:g} s"
        await asyncio.sleep(_POLL)


def until_sync(condition: Callable[[], object], what: str, seconds: float = BOUND) -> None:
    """The same for synchronous tests."""
    give_up = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up, f"{what}: not within {seconds:g} s"
        time.sleep(_POLL)
