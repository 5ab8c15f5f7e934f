"""One HTTP/1.1 exchange after another on a caller's connection. What is asked, and how often, is not decided here."""

from __future__ import annotations

import asyncio

import httptools

ANSWER_S = 60.0


class Exchange(asyncio.Protocol):
    """A connection: kept while it works, replaced when it breaks or the server wants it closed."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport
        self._parser: httptools.HttpResponseParser
        self._done: asyncio.Future[None] | None = None
        self.headers: dict[str, str] = {}
        self.body = b""
        self.closed = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    async def send(self, request: bytes) -> int:
        """The status of a whole answer. Raises ConnectionError or TimeoutError."""
        self._parser = httptools.HttpResponseParser(self)
        self._done = asyncio.get_running_loop().create_future()
        self.headers, self.body = {}, b""
        self._transport.write(request)
        async with asyncio.timeout(ANSWER_S):
            await self._done
        if self.headers.get("connection", "").lower() == "close":
            self.close()
        status: int = self._parser.get_status_code()
        return status

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self.close()

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.decode().lower()] = value.decode()

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        if self._done is not None and not self._done.done():
            self._done.set_result(None)

    def connection_lost(self, error: Exception | None) -> None:
        self.closed = True
        if self._done is not None and not self._done.done():
            self._done.set_exception(ConnectionError("closed by the other side"))

    def close(self) -> None:
        self.closed = True
        self._transport.abort()
