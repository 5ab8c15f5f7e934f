"""One HTTP exchange as the pipeline sees it: method, path, headers, body, answer. The connection is in `connection`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Protocol

from ingress.gateway.content_coding import inflated, inflater_of
from schemas.errors import InvalidRequest, RequestTimeout, TooLarge, UnsupportedType

Headers = list[tuple[str, str]]

_STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}" for status in HTTPStatus}
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_LAST_CHUNK = b"0\r\n\r\n"
_JSON = b"application/json"
_COPIED = 65_536
"""Bytes of a body up to which joining it to the head costs less than handing over two buffers."""
_PIECES = 64
"""Pieces of a body that are kept one by one: thousands of two bytes each would take twenty times their size."""
_UNASKED = 1024 * 1024
"""Bytes of a body that are kept while nobody has asked for it, and with that said how large it may be."""
_OVER = 1 << 62
"""Stands for the size of a body of which some was thrown away."""


class ClientLeft(Exception):
    """The caller closed the connection before the answer was complete."""


class Wire(Protocol):
    """What an exchange needs of its connection."""

    closed: bool
    congested: bool
    """Whether the caller reads more slowly than we send; `drained` waits for it."""

    @property
    def date(self) -> str: ...

    @property
    def address(self) -> str: ...

    def write(self, data: bytes) -> None: ...

    def write_all(self, pieces: Sequence[bytes]) -> None: ...

    async def drained(self) -> None: ...


class Door:
    """A caller waiting at the door. When it leaves, the task that serves it is cancelled, and `left` is true."""

    __slots__ = (
        "_broken", "_chunked", "_headers", "_limit", "_modern", "_opened", "_pieces", "_size", "_task",
        "_waiter", "_whole", "_wire", "answered", "keep", "left", "method", "path", "task",
    )  # fmt: skip

    def __init__(
        self, wire: Wire, method: str, path: str, headers: dict[bytes, bytes], *, modern: bool, keep: bool
    ) -> None:
        """
        Args:
            headers: by lower-case name, the first of each.
            modern: HTTP/1.1, so that an answer may come in chunks.
            keep: whether the caller lets another request follow on this connection.
        """
        self._wire = wire
        self.method = method
        self.path = path
        self._headers = headers
        self._modern = modern
        self._pieces: list[bytes | bytearray] = []
        self._size = 0
        self._limit = 0
        self._whole = self._broken = self._opened = self._chunked = False
        self._waiter: asyncio.Future[None] | None = None
        self._task: asyncio.Task[Any] | None = None
        self.task: asyncio.Task[Any] | None = None
        """Which serves it, if the connection says so: to ask for it takes a microsecond."""
        self.keep = keep
        """Whether another request may follow; final once the exchange has ended."""
        self.left = False
        self.answered = False
        """Whether a status line was sent."""

    @property
    def address(self) -> str:
        """Of the other end of the connection; empty when it has none."""
        return self._wire.address

    def header(self, name: str) -> str:
        """A request header by its lower-case name; empty when absent."""
        value = self._headers.get(name.encode())
        return value.decode("latin-1") if value else ""

    def all_headers(self) -> dict[str, str]:
        """The request headers by lower-case name, the first of each."""
        return {name.decode("latin-1"): value.decode("latin-1") for name, value in self._headers.items()}

    def watch(self) -> None:
        """From now on, cancel the current task when the caller leaves."""
        self._task = self.task or asyncio.current_task()
        if self._wire.closed:
            self.gone()

    def unwatch(self) -> None:
        self._task = None

    # the request's body

    async def body(self, limit: int, timeout_s: float) -> bytes:
        """The whole body of a JSON request, whatever it was compressed by.

        Args:
            limit: bytes, of what comes and of what it was before it was compressed.

        Raises:
            UnsupportedType, TooLarge, RequestTimeout, InvalidRequest
        """
        headers = self._headers
        kind = headers.get(b"content-type", b"")
        if kind != _JSON and kind.partition(b";")[0].strip().lower() not in (b"", _JSON):
            raise UnsupportedType("The content type must be application/json.")
        coding = headers.get(b"content-encoding", b"identity")
        inflater = None if coding == b"identity" else inflater_of(coding, limit)
        self._limit = limit
        if not (self._whole or self._broken):
            if int(headers.get(b"content-length", 0)) > limit:
                raise TooLarge(f"The body of the request is larger than {limit} bytes.")
            await self._gathered(timeout_s)
        if self._size > limit:
            raise TooLarge(f"The body of the request is larger than {limit} bytes.")
        if self._broken:
            raise InvalidRequest("The body of the request is not framed as HTTP/1.1 says.")
        if not self._size:
            raise InvalidRequest("The request has no body.")
        pieces, self._pieces = self._pieces, []
        body = bytes(pieces[0]) if len(pieces) == 1 else b"".join(pieces)
        if inflater is None:
            return body
        # who asks once more after an error finds the same one
        self._pieces = [body]
        body = await inflated(body, inflater, limit)
        self._pieces = []
        del headers[b"content-encoding"]
        return body

    def give_back(self, body: bytes) -> None:
        """Has `body` be asked for once more: whoever took it leaves the request to another."""
        self._pieces = [body]

    async def _gathered(self, timeout_s: float) -> None:
        """Returns when the body is whole, or known never to be."""
        if self._modern and self._headers.get(b"expect", b"").lower() == b"100-continue":
            self._wire.write(_CONTINUE)
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(timeout_s):
                await self._waiter
        except TimeoutError:
            raise RequestTimeout(f"The body of the request did not arrive within {timeout_s:g} seconds.") from None
        finally:
            self._waiter = None

    # what the connection tells

    def feed(self, data: bytes) -> None:
        """A piece of the body came. After the answer nobody wants it any more."""
        if self.answered:
            return
        pieces = self._pieces
        self._size += len(data)
        if self._size > (self._limit or _UNASKED):
            pieces.clear()
            self._size = _OVER
            self._wake()
        elif len(pieces) < _PIECES:
            pieces.append(data)
        elif isinstance(last := pieces[-1], bytearray):
            last += data
        else:
            pieces.append(bytearray(data))

    def complete(self) -> None:
        """The request is whole."""
        self._whole = True
        self._wake()

    def break_off(self) -> None:
        """The request will never be whole: its framing is broken."""
        self._broken = True
        self._wake()

    def gone(self) -> None:
        """The caller closed the connection."""
        task, self._task = self._task, None
        if task is not None:
            self.left = True
            task.cancel()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    # the answer

    def answer(self, status: int, headers: Headers, body: bytes) -> None:
        """Sends a whole answer; after this the caller may close as it likes."""
        self.unwatch()
        head = self._head(status, headers, f"content-length: {len(body)}")
        self.answered = True
        if self.method == "HEAD":
            body = b""
        if len(body) <= _COPIED:
            self._wire.write(head + body)
        else:
            self._wire.write_all((head, body))

    def open_stream(self, status: int, headers: Headers) -> None:
        """Sends the head of an answer whose body follows by `send`."""
        self._chunked = self._modern
        if not self._modern:
            self.keep = False
        self._wire.write(self._head(status, headers, "transfer-encoding: chunked" if self._chunked else ""))
        self.answered = self._opened = True

    async def send(self, data: bytes) -> None:
        """Sends a piece of an open stream; waits while the caller reads more slowly than we send.

        Raises:
            ClientLeft: nobody is there to take it.
        """
        if not self.put(data):
            await self.taken()

    async def taken(self) -> None:
        """Returns when more may be `put`.

        Raises:
            ClientLeft
        """
        if self._wire.congested:
            await self._wire.drained()

    def put(self, data: bytes) -> bool:
        """Sends a piece of an open stream without waiting; false when no more should come before it is `taken`.

        Raises:
            ClientLeft: nobody is there to take it.
        """
        wire = self._wire
        if wire.closed:
            self.left = True
            raise ClientLeft
        wire.write(b"%x\r\n%b\r\n" % (len(data), data) if self._chunked else data)
        return not wire.congested

    def finish(self) -> None:
        """Ends a stream. `keep` then tells whether the connection can be used on."""
        if self._opened:
            self._opened = False
            if self._chunked:
                self._wire.write(_LAST_CHUNK)
        if not (self.answered and self._whole):
            self.keep = False

    def _head(self, status: int, headers: Headers, framing: str) -> bytes:
        """The bytes of status line and headers.

        Raises:
            ValueError: a header holds a line end, which would let its value write headers of its own.
        """
        lines = [*map(": ".join, headers)]
        if framing:
            lines.append(framing)
        if not (self.keep and self._whole):
            lines.append("connection: close")
        text = "\r\n".join(lines)
        if not text.count("\n") == text.count("\r") == len(lines) - 1:
            raise ValueError("a header of an answer holds a line end")
        return f"{_STATUS_LINES[status]}\r\ndate: {self._wire.date}\r\n{text}\r\n\r\n".encode("latin-1", "replace")


def json_headers() -> Headers:
    return [("content-type", "application/json")]
