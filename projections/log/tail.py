"""The ends of streams, read once for all who follow them in a process. What is behind is read by each alone."""

from __future__ import annotations

import asyncio
import logging
import time
from bisect import bisect_left
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import suppress

from projections.log.connection import LogConnection
from projections.log.ending import end
from projections.log.head import Head, sequence_of
from projections.log.reader import Message, StreamReader, last_sequence
from schemas.errors import Unavailable

log = logging.getLogger(__name__)

FIRST_S = 0.1
"""What the first message after a silence waits for those that belong to it: a request is two or three."""
ENOUGH_BYTES = 8 * 1024 * 1024
"""So much is handed on before its time."""
_RETRY_S = 0.2


class Tails:
    """All that one process follows. Messages are the same objects for all, and so is what is made of them `once`."""

    def __init__(self, url: str, connection: LogConnection | None = None) -> None:
        """
        Args:
            url: of the log, for a connection of its own, which is opened when somebody follows.
            connection: instead of one of its own; it stays the caller's.
        """
        self._url = url
        self._given = connection
        self._opened: LogConnection | None = None
        self._opening = asyncio.Lock()
        self._heads: dict[str, Head] = {}

    def follow(self, stream: str, *, subject: str = "", start: int = 1, start_time_us: int = 0) -> Follower:
        """Messages of a stream from a place on, for ever. To be closed.

        Args:
            subject: only these, exactly; empty for all.
            start: sequence of the first message wanted.
            start_time_us: instead of `start`, the time from which on messages are wanted; 0 for none.
        """
        head = self._heads.get(stream)
        if head is None:
            head = self._heads[stream] = Head(stream, self.connection)
        return Follower(self, head, subject, start, start_time_us)

    async def connection(self) -> LogConnection:
        """
        Raises:
            Unavailable: no server answered in time.
        """
        if self._given is not None:
            return self._given
        async with self._opening:
            if self._opened is None:
                self._opened = await LogConnection.open(self._url, "tails")
            return self._opened

    async def close(self) -> None:
        for head in self._heads.values():
            await head.close()
        if self._opened is not None:
            await self._opened.close()


