"""One HTTP exchange as the pipeline sees it: RSGI on one side, headers, body and answer on the other."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from granian._granian import RSGIProtocolClosed as ProtocolClosed

from schemas.errors import InvalidRequest, RequestTimeout, TooLarge, UnsupportedType

Headers = list[tuple[str, str]]


class ClientLeft(Exception):
    """The caller closed the connection before the answer was complete."""


class Door:
    """A caller waiting at the door. The task that serves it is cancelled when the caller leaves (`left` is then true).

    Interface: RSGI 1.5 (`scope`, `protocol`).
    """

    __slots__ = ("_gone", "_protocol", "_scope", "_task", "_transport", "answered", "left")

    def __init__(self, scope: Any, protocol: Any) -> None:
        self._scope = scope
        self._protocol = protocol
        self._gone: asyncio.Future[None] | None = None
        self._task: asyncio.Task[Any] | None = None
        self._transport: Any = None
        self.left = False
        self.answered = False
        """Whether a status line was sent."""

    @property
    def path(self) -> str:
        path: str = self._scope.path
        return path

    @property
    def method(self) -> str:
        method: str = self._scope.method
        return method

    def header(self, name: str) -> str:
        """A request header by its lower-case name; empty when absent."""
        value = self._scope.headers.get(name)
        return value if isinstance(value, str) else ""

    def watch(self) -> None:
        """From now on, cancel the current task when the caller leaves."""
        self._task = asyncio.current_task()
        self._gone = asyncio.ensure_future(self._protocol.client_disconnect())
        self._gone.add_done_callback(self._on_gone)

    def unwatch(self) -> None:
        if self._gone is not None:
            self._gone.remove_done_callback(self._on_gone)
            self._gone.cancel()
            self._gone = None

    def _on_gone(self, gone: asyncio.Future[None]) -> None:
        if not gone.cancelled() and self._task is not None:
            self.left = True
            self._task.cancel()

    async def body(self, limit: int, timeout_s: float) -> bytes:
        """The whole body of a JSON request.

        Args:
            limit: bytes.

        Raises:
            UnsupportedType, TooLarge, RequestTimeout, InvalidRequest
        """
        kind = self.header("content-type").partition(";")[0].strip().lower()
        if kind and kind != "application/json":
            raise UnsupportedType("The content type must be application/json.")
        if self.header("content-encoding") not in ("", "identity"):
            raise UnsupportedType("Compressed request bodies are not accepted.")
        declared = self.header("content-length")
        if declared.isdecimal() and int(declared) > limit:
            raise TooLarge(f"The body of the request is larger than {limit} bytes.")
        try:
            async with asyncio.timeout(timeout_s):
                if declared.isdecimal():
                    whole: bytes = await self._protocol()
                else:
                    whole = await self._gather(limit)
        except TimeoutError:
            raise RequestTimeout(f"The body of the request did not arrive within {timeout_s:g} seconds.") from None
        if not whole:
            raise InvalidRequest("The request has no body.")
        return whole

    async def _gather(self, limit: int) -> bytes:
        pieces: list[bytes] = []
        size = 0
        async for piece in self._protocol:
            size += len(piece)
            if size > limit:
                raise TooLarge(f"The body of the request is larger than {limit} bytes.")
            pieces.append(piece)
        return b"".join(pieces)

    def answer(self, status: int, headers: Headers, body: bytes) -> None:
        """Sends a whole answer. `unwatch` comes first: after this the caller may close as it likes."""
        self.unwatch()
        self.answered = True
        self._protocol.response_bytes(status, headers, body)

    def open_stream(self, status: int, headers: Headers) -> None:
        """Sends the head of an answer whose body follows by `send`."""
        self.answered = True
        self._transport = self._protocol.response_stream(status, headers)

    async def send(self, data: bytes) -> None:
        """Sends a piece of an open stream.

        Raises:
            ClientLeft: nobody is there to take it.
        """
        try:
            await self._transport.send_bytes(data)
        except ProtocolClosed:
            self.left = True
            raise ClientLeft from None


def json_headers(extra: Sequence[tuple[str, str]] = ()) -> Headers:
    return [("content-type", "application/json"), *extra]
