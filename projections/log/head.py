"""The newest messages of a stream, kept for all who follow it in a process. Followers are in `tail`."""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections.abc import Awaitable, Callable
from typing import Protocol

from projections.log.connection import LogConnection
from projections.log.ending import end
from projections.log.reader import Message, StreamReader, last_sequence

GATHER_S = 0.05
"""Messages that arrive within are handed on together: one wake-up of every follower for all of them."""
MOST_BYTES = 32 * 1024 * 1024
"""Of payloads kept for followers that are a little behind; who is further behind reads alone."""
MOST_US = 30_000_000
"""How much older than the newest a message may be that is kept for them: what is made of it is kept along, which is
several times its payload, and a store that is away for minutes takes none of it."""


class Listener(Protocol):
    """Who follows a head."""

    next: int
    attached: bool

    def offer(self, size: int) -> None: ...


class Head:
    """The newest messages of a stream: all those after `floor`."""

    def __init__(self, stream: str, connection: Callable[[], Awaitable[LogConnection]]) -> None:
        self.stream = stream
        self.floor = 0
        self.messages: list[Message] = []
        self.reader: StreamReader | None = None
        self.followers: set[Listener] = set()
        self._connect = connection
        self._bytes = 0
        self._task: asyncio.Task[None] | None = None

    async def ready(self) -> None:
        """Returns once there is a floor.

        Raises:
            Unavailable: the log does not answer.
            ApiError, NotFound: the stream cannot be read.
        """
        task = self._task
        if task is not None and task.done():
            self._task = self.reader = None
            task.result()
        if self.reader is None:
            await self.renew()

    async def renew(self) -> None:
        """Begins at what is the end of the stream now."""
        await self.close()
        connection = await self._connect()
        floor = await last_sequence(connection, self.stream)
        if self._task is None:
            self.messages, self._bytes, self.floor = [], 0, floor
            self.reader = StreamReader(connection, self.stream, start=floor + 1)
            self._task = asyncio.create_task(self._read(self.reader), name=f"tail of {self.stream}")

    async def close(self) -> None:
        task, self._task, self.reader = self._task, None, None
        if task is not None:
            await end({task})

    async def _read(self, reader: StreamReader) -> None:
        try:
            async for batch in reader.batches():
                self.messages += batch
                size = sum(len(message.payload) for message in batch)
                self._bytes += size
                self._trim()
                self._wake(size)
                await asyncio.sleep(GATHER_S)
        finally:
            self._wake(0)

    def _wake(self, size: int) -> None:
        for follower in self.followers:
            follower.offer(size)

    def _trim(self) -> None:
        """Lets go of what all have, and of more when somebody is far behind."""
        near = [follower.next for follower in self.followers if follower.attached and follower.next > self.floor]
        wanted = min(near, default=self.floor + 1)
        gone = bisect_left(self.messages, wanted, key=sequence_of)
        size = self._bytes - sum(len(message.payload) for message in self.messages[:gone])
        oldest = self.messages[-1].time_us - MOST_US
        while size > MOST_BYTES or (gone < len(self.messages) and self.messages[gone].time_us < oldest):
            size -= len(self.messages[gone].payload)
            gone += 1
        if gone:
            self.floor, self._bytes = self.messages[gone - 1].sequence, size
            del self.messages[:gone]


def sequence_of(message: Message) -> int:
    return message.sequence
