"""One HTTP/1.1 connection: parsing, limits, pipelining, flow control and closing; it knows no routes and no answers."""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from typing import Protocol, cast

import httptools
import msgspec

from ops.mock import wire
from ops.mock.refusal import Refusal

MOST_BODY = 32 * 1024 * 1024
MOST_HEAD = 64 * 1024
_MOST_QUEUED = 64
"""Pipelined requests held before reading stops; it goes on when they are answered."""
_LINGER_S = 5.0
"""How long a refused upload is read and thrown away, so that its sender gets to read the refusal."""


class Request(msgspec.Struct):
    """One parsed request; names of ``headers`` are in lower case. ``fault`` is set when it broke a rule of the wire."""

    method: bytes
    target: bytes
    headers: dict[bytes, bytes]
    body: bytes
    keep_alive: bool
    http_1_0: bool = False
    fault: Refusal | None = None


class Exchange(Protocol):
    """An answer that takes longer than the call that started it."""

    def lost(self) -> None:
        """The client has gone: stop, and count it."""

    def resume(self) -> None:
        """The transport takes bytes again."""


class Site(Protocol):
    """What answers the requests of connections."""

    connections: set[Connection]

    def answer(self, connection: Connection, request: Request) -> None:
        """Answer now and call ``connection.done``, or set ``connection.exchange`` and do so later."""


class Connection(asyncio.Protocol):
    """Feeds whole requests to a Site, one at a time and in order."""

    transport: asyncio.Transport
    exchange: Exchange | None = None
    paused = False
    """Whether the transport's buffer is full."""
    closing = False
    """Whether this side has decided to close: nothing is answered any more."""
    _deaf = False
    _full = False
    _in_head = False
    _pumping = False
    _linger: asyncio.TimerHandle | None = None

    def __init__(self, site: Site, loop: asyncio.AbstractEventLoop) -> None:
        self._site = site
        self._loop = loop
        self._parser = httptools.HttpRequestParser(self)
        self._queue: deque[Request] = deque()
        self._fault: Refusal | None = None
        self._head_size = 0
        self.on_message_begin()
        self._in_head = False

    # The transport's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's has the methods and not the base
        endpoint = transport.get_extra_info("socket")
        if endpoint is not None:
            endpoint.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._site.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._site.connections.discard(self)
        if self._linger is not None:
            self._linger.cancel()
        exchange, self.exchange = self.exchange, None
        ours, self.closing = self.closing, True
        self._queue.clear()
        if exchange is not None and not ours:
            exchange.lost()

    def pause_writing(self) -> None:
        self.paused = True

    def resume_writing(self) -> None:
        self.paused = False
        if self.exchange is not None:
            self.exchange.resume()

    def data_received(self, data: bytes) -> None:
        if self._deaf or self.closing:
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            # Answered as if no upgrade had been asked for; what follows cannot be told apart from another protocol.
            self._deaf = True
            self._queue[-1].keep_alive = False
        except httptools.HttpParserError as problem:
            if isinstance(problem, httptools.HttpParserCallbackError) and self._fault is None:
                raise
            self._refuse(self._fault or Refusal(400, f"The HTTP request is malformed: {problem}."))
        if self._in_head:
            self._head_size += len(data)
            if self._head_size > MOST_HEAD and not self._deaf:
                self._refuse(Refusal(431, f"The request's head is larger than {MOST_HEAD} bytes."))
        if self.exchange is None:
            self._pump()
        elif len(self._queue) >= _MOST_QUEUED and not self._full:
            self._full = True
            self.transport.pause_reading()

    def _refuse(self, fault: Refusal) -> None:
        """Answer ``fault`` after what came before it, and hear nothing more."""
        self._deaf = True
        self._fault = fault.with_traceback(None)  # its frames hold this connection
        self._queue.append(Request(b"", b"", {}, b"", False, fault=fault))

    # The parser's side

    def on_message_begin(self) -> None:
        self._in_head = True
        self._head_size = 0
        self._target = b""
        self._headers: dict[bytes, bytes] = {}
        self._body: list[bytes] = []
        self._body_size = 0

    def on_url(self, url: bytes) -> None:
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_head:  # else a trailer, which may not change what the head said
            self._headers[name.lower()] = value

    def on_headers_complete(self) -> None:
        self._in_head = False
        headers = self._headers
        self._reserve(int(headers.get(b"content-length", b"0")))
        waits = b"expect" in headers and headers[b"expect"].lower() == b"100-continue"
        if waits and self.exchange is None and not self._queue:
            self.transport.write(wire.CONTINUE)

    def on_body(self, data: bytes) -> None:
        self._body_size += len(data)
        self._reserve(self._body_size)
        self._body.append(data)

    def _reserve(self, size: int) -> None:
        if size > MOST_BODY:
            self._fault = Refusal(413, f"The request's body is larger than {MOST_BODY} bytes: send a smaller one.")
            raise self._fault

    def on_message_complete(self) -> None:
        body = self._body
        parser = self._parser
        self._queue.append(
            Request(
                parser.get_method(),
                self._target,
                self._headers,
                body[0] if len(body) == 1 else b"".join(body),
                parser.should_keep_alive(),
                parser.get_http_version() == "1.0",
            )
        )

    # The site's side

    def _pump(self) -> None:
        self._pumping = True
        while self._queue and self.exchange is None and not self.closing:
            self._site.answer(self, self._queue.popleft())
        self._pumping = False

    def done(self, keep_alive: bool) -> None:
        """The answer to the present request is written: take the next one, or close."""
        self.exchange = None
        if not keep_alive:
            self.close()
        elif not self._pumping:
            self._pump()
            if self._full and not self._queue and not self.closing:
                self._full = False
                self.transport.resume_reading()

    def close(self) -> None:
        """Close after what is written has left. A sender that was refused may finish sending, within a bound."""
        self.closing = True
        self.exchange = None
        self._queue.clear()
        if self._fault is None or not self.transport.can_write_eof():
            self.transport.close()
            return
        self.transport.write_eof()
        if self._full:
            self.transport.resume_reading()
        self._linger = self._loop.call_later(_LINGER_S, self.transport.close)

    def abort(self) -> None:
        """Close at once; what is written and has not left is lost."""
        self.closing = True
        self.exchange = None
        self.transport.abort()
