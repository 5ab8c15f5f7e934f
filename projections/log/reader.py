"""Reading a stream in order without gap or double, whatever happens to connections and consumers meanwhile."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator
from typing import Any

from projections.log import api
from projections.log.api import ApiError, call, get_message
from projections.log.connection import LogConnection
from projections.log.pull import Lost, Message, PullSession
from schemas.errors import NotFound, Unavailable
from schemas.ids import iso

__all__ = ["Message", "StreamReader", "last_sequence"]

_log = logging.getLogger(__name__)

_IDLE_S = 5.0
_MISSING_S = 10.0
"""How long a stream may be missing at the start: another process may be about to declare it."""


async def last_sequence(connection: LogConnection, stream: str, subject: str | None = None) -> int:
    """Sequence of the newest message, of the stream or of one subject; 0 when there is none.

    Raises:
        ApiError: the stream does not exist.
        Unavailable: no answer.
    """
    if subject is None:
        state: dict[str, Any] = (await call(connection, f"STREAM.INFO.{stream}"))["state"]
        return int(state["last_seq"])
    stored = await get_message(connection, stream, last_of=subject)
    return 0 if stored is None else stored.sequence


class StreamReader:
    """Hands out the messages of a stream in batches, in order, each exactly once."""

    def __init__(
        self,
        connection: LogConnection,
        stream: str,
        *,
        subjects: tuple[str, ...] = (),
        start: int = 1,
        start_time_us: int = 0,
        batch: int = 500,
    ) -> None:
        """
        Args:
            subjects: filters, may hold wildcards; empty for all.
            start: sequence of the first message wanted.
            start_time_us: instead of `start`, the time from which on messages are wanted; 0 for none.
            batch: most messages in one batch.
        """
        self.caught_up = False
        """True when the batch handed out last ended with the newest message that there was."""
        self._connection = connection
        self._stream = stream
        self._subjects = subjects
        self._next = max(start, 1)
        self._start_time_us = start_time_us
        self._batch = batch
        self._missing_since = 0.0
        self._session: PullSession | None = None
        self._contact = 0.0

    @property
    def last_contact(self) -> float:
        """Monotonic time when the server last answered, 0 before; idle streams answer once a second."""
        return max(self._contact, self._session.last_contact) if self._session is not None else self._contact

    async def batches(self, follow: bool = True, until: int | None = None) -> AsyncGenerator[list[Message], None]:
        """Yields messages as they come, never an empty batch. Close the iterator to stop before the end.

        Args:
            follow: wait for new messages; else stop at the last one that there was at the start.
            until: stop after this sequence.

        Raises:
            NotFound: the stream does not exist and did not appear.
        """
        end = until
        fixed = False
        if not follow:
            last = await self._last()
            end, fixed = (last if until is None else min(last, until)), True
        backoff = 0.05
        while end is None or self._next <= end:
            session = self._session = PullSession(self._connection, self._stream, self._batch)
            try:
                await self._connection.wait_connected()
                await session.open(self._place())
                self._missing_since = 0.0
                backoff = 0.0
                while True:
                    if session.drained:
                        self.caught_up = True
                        if fixed:
                            return
                        if end is not None and await last_sequence(self._connection, self._stream) >= end:
                            # all that is wanted is stored: a new consumer tells how much of it is still to come
                            fixed = True
                            break
                    taken = await session.take(_IDLE_S)
                    if not taken:
                        continue
                    self._next = taken[-1].sequence + 1
                    self.caught_up = session.drained
                    if end is not None and self._next > end:
                        taken = [message for message in taken if message.sequence <= end]
                        if taken:
                            yield taken
                        return
                    # the next batch travels while this one is worked on
                    await session.ask()
                    yield taken
            except (Lost, Unavailable) as error:
                self.caught_up = False
                _log.info("reader starts again stream=%s next=%d reason=%s", self._stream, self._next, error)
            except ApiError as error:
                self.caught_up = False
                self._judge(error)
            finally:
                self._contact = self.last_contact
                self._session = None
                await session.close()
            await asyncio.sleep(backoff)
            backoff = min(max(backoff * 2, 0.05), 2.0)

    async def _last(self) -> int:
        """The newest sequence, asked for until there is an answer."""
        while True:
            try:
                return await last_sequence(self._connection, self._stream)
            except Unavailable as error:
                _log.info("reader waits stream=%s reason=%s", self._stream, error)
            except ApiError as error:
                self._judge(error)
            await asyncio.sleep(0.2)

    def _judge(self, error: ApiError) -> None:
        """Returns when the refusal may pass by itself."""
        if error.number == api.STREAM_NOT_FOUND:
            now = time.monotonic()
            self._missing_since = self._missing_since or now
            if now - self._missing_since > _MISSING_S:
                raise NotFound(
                    f"stream {self._stream} does not exist; start the stack, or apply the topology, first"
                ) from error
        elif error.code < 500:
            raise error
        _log.info("reader refused stream=%s error=%s", self._stream, error)

    def _place(self) -> dict[str, Any]:
        config: dict[str, Any]
        if self._start_time_us and self._next == 1:
            config = {"deliver_policy": "by_start_time", "opt_start_time": iso(self._start_time_us)}
        else:
            config = {"deliver_policy": "by_start_sequence", "opt_start_seq": self._next}
        if self._subjects:
            config["filter_subjects"] = list(self._subjects)
        return config
