"""Fills a view that nobody reads yet from the log, up to the end or to a given place. Stores are behind `FillSink`."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from contextlib import aclosing
from typing import Protocol

from projections.log.connection import LogConnection
from projections.log.reader import Message, last_sequence
from projections.ranges import batches
from schemas.errors import Invalid, Rejected

log = logging.getLogger(__name__)

Progress = Callable[[int, int], None]
"""Told the messages done and their total as known now."""

_PATIENCE_S = 60.0
_RETRY_S = 0.5


class FillSink(Protocol):
    """A sink as the door uses it."""

    def position(self) -> int: ...
    async def refresh(self) -> None: ...
    async def handle(self, messages: Sequence[Message]) -> None: ...
    async def skip(self, sequence: int) -> None: ...


class Filling:
    """One sink, the stream that fills it, and how far that has come."""

    def __init__(self, connection: LogConnection, sink: FillSink, stream: str, subject: str = "") -> None:
        self._connection = connection
        self.sink = sink
        self.stream = stream
        self._subject = subject

    async def behind(self) -> int:
        """The end of the stream less the position; what is between may be less. Raises Unavailable."""
        end = await last_sequence(self._connection, self.stream, self._subject or None)
        return max(0, end - self.sink.position())

    async def catch_up(self, told: Callable[[], None] = lambda: None) -> None:
        """Applies everything that the stream has now.

        Raises:
            Rejected: the store stays out of order for a minute.
            Unavailable: the log does not answer.
        """
        end = await last_sequence(self._connection, self.stream, self._subject or None)
        moved_at = time.monotonic()
        while self.sink.position() < end:
            before = self.sink.position()
            try:
                found = batches(self._connection, self.stream, before + 1, end, subject=self._subject)
                async with aclosing(found):
                    async for batch in found:
                        await self.apply(batch)
                        told()
                return  # the stream may end with messages that were deleted
            except Rejected as error:
                if self.sink.position() > before:
                    moved_at = time.monotonic()
                if time.monotonic() - moved_at > _PATIENCE_S:
                    raise
                log.warning("event=filling_waits stream=%s error=%s", self.stream, error)
                await asyncio.sleep(_RETRY_S)
                await self.sink.refresh()

    async def apply(self, batch: list[Message]) -> None:
        """Applies messages that follow the position; what can never be applied is stepped over. Raises Rejected."""
        try:
            await self.sink.handle(batch)
        except Invalid as error:
            if len(batch) > 1:
                middle = len(batch) // 2
                await self.apply(batch[:middle])
                await self.apply(batch[middle:])
                return
            log.warning("event=left_out stream=%s reason=%s", self.stream, error)  # it lies in DEAD since it was new
            await self.sink.skip(batch[0].sequence)