class Follower:
    """One reader's place in a stream: in order, no gap, no double."""

    def __init__(self, tails: Tails, head: Head, subject: str, start: int, start_time_us: int) -> None:
        self.next = max(start, 1)
        """The first sequence that was not handed out."""
        self.attached = False
        """Everything before `next` was handed out, and all after it is with the head."""
        self._news = asyncio.Event()
        self._hurry = asyncio.Event()
        self._offered = 0
        self._due_at = 0.0
        self._tails = tails
        self._head = head
        self._subject = subject
        self._start_time_us = self._from_us = start_time_us
        self._alone: AsyncGenerator[list[Message], None] | None = None
        self._alone_until = 0
        self._coming: asyncio.Task[list[Message] | None] | None = None
        head.followers.add(self)

    @property
    def caught_up(self) -> bool:
        """What was handed out last ended with the newest message that there was."""
        head = self._head
        return self.attached and not self._news_there() and head.reader is not None and head.reader.caught_up

    @property
    def last_contact(self) -> float:
        """Monotonic time when the server last answered, 0 before."""
        return self._head.reader.last_contact if self._head.reader is not None else 0.0

    def seek(self, sequence: int) -> None:
        """Goes on at another place."""
        self.next, self._start_time_us, self._from_us, self.attached = max(sequence, 1), 0, 0, False
        self._alone_until = -1

    def offer(self, size: int) -> None:
        """The head has so many bytes more, or nothing any more."""
        self._offered += size
        self._news.set()
        if self._offered >= ENOUGH_BYTES:
            self._hurry.set()

    def wake(self) -> None:
        """Lets `take` return early."""
        self._news.set()
        self._hurry.set()

    async def batches(self, gather_s: float = 0.0) -> AsyncIterator[list[Message]]:
        """Messages as they come, never an empty batch.

        Raises:
            ApiError, NotFound: the stream cannot be read.
        """
        while True:
            try:
                if batch := await self.take(5.0, gather_s):
                    yield batch
            except Unavailable as error:
                log.info("event=tail_waits stream=%s reason=%s", self._head.stream, error)
                await asyncio.sleep(_RETRY_S)

    async def take(self, wait_s: float, gather_s: float = 0.0) -> list[Message]:
        """The next messages; empty when there are none within `wait_s` seconds, or after `wake`.

        Args:
            gather_s: between two batches from the end of the stream. What comes after a silence hardly waits.

        Raises:
            Unavailable: the log does not answer.
            ApiError, NotFound: the stream cannot be read.
        """
        deadline = time.monotonic() + wait_s
        while True:
            self._news.clear()
            if self._alone_until < 0:
                await self._leave_alone()
            head = self._head
            await head.ready()
            if self.next <= head.floor or self._start_time_us:
                taken = await self._take_alone(deadline)
                if taken is None:
                    continue
                return taken
            self.attached = True
            if self._news_there():
                wait_s = self._due_at - time.monotonic()
                if wait_s > 0 and not self._hurry.is_set():
                    await _wait(self._hurry, wait_s)
                elif taken := self._from_head(gather_s):
                    return taken
                continue
            woken = self._hurry.is_set()
            if woken or not await _wait(self._news, deadline - time.monotonic()) or not self._news_there():
                self._hurry.clear()
                return []
            self._due_at = max(self._due_at, time.monotonic() + min(gather_s, FIRST_S))

    def _news_there(self) -> bool:
        messages = self._head.messages
        return bool(messages) and messages[-1].sequence >= self.next

    def _from_head(self, gather_s: float) -> list[Message]:
        messages = self._head.messages
        taken = messages[bisect_left(messages, self.next, key=sequence_of) :]
        self._due_at, self._offered = time.monotonic() + gather_s, 0
        self._hurry.clear()
        if taken:
            self.next = taken[-1].sequence + 1
            if self._subject:
                taken = [message for message in taken if message.subject == self._subject]
            if self._from_us:
                taken = [message for message in taken if message.time_us >= self._from_us]
        return taken

    # --- what is behind the head

    async def _take_alone(self, deadline: float) -> list[Message] | None:
        """A batch from before the head; empty when it takes too long, None when the head goes on from here."""
        if self._alone is None and not await self._begin_alone():
            return None
        if self._coming is None:
            self._coming = asyncio.create_task(self._coming_alone())
        await asyncio.wait((self._coming,), timeout=max(0.0, deadline - time.monotonic()))
        if not self._coming.done() or self._alone_until < 0:
            return []
        coming, self._coming = self._coming, None
        if coming.exception() is not None:
            self._alone = None
        batch = coming.result()
        if batch is None:
            self._alone, self._start_time_us = None, 0
            self.next = max(self.next, self._alone_until + 1)
            return None
        self.next, self._start_time_us, self._from_us = batch[-1].sequence + 1, 0, 0
        return batch

    async def _begin_alone(self) -> bool:
        connection, head = await self._tails.connection(), self._head
        last = await last_sequence(connection, head.stream)
        if last < head.floor:
            log.warning("event=another_stream stream=%s ended=%d ends=%d", head.stream, head.floor, last)
            await head.renew()
            if self.next > head.floor and not self._start_time_us:
                return False
        reader = StreamReader(
            connection,
            head.stream,
            subjects=(self._subject,) if self._subject else (),
            start=self.next,
            start_time_us=self._start_time_us,
        )
        self._alone_until = head.floor
        self._alone = reader.batches(follow=False, until=self._alone_until)
        return True

    async def _coming_alone(self) -> list[Message] | None:
        assert self._alone is not None, "a reader is there while something is coming"
        return await anext(self._alone, None)

    async def _leave_alone(self) -> None:
        coming, alone, self._coming, self._alone = self._coming, self._alone, None, None
        self._alone_until = 0
        if coming is not None:
            await end({coming})
        if alone is not None:
            with suppress(RuntimeError):
                await alone.aclose()

    async def close(self) -> None:
        self._head.followers.discard(self)
        await self._leave_alone()


async def _wait(event: asyncio.Event, seconds: float) -> bool:
    """Whether it was set within so many seconds."""
    try:
        async with asyncio.timeout(max(0.0, seconds)):
            return await event.wait()
    except TimeoutError:
        return False
