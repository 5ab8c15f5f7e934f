"""A load generator in a process of its own: bare HTTP/1.1 over asyncio, answers checked, latencies kept.

`python -m benchmarks.load URL [--key K] --model M --in-flight N --requests R [--prompt-bytes B] [--stream]
[--header 'NAME: VALUE' …]`, JSON on standard output. It stops by itself after the given number of requests and
refuses any address but loopback.
"""

from __future__ import annotations

import argparse
import asyncio
import ipaddress
import json
import os
import sys
import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import httptools
import uvloop


class Caller(asyncio.Protocol):
    """One connection that sends its requests one after the other."""

    def __init__(self) -> None:
        self._transport: Any = None
        self._done: asyncio.Future[None] | None = None
        self._parser: Any = None
        self.first_byte = 0.0
        self.gaps: list[float] = []
        self._last = 0.0
        self.status = 0
        self.size = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    async def send(self, request: bytes) -> None:
        """One exchange. Raises ConnectionError when the other side closes."""
        self._parser = httptools.HttpResponseParser(self)
        self._done = asyncio.get_running_loop().create_future()
        self.first_byte = self._last = 0.0
        self.size = 0
        self._transport.write(request)
        await self._done

    def data_received(self, data: bytes) -> None:
        now = time.perf_counter()
        if self._last:
            self.gaps.append(now - self._last)
        else:
            self.first_byte = now
        self._last = now
        self._parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        self.size += len(body)

    def on_message_complete(self) -> None:
        self.status = self._parser.get_status_code()
        if self._done is not None and not self._done.done():
            self._done.set_result(None)

    def connection_lost(self, error: Exception | None) -> None:
        if self._done is not None and not self._done.done():
            self._done.set_exception(ConnectionError("closed by the other side"))

    def close(self) -> None:
        self._transport.close()


def request_bytes(
    url: str, key: str, model: str, prompt_bytes: int, stream: bool, headers: Sequence[str] = ()
) -> bytes:
    parts = urlsplit(url)
    words = "The quick brown fox jumps over the lazy dog while nobody is watching it. "
    prompt = (words * (prompt_bytes // len(words) + 1))[:prompt_bytes]
    body = json.dumps({"model": model, "messages": [{"role": "user", "content": prompt}], "stream": stream}).encode()
    more = "".join(f"{header}\r\n" for header in headers)
    return (
        f"POST {parts.path}/chat/completions HTTP/1.1\r\nhost: {parts.netloc}\r\nauthorization: Bearer {key}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n{more}\r\n"
    ).encode() + body


def quantile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))] if values else 0.0


async def run(url: str, request: bytes, in_flight: int, requests: int) -> dict[str, Any]:
    """Sends so many requests, so many at a time. Times in milliseconds, gaps in microseconds."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or 80
    if not ipaddress.ip_address(host).is_loopback:
        raise SystemExit("load goes to a loopback address only")
    loop = asyncio.get_running_loop()
    totals: list[float] = []
    firsts: list[float] = []
    gaps: list[float] = []
    statuses: dict[int, int] = {}
    left = requests

    async def work() -> None:
        nonlocal left
        _, caller = await loop.create_connection(Caller, host, port)
        while left > 0:
            left -= 1
            begin = time.perf_counter()
            await caller.send(request)
            totals.append(time.perf_counter() - begin)
            firsts.append(caller.first_byte - begin)
            statuses[caller.status] = statuses.get(caller.status, 0) + 1
        gaps.extend(caller.gaps)
        caller.close()

    begin = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(in_flight)))
    elapsed = time.perf_counter() - begin
    return {
        "requests": len(totals),
        "rps": round(len(totals) / elapsed, 1),
        "p50_ms": round(quantile(totals, 0.5) * 1e3, 3),
        "p99_ms": round(quantile(totals, 0.99) * 1e3, 3),
        "ttft_p50_ms": round(quantile(firsts, 0.5) * 1e3, 3),
        "gap_p99_us": round(quantile(gaps, 0.99) * 1e6, 1),
        "statuses": {str(status): count for status, count in sorted(statuses.items())},
    }


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.load", description=__doc__)
    parser.add_argument("url", help="up to and including /v1")
    parser.add_argument("--key", default=os.environ.get("BENCHMARK_KEY", "sk-bench"), help="default BENCHMARK_KEY")
    parser.add_argument("--model", default="mock/gpt-4o")
    parser.add_argument("--in-flight", type=int, default=32)
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--prompt-bytes", type=int, default=1024)
    parser.add_argument("--stream", action="store_true")
    parser.add_argument("--header", action="append", default=[], help="one more header, NAME: VALUE")
    given = parser.parse_args()
    request = request_bytes(given.url, given.key, given.model, given.prompt_bytes, given.stream, given.header)
    print(json.dumps(uvloop.run(run(given.url, request, given.in_flight, given.requests))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
