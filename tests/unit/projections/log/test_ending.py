"""Tasks end even when they miss a cancellation."""

from __future__ import annotations

import asyncio

from projections.log.ending import end


async def test_a_swallowed_cancellation_is_repeated() -> None:
    missed = 0

    async def deaf() -> None:
        nonlocal missed
        while missed < 3:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                missed += 1
        await asyncio.Event().wait()

    task = asyncio.create_task(deaf())
    await asyncio.sleep(0)
    await end({task}, again_s=0.001)
    assert task.cancelled()
    assert missed == 3


async def test_what_has_ended_is_left_alone() -> None:
    async def fails() -> None:
        raise ValueError

    task = asyncio.create_task(fails())
    await asyncio.wait({task})
    await end({task})
    await end(set())
    assert isinstance(task.exception(), ValueError)
