"""A process that is told to stop while it waits for something breaks that off."""

from __future__ import annotations

import asyncio

from projections.log.ending import unless_stopped


async def test_what_is_done_before_counts() -> None:
    assert await unless_stopped(asyncio.Event(), asyncio.sleep(0, "done")) == "done"


async def test_what_is_under_way_is_broken_off() -> None:
    stop, broken = asyncio.Event(), asyncio.Event()

    async def compiling() -> str:
        stop.set()
        try:
            return str(await asyncio.Event().wait())
        finally:
            broken.set()

    assert await unless_stopped(stop, compiling()) is None
    assert broken.is_set()
