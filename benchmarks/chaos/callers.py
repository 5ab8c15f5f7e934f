"""Callers that do not give up: mixed requests, retried until each has an answer; they note every request id."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import Counter
from typing import Any
from urllib.parse import urlsplit

import httptools

SECRET = "AKIA" + "QWERTYUIOPASDFGH"
GIVE_UP_S = 120.0
ANSWER_S = 60.0
RETRIED = frozenset({408, 429, 500, 502, 503, 504})

SHAPES = (
    # share, name, model, stream, status that ends it
    (55, "plain", "gpt-4o", False, 200),
    (25, "stream", "mock/gpt-4o-mini", True, 200),
    (8, "blocked", "gpt-4o", False, 403),
    (4, "unknown", "gpt-99", False, 404),
    (4, "badkey", "gpt-4o", False, 401),
    (4, "sick", "sick/gpt-4o+error-500", False, 0),
)


class Exchange(asyncio.Protocol):
    """One HTTP exchange on a connection of its own kind: kept while it works, replaced when it breaks."""

    def __init__(self) -> None:
        self._transport: Any = None
        self._parser: Any = None
        self._done: asyncio.Future[None] | None = None
        self.headers: dict[str, str] = {}
        self.body = b""
        self.closed = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    async def send(self, request: bytes) -> int:
        """The status of a whole answer. Raises ConnectionError or TimeoutError."""
        self._parser = httptools.HttpResponseParser(self)
        self._done = asyncio.get_running_loop().create_future()
        self.headers, self.body = {}, b""
        self._transport.write(request)
        async with asyncio.timeout(ANSWER_S):
            await self._done
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


class Callers:
    """A crowd with one ledger."""

    def __init__(self, url: str, key: str, seed: int) -> None:
        self._url = urlsplit(url)
        self._address = (self._url.hostname or "", self._url.port or 80)
        self._key = key
        self._random = random.Random(seed)
        self.answered: dict[str, tuple[str, int]] = {}
        """Request id to (shape, status), for every answer that arrived whole."""
        self.attempts: Counter[str] = Counter()
        self.given_up: list[str] = []
        self.done = 0

    async def run(self, requests: int, in_flight: int) -> None:
        left = iter(range(requests))

        async def work() -> None:
            exchange: Exchange | None = None
            for _ in left:
                exchange = await self._one(exchange)
                self.done += 1
            if exchange is not None:
                exchange.close()

        await asyncio.gather(*(work() for _ in range(in_flight)))

    async def _one(self, exchange: Exchange | None) -> Exchange | None:
        weights = [shape[0] for shape in SHAPES]
        _, name, model, stream, wanted = self._random.choices(SHAPES, weights)[0]
        request = self._request(name, model, stream)
        give_up = time.monotonic() + GIVE_UP_S
        pause = 0.05
        while time.monotonic() < give_up:
            self.attempts[name] += 1
            try:
                if exchange is None or exchange.closed:
                    _, exchange = await asyncio.get_running_loop().create_connection(Exchange, *self._address)
                status = await exchange.send(request)
            except (OSError, TimeoutError):
                exchange = None
            else:
                self.answered[exchange.headers.get("x-nexus-request-id", "")] = (name, status)
                broken = stream and status == 200 and b'"error"' in exchange.body
                if status == wanted or (wanted == 0 and status in (502, 503)):
                    if not broken:
                        return exchange
                elif status not in RETRIED:
                    self.given_up.append(f"{name}: status {status}")
                    return exchange
            await asyncio.sleep(pause * (0.5 + self._random.random()))
            pause = min(1.0, pause * 2)
        self.given_up.append(f"{name}: no answer in {GIVE_UP_S:g} s")
        return exchange

    def _request(self, name: str, model: str, stream: bool) -> bytes:
        text = (
            f"please use {SECRET} now"
            if name == "blocked"
            else "Say something about logs. " * self._random.randint(1, 20)
        )
        body = json.dumps({"model": model, "stream": stream, "messages": [{"role": "user", "content": text}]}).encode()
        key = "nvk_" + "0" * 64 if name == "badkey" else self._key
        return (
            f"POST /v1/chat/completions HTTP/1.1\r\nhost: {self._url.netloc}\r\nauthorization: Bearer {key}\r\n"
            f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        ).encode() + body
