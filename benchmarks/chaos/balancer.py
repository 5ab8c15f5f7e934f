"""A small TCP balancer in front of the gateways: asks for `/ready`, passes bytes on, never repeats a request."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

LOOK_S = 0.2
ANSWER_S = 1.0
_PIECE = 65_536


class Balancer:
    """As an operator's would: new connections go in turn to gateways that call themselves ready."""

    def __init__(self, backends: Sequence[tuple[str, int]]) -> None:
        self._backends = list(backends)
        self._ready = set(self._backends)
        self._turn = 0
        self._server: asyncio.Server | None = None
        self._looking: list[asyncio.Task[None]] = []

    async def start(self) -> str:
        """The URL to call."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=256)
        self._looking = [asyncio.create_task(self._look(backend)) for backend in self._backends]
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def close(self) -> None:
        for task in self._looking:
            task.cancel()
        await asyncio.gather(*self._looking, return_exceptions=True)
        if self._server is not None:
            self._server.close()

    async def _look(self, backend: tuple[str, int]) -> None:
        while True:
            try:
                async with asyncio.timeout(ANSWER_S):
                    reader, writer = await asyncio.open_connection(*backend)
                    writer.write(b"GET /ready HTTP/1.1\r\nhost: balancer\r\nconnection: close\r\n\r\n")
                    ready = b" 200 " in await reader.readline()
                    writer.close()
            except (OSError, TimeoutError):
                ready = False
            (self._ready.add if ready else self._ready.discard)(backend)
            await asyncio.sleep(LOOK_S)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream = await self._upstream()
        if upstream is None:
            writer.transport.abort()
            return
        there, back = _pass(reader, upstream[1]), _pass(upstream[0], writer)
        try:
            await asyncio.gather(there, back)
        except OSError:
            upstream[1].transport.abort()
            writer.transport.abort()

    async def _upstream(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        """A connection to the next gateway that is ready, else to any that takes it."""
        self._turn += 1
        turned = self._backends[self._turn % len(self._backends) :] + self._backends
        for backend in sorted(dict.fromkeys(turned), key=lambda one: one not in self._ready):
            try:
                async with asyncio.timeout(ANSWER_S):
                    return await asyncio.open_connection(*backend)
            except (OSError, TimeoutError):
                self._ready.discard(backend)
        return None


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Everything from one side to the other, and then the end."""
    while piece := await reader.read(_PIECE):
        writer.write(piece)
        await writer.drain()
    writer.close()
