"""An HTTP/1.1 client connection for provider calls: one exchange at a time, aborted when its caller goes.

RFC 9112, parsed by llhttp (through httptools). Pooling and timeouts are in `pool` and `upstream`.
"""

from __future__ import annotations

import asyncio
from collections import deque

import httptools

HIGH_WATER = 256 * 1024
"""Bytes of an answer that may wait to be read before the socket is paused."""


class BrokenExchange(Exception):
    """The exchange cannot be finished. `outcome` is `disconnect` or `malformed`."""

    def __init__(self, outcome: str) -> None:
        super().__init__(outcome)
        self.outcome = outcome


class Connection(asyncio.Protocol):
    """A connection and the exchange on it.

    `begin`, then `head`, then `next` until it returns None. `reusable` tells whether another exchange may follow.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._waiter: asyncio.Future[None] | None = None
        self._body: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._paused = False
        self._error = ""
        self._head_done = False
        self._complete = True
        self._until_close = False
        self.closed = False
        self.touched = False
        """Whether any byte of the answer has come."""
        self.uses = 0
        self.idle_since = 0.0
        self.status = 0
        self.headers: dict[str, str] = {}

    # what a caller does

    def begin(self, head: bytes, body: bytes) -> None:
        """Sends a request. The exchange before must be complete."""
        assert self._complete, "an exchange is under way"
        self._parser = httptools.HttpResponseParser(self)
        self._body.clear()
        self._waiting_bytes = 0
        self._error = ""
        self._head_done = self._complete = self._until_close = self.touched = False
        self.status = 0
        self.headers = {}
        self.uses += 1
        if self._transport is None or self.closed:
            self._error = "disconnect"
        else:
            self._transport.writelines((head, body))

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
        piece = self._body.popleft() if len(self._body) == 1 else self._all()
        self._waiting_bytes = 0
        if self._paused and self._transport is not None:
            self._paused = False
            self._transport.resume_reading()
        return piece

    def _all(self) -> bytes:
        whole = b"".join(self._body)
        self._body.clear()
        return whole

    async def _wait(self) -> None:
        if self._error:
            raise BrokenExchange(self._error)
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def abort(self) -> None:
        """Closes at once; the provider sees that nobody listens any more."""
        self.closed = True
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
        except httptools.HttpParserError:
            self._fail("malformed")
            self.abort()
        self._wake()

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, error: Exception | None) -> None:
        self.closed = True
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
        self.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if status < 200:
            # an interim answer; the real one follows
            self.headers = {}
            return
        self.status = status
        self._until_close = (
            "content-length" not in self.headers
            and "transfer-encoding" not in self.headers
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
