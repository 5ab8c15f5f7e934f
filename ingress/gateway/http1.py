"""An HTTP/1.1 client connection for provider calls: one exchange at a time, aborted when its caller goes.

RFC 9112, parsed by llhttp (through httptools). Pooling is in `pool`, the ways a call can end in `upstream`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

import httptools

HIGH_WATER = 256 * 1024
"""Bytes of an answer that may wait to be read before the socket is paused."""
MOST_FRAMING = 512 * 1024
"""Bytes of an answer without any of its body between them: of its head, of interim ones, of trailers."""
_NEVER = float("inf")


class BrokenExchange(Exception):
    """The exchange cannot be finished. `outcome` is `disconnect`, `malformed` or `timeout`."""

    def __init__(self, outcome: str) -> None:
        super().__init__(outcome)
        self.outcome = outcome


class Connection(asyncio.Protocol):
    """A connection and the exchange on it.

    `begin`, then `head`, then `next` until it returns None, then `end`. `reusable` tells whether another exchange may
    follow. One timer bounds an exchange, whatever is awaited in it.
    """

    def __init__(self, release: Callable[[Connection], None] | None = None) -> None:
        """
        Args:
            release: takes the connection back at the end of an exchange.
        """
        self._release = release
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._waiter: asyncio.Future[None] | None = None
        self._take: Callable[[bytes], bool] | None = None
        """Whom the pieces of the body go to, past `next`."""
        self._thrown: Exception | None = None
        """What it raised."""
        self._body: deque[bytes] = deque()
        self._framing = 0
        """Bytes that have come since the last of the body."""
        self._waiting_bytes = 0
        self._paused = False
        self._error = ""
        self._head_done = False
        self._complete = True
        self._until_close = False
        self._timer: asyncio.TimerHandle | None = None
        """Outlives exchanges, since to set one for each takes as long as to build a request."""
        self._due = _NEVER
        """Loop time at which the exchange has taken too long."""
        self._idle_s = 0.0
        self.closed = False
        self.touched = False
        """Whether any byte of the answer has come."""
        self.uses = 0
        self.idle_since = 0.0
        self.status = 0
        self.headers: dict[bytes, bytes] = {}
        """By lower-case name."""

    # what a caller does

    def begin(self, head: bytes, body: bytes, limit_s: float = 0.0) -> None:
        """Sends a request. The exchange before must be complete.

        Args:
            limit_s: from now to the end of the answer, unless `idle` says otherwise; 0 for no limit.
        """
        assert self._complete, "an exchange is under way"
        self._parser = httptools.HttpResponseParser(self)
        self._body.clear()
        self._waiting_bytes = self._framing = 0
        self._error = ""
        self._head_done = self._complete = self._until_close = self.touched = False
        self.status = 0
        self.headers = {}
        self.uses += 1
        if limit_s:
            self._bound(limit_s)
        if self._transport is None or self.closed:
            self._error = "disconnect"
        else:
            self._transport.writelines((head, body))

    def idle(self, limit_s: float) -> None:
        """From now on the limit is on each wait for bytes, instead of on the whole."""
        self._idle_s = limit_s
        self._bound(limit_s)

    def _bound(self, limit_s: float) -> None:
        """Sees to it that `_expire` is called in time: too early does no harm."""
        self._due = due = self._loop.time() + limit_s
        if self._timer is None or self._timer.when() > due:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self._loop.call_at(due, self._expire)

    async def end(self) -> None:
        """Gives the connection back, whatever became of the exchange."""
        self._due, self._idle_s = _NEVER, 0.0
        if self._release is not None:
            self._release(self)

    async def head(self) -> int:
        """The status, once all headers are there.

        Raises:
            BrokenExchange
        """
        while not self._head_done:
            await self._wait()
        return self.status

    async def next(self) -> bytes | None:
        """The bytes of the body that have come; None at its end.

        Raises:
            BrokenExchange: also when bytes came before: an answer cut off is never taken for a whole one.
        """
        while not self._body:
            if self._complete:
                return None
            await self._wait()
        return self._arrived()

    async def each(self, take: Callable[[bytes], bool]) -> bool:
        """Hands over the pieces of the body as they come, in the very turn of the loop in which they came.

        A piece on its way costs 2.1 µs here instead of 3.7 with `next`, which wakes a task and takes a turn for each.

        Args:
            take: false when it wants no more for now.

        Returns:
            Whether it was `take` that ended this; false at the end of the body.

        Raises:
            BrokenExchange: as `next`. And whatever `take` raises.
        """
        while True:
            if self._body and not take(self._arrived()):
                return True
            if self._complete:
                return False
            self._take = take
            try:
                await self._wait()
            finally:
                stopped, self._take = self._take is None, None
            thrown, self._thrown = self._thrown, None
            if thrown is not None:
                raise thrown
            if stopped:
                return True

    def _hand_over(self, take: Callable[[bytes], bool]) -> None:
        try:
            if take(self._arrived()):
                self._due = self._loop.time() + self._idle_s if self._idle_s else self._due
                return
        except Exception as error:
            # it is for the task that waits in `each`
            self._thrown = error
        self._take = None

    def _arrived(self) -> bytes:
        """What has come of the body."""
        if len(self._body) == 1:
            piece = self._body.popleft()
        else:
            piece = b"".join(self._body)
            self._body.clear()
        self._waiting_bytes = 0
        if self._paused and self._transport is not None:
            self._paused = False
            self._transport.resume_reading()
        return piece

    async def _wait(self) -> None:
        if self._error:
            raise BrokenExchange(self._error)
        if self._idle_s:
            self._due = self._loop.time() + self._idle_s
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _expire(self) -> None:
        self._timer = None
        if self._due == _NEVER:
            return
        now = self._loop.time()
        if self._idle_s and self._waiter is None:
            # nobody waits for bytes: the caller reads slowly, which is no fault of the provider's
            self._due = now + self._idle_s
        if now < self._due - 0.001:
            self._timer = self._loop.call_at(self._due, self._expire)
            return
        self._fail("timeout")
        self.abort()
        self._wake()

    def abort(self) -> None:
        """Closes at once; the provider sees that nobody listens any more."""
        self.closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._transport is not None:
            self._transport.abort()

    @property
    def reusable(self) -> bool:
        return self._complete and not self.closed and not self._until_close and self._keep_alive

    # asyncio.Protocol

    _keep_alive = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        self.touched = True
        if self._complete:
            # nobody asked: whatever this is, it must not become the start of the next answer
            self.abort()
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._fail("malformed")
            self.abort()
        if self._body:
            self._framing = 0
            if self._take is not None:
                self._hand_over(self._take)
        else:
            self._framing += len(data)
            if self._framing > MOST_FRAMING and not self._complete:
                self._fail("malformed")
                self.abort()
        if self._take is None or self._complete or self._error:
            self._wake()

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, error: Exception | None) -> None:
        self.closed = True
        if self._timer is not None and self._complete:
            # nobody waits for anything from here any more
            self._timer.cancel()
            self._timer = None
        if not self._complete:
            if self._until_close and self._head_done and error is None:
                self._complete = True
            else:
                self._fail("disconnect")
        self._wake()

    def _fail(self, outcome: str) -> None:
        if not self._error:
            self._error = outcome

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    # httptools callbacks

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.lower()] = value

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if status < 200:
            # an interim answer; the real one follows
            self.headers = {}
            return
        self.status = status
        self._until_close = (
            b"content-length" not in self.headers
            and b"transfer-encoding" not in self.headers
            and status not in (204, 304)
        )
        self._head_done = True

    def on_body(self, body: bytes) -> None:
        self._body.append(body)
        self._waiting_bytes += len(body)
        if self._waiting_bytes > HIGH_WATER and not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()

    def on_message_complete(self) -> None:
        if self._head_done:
            self._keep_alive = self._parser.should_keep_alive()
            self._complete = True
