"""The port that callers connect to, and the connections that there are. What one of them does is in `connection`."""

from __future__ import annotations

import asyncio
import socket
from email.utils import formatdate

from ingress.gateway.connection import Connection, Handler

SWEEP_S = 1.0


class Listener:
    """Listens on one port and hands every request to `handle`."""

    def __init__(self, handle: Handler, connections: int) -> None:
        """
        Args:
            connections: most at a time; the next ones are told to come again.
        """
        self.handle = handle
        self.loop = asyncio.get_running_loop()
        self.draining = False
        """Every answer that begins now is the last of its connection."""
        self.stopped = False
        self.date = formatdate(usegmt=True)
        self._limit = connections
        self._connections: set[Connection] = set()
        self._server: asyncio.Server | None = None
        self._empty: asyncio.Future[None] | None = None
        self._sweep: asyncio.TimerHandle | None = None

    async def start(self, host: str, port: int) -> None:
        """Begins to listen.

        Raises:
            OSError: the address is taken or not ours.
        """
        self._server = await self.loop.create_server(
            lambda: Connection(self), host, port, backlog=self._limit, family=socket.AF_UNSPEC
        )
        self._check()

    async def take_leave(self, seconds: float) -> None:
        """For so long, every answer is the last of its connection; nothing is refused yet. At once without callers."""
        self.draining = True
        for connection in tuple(self._connections):
            connection.take_leave()
        if self._connections:
            await asyncio.sleep(seconds)

    def stop(self) -> None:
        """No more connections and no more requests; those under way go on."""
        self.draining = self.stopped = True
        if self._server is not None:
            self._server.close()
        for connection in tuple(self._connections):
            connection.stop()

    async def emptied(self) -> None:
        """After `stop`: returns when the last answer has gone and the last connection is closed."""
        while self._connections:
            self._empty = self.loop.create_future()
            await self._empty

    async def close(self) -> None:
        """Ends what is still there."""
        self.stop()
        if self._sweep is not None:
            self._sweep.cancel()
        for connection in tuple(self._connections):
            connection.abort()
        if self._server is not None:
            await self._server.wait_closed()

    def admit(self, connection: Connection) -> bool:
        self._connections.add(connection)
        return len(self._connections) <= self._limit

    def forget(self, connection: Connection) -> None:
        self._connections.discard(connection)
        if not self._connections and self._empty is not None and not self._empty.done():
            self._empty.set_result(None)

    def _check(self) -> None:
        self.date = formatdate(usegmt=True)
        now = self.loop.time()
        for connection in tuple(self._connections):
            connection.check(now)
        self._sweep = self.loop.call_later(SWEEP_S, self._check)
