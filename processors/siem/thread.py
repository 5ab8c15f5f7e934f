"""A thread for blocking calls that may hang for ever: it holds up neither the event loop nor the end of the process."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")


class OwnThread:
    """Runs calls one after the other, in the order they were asked for, even when nobody waits for them any more."""

    def __init__(self, name: str) -> None:
        self._queue: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        # a daemon, since Python waits for all others at its end
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    async def call(self, function: Callable[..., T], *arguments: Any) -> T:
        """What the function returns or raises. A cancelled caller leaves; the call is made all the same."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()

        def run() -> None:
            try:
                result = function(*arguments)
            except BaseException as error:
                _tell(loop, future, error=error)
            else:
                _tell(loop, future, result=result)

        self._queue.put(run)
        return await future

    def last(self, function: Callable[[], None]) -> None:
        """Asks for a last call after those under way and ends the thread; waits for nothing."""
        self._queue.put(function)
        self._queue.put(None)

    def _work(self) -> None:
        while (call := self._queue.get()) is not None:
            call()


def _tell(
    loop: asyncio.AbstractEventLoop, future: asyncio.Future[Any], result: Any = None, error: BaseException | None = None
) -> None:
    def settle() -> None:
        if future.done():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)

    if not loop.is_closed():
        try:
            loop.call_soon_threadsafe(settle)
        except RuntimeError:
            return  # the loop closed just now: nobody is there to be told
