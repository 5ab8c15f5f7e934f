"""Callers with one key against one gateway, who note what they are told; and the configuration they need."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections import Counter
from dataclasses import dataclass, field
from urllib.parse import urlsplit

_ANSWER_S = 30.0
_IN_FLIGHT = 6

CONFIGURATION = """
[[tenants]]
id = "{tenant}"

[[credentials]]
id = "mock"
tenant = "{tenant}"
secret = "sk-chaos"

[[providers]]
id = "mock"
tenant = "{tenant}"
base_url = "{url}"
credential = "mock"

[[models]]
id = "mock/gpt-4o"
tenant = "{tenant}"
prices = {{ input = 2_500_000, output = 10_000_000 }}

[[routes]]
id = "default"
tenant = "{tenant}"
on_log_failure = "{policy}"

[[virtual-keys]]
id = "caller"
tenant = "{tenant}"
key = "{key}"
"""


@dataclass
class Told:
    """What callers of one policy were told."""

    answered: set[str] = field(default_factory=set)
    """Request ids of answers with status 200."""
    statuses: Counter[str] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)
    """Of errors, as their bodies say."""
    no_retry_after: int = 0
    hung: int = 0
    slowest_s: float = 0.0


class Crowd:
    """Callers of one key, each on a connection of its own for each request, until stopped."""

    def __init__(self, gateway: str, key: str) -> None:
        self.told = Told()
        at = urlsplit(gateway)
        self._address = (at.hostname or "", at.port or 80)
        self._key = key
        self._stopping = False
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        self._tasks = [asyncio.create_task(self._work()) for _ in range(_IN_FLIGHT)]

    async def stop(self) -> None:
        self._stopping = True
        await asyncio.gather(*self._tasks)

    async def ask(self) -> tuple[int, dict[str, str]]:
        """One request now: status and headers. Raises OSError, TimeoutError."""
        async with asyncio.timeout(_ANSWER_S):
            return await self._ask()

    async def _work(self) -> None:
        while not self._stopping:
            began = time.monotonic()
            try:
                status, headers = await self.ask()
            except TimeoutError:
                self.told.hung += 1
                continue
            except OSError as error:
                self.told.statuses[type(error).__name__] += 1
                await asyncio.sleep(0.1)
                continue
            self.told.slowest_s = max(self.told.slowest_s, time.monotonic() - began)
            self.told.statuses[str(status)] += 1
            if status == 200:
                self.told.answered.add(headers["x-nexus-request-id"])
            else:
                self.told.no_retry_after += "retry-after" not in headers
                await asyncio.sleep(0.05)

    async def _ask(self) -> tuple[int, dict[str, str]]:
        text = secrets.token_hex(4_000)
        body = json.dumps({"model": "mock/gpt-4o", "messages": [{"role": "user", "content": text}]}).encode()
        reader, writer = await asyncio.open_connection(*self._address)
        try:
            writer.write(
                f"POST /v1/chat/completions HTTP/1.1\r\nhost: gateway\r\nauthorization: Bearer {self._key}\r\n"
                f"content-type: application/json\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n".encode()
                + body
            )
            head, _, content = (await reader.read(-1)).partition(b"\r\n\r\n")
        finally:
            writer.close()
        first, *lines = head.decode("latin-1").split("\r\n")
        if not first:
            raise ConnectionResetError("no answer")
        status = int(first.split()[1])
        if status != 200:
            self.told.codes[json.loads(content)["error"]["code"]] += 1
        return status, dict(_header(line) for line in lines)


def _header(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name.lower(), value.strip()
