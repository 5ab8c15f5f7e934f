"""One HTTP/1.1 connection of a caller: bytes to requests (RFC 9112, by llhttp). What a request means is in `http`."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol
from urllib.parse import urlsplit

import httptools

from ingress.codecs.openai_chat import CODEC
from ingress.gateway.door import ClientLeft, Door, json_headers
from schemas.errors import InvalidRequest, NexusError, Unavailable

log = logging.getLogger(__name__)

Handler = Callable[[Door], Awaitable[None]]

HEAD_BYTES = 65_536
"""Most bytes of a request's first line and headers; after them, of what is between two pieces of its body: the sizes of
chunks, their extensions, trailers."""
HEAD_S = 15.0
"""From a request's first byte to the end of its headers."""
IDLE_S = 75.0
"""Without a request, after which a connection is closed."""
STALLED_S = 60.0
"""How long a caller may take nothing of an answer that waits to be sent."""
LINGER_S = 2.0
"""How long what a caller still sends is thrown away after a last answer, so that a reset does not overtake it."""


class Host(Protocol):
    """What a connection needs of whom it came in by."""

    loop: asyncio.AbstractEventLoop
    handle: Handler
    date: str
    draining: bool
    stopped: bool

    def admit(self, connection: Connection) -> bool: ...

    def forget(self, connection: Connection) -> None: ...


class HeadTooLarge(InvalidRequest):
    """The headers of a request are over the limit."""

    status = 431
    code = "headers_too_large"


