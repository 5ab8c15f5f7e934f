"""Calls to providers: timeouts, and every way a call can end, as one exception type."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from ingress.gateway.call import CallFailed
from ingress.gateway.http1 import BrokenExchange, Connection
from ingress.gateway.http2 import Http2Exchange, Http2Transport
from ingress.gateway.pool import Pool
from schemas.aggregates.provider import Provider

POOLS = 1_024
ERROR_BYTES = 65_536
ANSWER_BYTES = 64 * 1024 * 1024

Headers = list[tuple[str, str]]


class ProviderStream:
    """An answer that is arriving."""

    __slots__ = ("_exchange", "_idle_s", "status")

    def __init__(self, exchange: Connection | Http2Exchange, idle_s: float) -> None:
        self.status = exchange.status
        self._exchange = exchange
        self._idle_s = idle_s

    async def next(self) -> bytes | None:
        """The bytes that came next; None at the end.

        Raises:
            CallFailed: the connection broke, or nothing came for the account's idle time.
        """
        try:
            async with asyncio.timeout(self._idle_s):
                return await self._exchange.next()
        except BrokenExchange as error:
            raise CallFailed(error.outcome) from None
        except TimeoutError:
            raise CallFailed("timeout") from None


class Upstream:
    """Pooled connections for each provider account as configured; a changed account gets new ones."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._pools: OrderedDict[Provider, Pool] = OrderedDict()
        self._http2 = Http2Transport()

    async def send(self, provider: Provider, path: str, headers: Headers, body: bytes) -> bytes:
        """Posts and reads the whole answer within the first-byte time, since it comes in one piece.

        Raises:
            CallFailed: with the outcome, and the status of an answer that is not 2xx.
        """
        limit_s = min(provider.first_byte_timeout_ms, provider.total_timeout_ms) / 1000
        async with self._exchange(provider, path, headers, body, limit_s) as exchange:
            return await self._whole(exchange, limit_s)

    @asynccontextmanager
    async def stream(
        self, provider: Provider, path: str, headers: Headers, body: bytes
    ) -> AsyncIterator[ProviderStream]:
        """Posts and gives the answer as it arrives; leaving the block early closes the exchange.

        Raises:
            CallFailed: before the first byte.
        """
        limit_s = provider.first_byte_timeout_ms / 1000
        async with self._exchange(provider, path, headers, body, limit_s) as exchange:
            yield ProviderStream(exchange, provider.idle_timeout_ms / 1000)

    @asynccontextmanager
    async def _exchange(
        self, provider: Provider, path: str, headers: Headers, body: bytes, limit_s: float
    ) -> AsyncIterator[Connection | Http2Exchange]:
        """An exchange whose status is 2xx and whose body has yet to be read."""
        opened = (
            self._http2.exchange(provider, path, headers, body, limit_s)
            if provider.http2
            else self._http1(provider, path, headers, body, limit_s)
        )
        async with opened as exchange:
            if not 200 <= exchange.status < 300:
                content = b""
                try:
                    async with asyncio.timeout(provider.idle_timeout_ms / 1000):
                        while len(content) < ERROR_BYTES and (piece := await exchange.next()) is not None:
                            content += piece
                except (BrokenExchange, TimeoutError):
                    content = b""  # the status alone says enough
                raise CallFailed(
                    "status", exchange.status, content[:ERROR_BYTES], exchange.headers.get("retry-after", "")
                )
            yield exchange

    @asynccontextmanager
    async def _http1(
        self, provider: Provider, path: str, headers: Headers, body: bytes, limit_s: float
    ) -> AsyncIterator[Connection]:
        pool = self._pool(provider)
        head = _head(pool, path, headers, len(body))
        connection = await self._connect(pool, fresh=False)
        try:
            connection.begin(head, body)
            try:
                await self._status(connection, limit_s)
            except CallFailed as failure:
                if failure.outcome != "disconnect" or connection.uses < 2 or connection.touched:
                    raise
                # the provider had closed a kept connection before it saw the request: that is no failure of the call
                pool.release(connection)
                connection = await self._connect(pool, fresh=True)
                connection.begin(head, body)
                await self._status(connection, limit_s)
            yield connection
        finally:
            pool.release(connection)

    async def _connect(self, pool: Pool, *, fresh: bool) -> Connection:
        try:
            return await pool.acquire(fresh=fresh)
        except (OSError, TimeoutError):
            raise CallFailed("connect") from None

    async def _status(self, connection: Connection, limit_s: float) -> None:
        try:
            async with asyncio.timeout(limit_s):
                await connection.head()
        except BrokenExchange as error:
            raise CallFailed(error.outcome) from None
        except TimeoutError:
            raise CallFailed("timeout") from None

    async def _whole(self, exchange: Connection | Http2Exchange, limit_s: float) -> bytes:
        pieces: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(limit_s):
                while (piece := await exchange.next()) is not None:
                    size += len(piece)
                    if size > ANSWER_BYTES:
                        raise CallFailed("malformed", exchange.status)
                    pieces.append(piece)
        except BrokenExchange as error:
            raise CallFailed(error.outcome) from None
        except TimeoutError:
            raise CallFailed("timeout") from None
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _pool(self, provider: Provider) -> Pool:
        pool = self._pools.get(provider)
        if pool is None:
            pool = self._pools[provider] = Pool(provider, self._monotonic)
            if len(self._pools) > POOLS:
                self._pools.popitem(last=False)[1].close()
        return pool

    async def close(self) -> None:
        for pool in self._pools.values():
            pool.close()
        self._pools.clear()
        await self._http2.close()


def _head(pool: Pool, path: str, headers: Headers, length: int) -> bytes:
    lines = [
        f"POST {pool.base_path}{path} HTTP/1.1",
        f"host: {pool.host_header}",
        "user-agent: nexus/0.1",
        "accept-encoding: identity",
        f"content-length: {length}",
    ]
    lines += [f"{name}: {value}" for name, value in headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
