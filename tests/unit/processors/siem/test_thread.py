"""A thread that may hang: who waits for it can leave, and nothing is called out of order."""

from __future__ import annotations

import asyncio
import threading

import pytest

from processors.siem.thread import OwnThread
from tests.waiting import until


async def test_results_and_errors_come_back() -> None:
    thread = OwnThread("test")
    assert await thread.call(divmod, 7, 2) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        await thread.call(divmod, 7, 0)
    thread.last(lambda: None)


async def test_a_caller_may_leave_a_call_that_hangs() -> None:
    thread, gate, done = OwnThread("test"), threading.Event(), list[str]()
    hanging = asyncio.create_task(thread.call(gate.wait))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await hanging
    thread.last(lambda: done.append("last"))
    assert done == []
    gate.set()
    await until(lambda: done == ["last"], "the last call")
    await until(lambda: not thread._thread.is_alive(), "the end of the thread")


async def test_it_does_not_keep_the_process_alive() -> None:
    thread = OwnThread("test")
    assert thread._thread.daemon
    thread.last(lambda: None)