class Connection(asyncio.Protocol):
    """A caller's connection. Requests that come before the one under way is answered wait their turn."""

    def __init__(self, listener: Host) -> None:
        self._listener = listener
        self._loop = listener.loop
        self._transport: asyncio.Transport
        self._parser = httptools.HttpRequestParser(self)
        self._url = b""
        self._headers: dict[bytes, bytes] = {}
        self._head_size = 0
        self._in_head = False
        self._receiving: Door | None = None
        """The exchange whose request is not whole yet."""
        self._serving: Door | None = None
        self._waiting: deque[Door] = deque()
        self._task: asyncio.Task[None] | None = None
        self._deaf = False
        """Nothing that comes is looked at any more."""
        self._drain: asyncio.Future[None] | None = None
        self._since = self._loop.time()
        """When the state began that `check` bounds: idle, in a head, congested, lingering."""
        self.closed = False
        self.congested = False

    # what an exchange needs

    @property
    def date(self) -> str:
        return self._listener.date

    @property
    def address(self) -> str:
        peer = self._transport.get_extra_info("peername")
        return str(peer[0]) if isinstance(peer, tuple) and peer else ""

    def write(self, data: bytes) -> None:
        if not self.closed:
            self._transport.write(data)

    def write_all(self, pieces: Sequence[bytes]) -> None:
        if not self.closed:
            self._transport.writelines(pieces)

    async def drained(self) -> None:
        """Returns when the caller has read on.

        Raises:
            ClientLeft: it has not, and is gone.
        """
        while self.congested and not self.closed:
            self._drain = self._loop.create_future()
            await self._drain
        if self.closed:
            raise ClientLeft

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]
        if not self._listener.admit(self):
            self._refuse(Unavailable("Too many connections.", code="too_many_connections", retry_after=1))

    def data_received(self, data: bytes) -> None:
        if self._deaf:
            return
        if self._receiving is None and not self._in_head:
            self._in_head = True
            self._head_size = 0
            self._since = self._loop.time()
        self._head_size += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._broken(InvalidRequest("The request is not HTTP/1.1.", code="invalid_http"))
            return
        if self._head_size > HEAD_BYTES and (self._in_head or self._receiving is not None):
            self._broken(HeadTooLarge(f"The headers of the request are larger than {HEAD_BYTES} bytes."))

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, error: Exception | None) -> None:
        self.closed = True
        self._listener.forget(self)
        self._waiting.clear()
        if self._drain is not None and not self._drain.done():
            self._drain.set_result(None)
        if self._serving is not None:
            self._serving.gone()

    def pause_writing(self) -> None:
        self.congested = True
        self._since = self._loop.time()

    def resume_writing(self) -> None:
        self.congested = False
        if self._drain is not None and not self._drain.done():
            self._drain.set_result(None)

    # llhttp

    def on_message_begin(self) -> None:
        self._url = b""
        self._headers = {}

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._receiving is None:
            known = self._headers.setdefault(name.lower(), value)
            if known is not value and name.lower() == b"x-forwarded-for":
                # each proxy may have added a line of its own, and the last one is the one to believe
                self._headers[b"x-forwarded-for"] = known + b"," + value

    def on_headers_complete(self) -> None:
        parser = self._parser
        self._in_head = False
        self._head_size = 0
        modern = parser.get_http_version() == "1.1"
        if modern and b"host" not in self._headers:
            self._broken(InvalidRequest("The request has no Host header.", code="invalid_http"))
            return
        door = Door(
            self,
            parser.get_method().decode("ascii"),
            path_of(self._url),
            self._headers,
            modern=modern,
            keep=modern and parser.should_keep_alive() and not parser.should_upgrade() and not self._listener.draining,
        )
        self._receiving = door
        if self._serving is None:
            self._serve(door)
        else:
            # it was sent before the answer to the one under way: no more is read until its turn has come
            self._waiting.append(door)
            self._transport.pause_reading()

    def on_body(self, body: bytes) -> None:
        self._head_size = 0
        if self._receiving is not None:
            self._receiving.feed(body)

    def on_message_complete(self) -> None:
        door, self._receiving = self._receiving, None
        if door is not None:
            door.complete()

    # inside

    def _serve(self, door: Door) -> None:
        self._serving = door
        self._task = door.task = self._loop.create_task(self._run(door))

    async def _run(self, door: Door) -> None:
        try:
            await self._listener.handle(door)
        except asyncio.CancelledError:
            self._transport.abort()
            raise
        except Exception:
            log.exception("exchange failed path=%s", door.path[:200])
            self._transport.abort()
            return
        door.finish()
        self._serving = self._task = None
        if self.closed:
            return
        if not door.keep or self._listener.stopped:
            self._close()
        elif self._waiting:
            self._serve(self._waiting.popleft())
            if not self._waiting:
                self._transport.resume_reading()
        else:
            self._since = self._loop.time()

    def _broken(self, error: NexusError) -> None:
        """No more requests can be told apart on this connection."""
        self._deaf = True
        receiving, self._receiving = self._receiving, None
        if receiving is not None:
            receiving.break_off()
        elif self._serving is None:
            self._refuse(error)
        else:
            (self._waiting[-1] if self._waiting else self._serving).keep = False

    def _refuse(self, error: NexusError) -> None:
        self._deaf = True
        door = Door(self, "", "", {}, modern=True, keep=False)
        door.answer(error.status, json_headers(), CODEC.write_error(error))
        self._close()

    def _close(self) -> None:
        """Closes once what was written has gone. What the caller still sends is read away, for a while."""
        if self._receiving is None and not self._deaf:
            self._transport.close()
            return
        self._deaf = True
        self._receiving = None
        self._since = self._loop.time()
        if self._transport.can_write_eof():
            self._transport.write_eof()

    def check(self, now: float) -> None:
        """Ends what has taken too long."""
        since = now - self._since
        if self.congested:
            if since > STALLED_S:
                self._transport.abort()
        elif self._serving is not None:
            return
        elif self._deaf:
            if since > LINGER_S:
                self._transport.abort()
        elif since > (HEAD_S if self._in_head else IDLE_S):
            self._transport.close()

    def take_leave(self) -> None:
        """The last answer that is owed says that it is the last, unless it has begun already."""
        last = self._waiting[-1] if self._waiting else self._serving
        if last is not None and not last.answered:
            last.keep = False

    def stop(self) -> None:
        """Closes unless a request is under way, after which it closes by itself."""
        if self._serving is None and not self._deaf:
            self._transport.close()

    def abort(self) -> None:
        self._transport.abort()


def path_of(target: bytes) -> str:
    """The path of a request's target, in origin or absolute form, as it was written."""
    text = target.decode("latin-1")
    if not text.startswith("/"):
        try:
            return urlsplit(text).path or text
        except ValueError:
            return text
    return text.partition("?")[0]
