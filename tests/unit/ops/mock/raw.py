"""A client of bare sockets for the mock's tests: it sends what it is given and reads one response at a time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec

BOUND_S = 10.0


class Response(msgspec.Struct):
    status: int
    headers: dict[str, str]
    body: bytes
    whole: bool
    """False when the connection ended before the body did."""

    def json(self) -> Any:
        return json.loads(self.body)

    def events(self) -> list[str]:
        """The data of each complete event."""
        return [event.removeprefix("data: ") for event in self.body.decode().split("\n\n")[:-1]]


class Raw:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def response(self) -> Response:
        async with asyncio.timeout(BOUND_S):
            return await self._response()

    async def _response(self) -> Response:
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {}
        for line in head[1:-2]:
            name, _, value = line.partition(": ")
            headers[name] = value
        status = int(head[0].split(" ")[1])
        if headers.get("transfer-encoding") == "chunked":
            body, whole = await self._chunks()
        elif "content-length" in headers:
            size = int(headers["content-length"])
            try:
                body, whole = await self.reader.readexactly(size), True
            except asyncio.IncompleteReadError as cut:
                body, whole = cut.partial, False
        else:
            body, whole = await self.reader.read(-1), True
        return Response(status, headers, body, whole)

    async def _chunks(self) -> tuple[bytes, bool]:
        body = bytearray()
        try:
            while True:
                size = int((await self.reader.readuntil(b"\r\n"))[:-2], 16)
                data = await self.reader.readexactly(size + 2)
                assert data.endswith(b"\r\n")
                if size == 0:
                    return bytes(body), True
                body += data[:-2]
        except asyncio.IncompleteReadError:
            return bytes(body), False

    async def ended(self) -> bytes:
        """What still comes before the other side closes."""
        async with asyncio.timeout(BOUND_S):
            return await self.reader.read(-1)


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[Raw]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield Raw(reader, writer)
    finally:
        writer.close()


def chat(
    model: str = "gpt-4o", *, text: str = "hello", headers: dict[str, str] | None = None, **fields: object
) -> bytes:
    """The bytes of a chat request."""
    body = json.dumps({"model": model, "messages": [{"role": "user", "content": text}], **fields}).encode()
    return post(body, headers)


def post(body: bytes, headers: dict[str, str] | None = None) -> bytes:
    fields = {"host": "mock", "authorization": "Bearer sk-test", "content-length": str(len(body)), **(headers or {})}
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"POST /v1/chat/completions HTTP/1.1\r\n{lines}\r\n".encode() + body


async def ask(port: int, request: bytes) -> Response:
    """One request on a connection of its own."""
    async with connected(port) as raw:
        raw.send(request)
        return await raw.response()
