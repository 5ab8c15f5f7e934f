"""Follows CONFIG and keeps the live state up to date, for any process that decides by configuration."""

from __future__ import annotations

import asyncio
import gc
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ClassVar, Self

from projections.live.state import Changed, LiveState
from projections.log.connection import LogConnection
from projections.log.ending import end
from projections.log.reader import StreamReader, last_sequence
from schemas.codec import Malformed
from schemas.errors import Unavailable

log = logging.getLogger(__name__)

OnChange = Callable[[Changed], None]

START_S = 30.0
"""How long a start waits for a log that is away, as it may be while both are being started again."""

_BATCH = 5_000
"""Messages of CONFIG are small: so many are some megabytes, and asking for them less often is waiting less often."""


class LiveConfig(LiveState):
    """A live state with a task that follows the log. Start it with `start`, and look at `age_s` before trusting it."""

    without: ClassVar[tuple[str, ...]] = ()
    """See `LiveState`."""

    def __init__(self, connection: LogConnection, on_change: OnChange | None = None) -> None:
        super().__init__(self.without)
        self._reader = StreamReader(connection, "CONFIG", batch=_BATCH)
        self._on_change = on_change
        self._moved = asyncio.Condition()
        self._task: asyncio.Task[None] | None = None

    @classmethod
    async def start(cls, connection: LogConnection, on_change: OnChange | None = None) -> Self:
        """Folds all there is and follows from then on.

        Raises:
            Unavailable: the log has not answered for `START_S`.
        """
        live = cls(connection, on_change)
        goal = await _last(connection)
        with no_collections():
            live._task = asyncio.create_task(live._follow(), name="live-config")
            reached = asyncio.create_task(live.wait_for(goal, None))
            # a reader that fails must not leave the caller waiting
            await asyncio.wait({reached, live._task}, return_when=asyncio.FIRST_COMPLETED)
        if not reached.done():
            reached.cancel()
            await live._task
        return live

    @property
    def age_s(self) -> float:
        """Seconds since the log last answered; what happened since is not known here."""
        return max(0.0, time.monotonic() - self._reader.last_contact)

    @property
    def task(self) -> asyncio.Task[None] | None:
        """Ends only when following failed for good; a composition root watches it."""
        return self._task

    async def wait_for(self, sequence: int, wait_s: float | None) -> bool:
        """Waits until the state has reached a position; False when the time (seconds) ran out first."""
        if self.sequence >= sequence:
            return True
        try:
            async with asyncio.timeout(wait_s), self._moved:
                await self._moved.wait_for(lambda: self.sequence >= sequence)
        except TimeoutError:
            return False
        return True

    async def close(self) -> None:
        if self._task is not None:
            await end({self._task})

    async def _follow(self) -> None:
        async for batch in self._reader.batches():
            for message in batch:
                try:
                    changed = self.apply(message.sequence, message.subject, message.payload)
                except (Malformed, ValueError) as error:
                    # one bad message must not keep every later revocation from being seen
                    log.error("config message skipped position=CONFIG:%d reason=%s", message.sequence, error)
                    self.sequence = message.sequence
                    continue
                if changed is not None and self._on_change is not None:
                    self._on_change(changed)
            async with self._moved:
                self._moved.notify_all()


@contextmanager
def no_collections() -> Iterator[None]:
    """A large configuration is many objects that stay and no cycles: looking at all of them again and again, as the
    collector does while they become more, takes a fifth of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


async def _last(connection: LogConnection) -> int:
    give_up = time.monotonic() + START_S
    while True:
        try:
            return await last_sequence(connection, "CONFIG")
        except Unavailable:
            if time.monotonic() > give_up:
                raise
            await asyncio.sleep(0.2)
