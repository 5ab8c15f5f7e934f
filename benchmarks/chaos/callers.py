"""Callers that do not give up: mixed requests at a bounded rate, retried until answered, each answer in a ledger."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import Counter, deque
from urllib.parse import urlsplit

from benchmarks.chaos.exchange import Exchange
from benchmarks.chaos.ledger import Ledger

SECRET = "AKIA" + "QWERTYUIOPASDFGH"
GIVE_UP_S = 150.0
RETRIED = frozenset({408, 429, 500, 502, 503, 504})
_IDLE_MOST = 32
WARM = 100

Shape = tuple[int, str, str, bool, int]
"""Share, name, model, stream, status that ends it."""
SHAPES: tuple[Shape, ...] = (
    (40, "plain", "gpt-4o", False, 200),
    (15, "stream", "mock/gpt-4o-mini", True, 200),
    (6, "slow", "mock/slow+delay-1500ms", False, 200),
    (4, "slow-stream", "mock/slow+token-40ms+tokens-50", True, 200),
    (10, "strict", "mock/gpt-4o-strict", False, 200),
    (5, "spooled", "mock/gpt-4o-spool", False, 200),
    (4, "spooled-stream", "mock/gpt-4o-spool+token-40ms+tokens-75", True, 200),
    (8, "blocked", "gpt-4o", False, 403),
    (4, "unknown", "gpt-99", False, 404),
    (4, "badkey", "gpt-4o", False, 401),
    (4, "sick", "sick/gpt-4o+error-500", False, 0),
)
LONG_SHAPES: tuple[Shape, ...] = (
    (0, "long-stream", "mock/slow+token-1s+tokens-48", True, 200),
    (0, "spooled-long-stream", "mock/gpt-4o-spool+token-1s+tokens-48", True, 200),
)
"""What is asked only for a fault to fall into it."""
_WEIGHTS = [shape[0] for shape in SHAPES]


class Callers:
    """A crowd with one ledger: a line for each answer that arrived whole, synced to the disk by and by."""

    def __init__(self, url: str, key: str, seed: int, ledger: Ledger) -> None:
        self._url = urlsplit(url)
        self._address = (self._url.hostname or "", self._url.port or 80)
        self._key = key
        self._random = random.Random(seed)
        self._ledger = ledger
        self._idle: deque[Exchange] = deque()
        self.begun = 0
        self.done = 0
        self.rate = 0.0
        """Requests begun a second; who needs more answers for a while may raise it."""
        self.going = asyncio.Event()
        """While it is clear, nobody begins, and nobody keeps a connection once those under way have ended."""
        self.going.set()
        self.warm = asyncio.Event()
        """Set once enough requests were answered for both gateways to hold a lease on the budgets."""
        self.attempts: Counter[str] = Counter()
        self.failures: list[tuple[float, str]] = []
        """Monotonic time and kind of what a caller saw go wrong and tried again."""
        self.attempts_failed: list[tuple[float, float, str]] = []
        """The same with the time at which the attempt began."""
        self.latencies: list[tuple[float, float]] = []
        """Monotonic time of the end and seconds, of plain requests answered at the first attempt."""
        self.given_up: list[str] = []

    async def run(self, rate: float, in_flight: int, stop: asyncio.Event) -> None:
        """Begins `rate` requests a second (until that is changed) until `stop`, unless so many are under way; returns
        when all have ended."""
        self.rate = rate
        tasks: set[asyncio.Task[None]] = set()
        due = time.monotonic()
        while not stop.is_set():
            if not self.going.is_set():
                await self._ended(tasks)
                await self.going.wait()
            due = max(due + self._random.expovariate(self.rate), time.monotonic() - 1.0)
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            if len(tasks) < in_flight:
                self.begun += 1
                shape = self._random.choices(SHAPES, _WEIGHTS)[0]
                task = asyncio.create_task(self.one(shape))
                tasks.add(task)
                task.add_done_callback(tasks.discard)
        await self._ended(tasks)

    async def _ended(self, tasks: set[asyncio.Task[None]]) -> None:
        await asyncio.gather(*tasks)
        while self._idle:
            self._idle.pop().close()

    def errors(self, since: float, until: float) -> list[str]:
        return [kind for at, kind in self.failures if since <= at <= until]

    def answered(self, since: float, until: float) -> int:
        return sum(since <= at <= until for at, _ in self.latencies)

    async def one(self, shape: Shape) -> None:
        """A caller who comes again until answered."""
        _, name, model, stream, wanted = shape
        request = self._request(name, model, stream)
        give_up = time.monotonic() + GIVE_UP_S
        pause, first = 0.05, True
        while time.monotonic() < give_up:
            self.attempts[name] += 1
            begin = time.monotonic()
            exchange: Exchange | None = None
            try:
                exchange = await self._connection()
                status = await exchange.send(request)
            except (OSError, TimeoutError) as error:
                self._failed(begin, f"{name}: {type(error).__name__}")
                if exchange is not None:
                    exchange.close()
            else:
                broken = stream and status == 200 and b'"error"' in exchange.body
                self._ledger.note({"id": exchange.headers.get("x-nexus-request-id", ""), "shape": name,
                                   "status": status, "broken": broken})  # fmt: skip
                if not exchange.closed and len(self._idle) < _IDLE_MOST:
                    self._idle.append(exchange)
                else:
                    exchange.close()
                if not broken and (status == wanted or (wanted == 0 and status in (502, 503))):
                    if name == "plain" and first:
                        self.latencies.append((time.monotonic(), time.monotonic() - begin))
                    self.done += 1
                    if self.done >= WARM:
                        self.warm.set()
                    return
                if status not in RETRIED and not broken:
                    self.given_up.append(f"{name}: status {status}")
                    return
                self._failed(begin, f"{name}: {'broken stream' if broken else status}")
            first = False
            await asyncio.sleep(pause * (0.5 + self._random.random()))
            pause = min(1.0, pause * 2)
        self.given_up.append(f"{name}: no answer in {GIVE_UP_S:g} s")

    def _failed(self, begin: float, kind: str) -> None:
        now = time.monotonic()
        self.failures.append((now, kind))
        self.attempts_failed.append((begin, now, kind))

    async def _connection(self) -> Exchange:
        while self._idle:
            # the one that has rested longest: a server that wants to end is told so on each of them soon
            exchange = self._idle.popleft()
            if not exchange.closed:
                return exchange
        _, exchange = await asyncio.get_running_loop().create_connection(Exchange, *self._address)
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
