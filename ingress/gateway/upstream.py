"""Calls to providers: timeouts, and every way a call can end, as one exception type."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol

import msgspec

from ingress.gateway.call import CallFailed
from ingress.gateway.content_coding import InflatedExchange
from ingress.gateway.http1 import BrokenExchange, Connection
from ingress.gateway.http2 import Http2Transport
from ingress.gateway.pool import Pool
from schemas.aggregates.provider import Provider

POOLS = 1_024
ERROR_BYTES = 65_536
ANSWER_BYTES = 64 * 1024 * 1024
"""Of an answer in one piece, and of one that comes compressed."""

Headers = list[tuple[str, str]]


class _Request(msgspec.Struct, frozen=True, gc=False):
    """What is to be sent where."""

    provider: Provider
    path: str
    headers: Headers
    body: bytes
    method: str
    client_key: str

    def __repr__(self) -> str:
        return f"_Request(account={self.provider.id!r})"


class Exchange(Protocol):
    """One request under way, over any version of HTTP."""

    status: int
    headers: dict[bytes, bytes]

    def idle(self, limit_s: float) -> None: ...

    async def next(self) -> bytes | None: ...

    async def each(self, take: Callable[[bytes], bool]) -> bool: ...

    async def end(self) -> None: ...


class ProviderStream:
    """An answer that is arriving. `end` must follow, whatever happens."""

    __slots__ = ("_exchange", "end", "status")

    def __init__(self, exchange: Exchange) -> None:
        self.status = exchange.status
        self._exchange = exchange
        self.end = exchange.end
        """Gives the connection back; an answer that is not complete is broken off, so that the provider notices."""

    async def each(self, take: Callable[[bytes], bool]) -> bool:
        """Hands over the bytes as they come, until `take` says no: true then, false at the end of the answer.

        Raises:
            CallFailed: the connection broke, or nothing came for the account's idle time.
        """
        try:
            return await self._exchange.each(take)
        except BrokenExchange as error:
            raise CallFailed(error.outcome) from None


class Upstream:
    """Pooled connections for each provider account as configured; a changed account gets new ones."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._pools: OrderedDict[tuple[Provider, str], Pool] = OrderedDict()
        self._met: dict[int, tuple[Provider, str, Pool]] = {}
        """By the identity of an account's configuration, which takes long to hash."""
        self._http2 = Http2Transport()

    async def send(
        self,
        provider: Provider,
        path: str,
        headers: Headers,
        body: bytes,
        *,
        method: str = "POST",
        client_key: str = "",
        limit_s: float = 0.0,
    ) -> bytes:
        """Asks and reads the whole answer within the first-byte time, since it comes in one piece.

        Args:
            client_key: the private key of the account's certificate, if it shows one.
            limit_s: less than the account's time, where something came before; 0 for all of it.

        Raises:
            CallFailed: with the outcome, and the status of an answer that is not 2xx.
        """
        limit_s = limit_s or min(provider.first_byte_timeout_ms, provider.total_timeout_ms) / 1000
        exchange = await self._open(_Request(provider, path, headers, body, method, client_key), limit_s)
        try:
            return await _whole(exchange)
        except BrokenExchange as error:
            raise CallFailed(error.outcome) from None
        finally:
            await exchange.end()

    async def stream(
        self,
        provider: Provider,
        path: str,
        headers: Headers,
        body: bytes,
        *,
        method: str = "POST",
        client_key: str = "",
    ) -> ProviderStream:
        """Asks and gives the answer as it arrives.

        Raises:
            CallFailed: before the first byte.
        """
        request = _Request(provider, path, headers, body, method, client_key)
        exchange = await self._open(request, provider.first_byte_timeout_ms / 1000)
        exchange.idle(provider.idle_timeout_ms / 1000)
        return ProviderStream(exchange)

    async def _open(self, request: _Request, limit_s: float) -> Exchange:
        """An exchange whose status is 2xx and whose body has yet to be read; `end` must follow."""
        provider = request.provider
        exchange: Exchange
        if provider.http2:
            exchange = await self._http2.open(
                provider, request.path, request.headers, request.body, limit_s, request.method, request.client_key
            )
        else:
            exchange = await self._http1(request, limit_s)
        if b"content-encoding" in exchange.headers:
            # it was asked not to
            exchange = InflatedExchange(exchange, ANSWER_BYTES)
        if 200 <= exchange.status < 300:
            return exchange
        try:
            exchange.idle(provider.idle_timeout_ms / 1000)
            content = await _start(exchange)
        finally:
            await exchange.end()
        retry_after = exchange.headers.get(b"retry-after", b"").decode("latin-1")
        raise CallFailed("status", exchange.status, content, retry_after)

    async def _http1(self, request: _Request, limit_s: float) -> Connection:
        pool = self._pool(request.provider, request.client_key)
        body = request.body
        lines = [f"{name}: {value}\r\n" for name, value in request.headers]
        size = f"content-length: {len(body)}\r\n" if body or request.method != "GET" else ""
        head = f"{pool.head(request.path, request.method)}{size}{''.join(lines)}\r\n".encode("latin-1")
        connection = pool.at_hand() or await self._connect(pool, fresh=False)
        while True:
            try:
                connection.begin(head, body, limit_s)
                await connection.head()
                return connection
            except BaseException as error:
                await connection.end()
                if not isinstance(error, BrokenExchange):
                    raise
                if error.outcome != "disconnect" or connection.uses < 2 or connection.touched:
                    raise CallFailed(error.outcome) from None
            # the provider had closed a kept connection before it saw the request: that is no failure of the call
            connection = await self._connect(pool, fresh=True)

    async def _connect(self, pool: Pool, *, fresh: bool) -> Connection:
        try:
            return await pool.acquire(fresh=fresh)
        except (OSError, TimeoutError):
            raise CallFailed("connect") from None

    def _pool(self, provider: Provider, client_key: str) -> Pool:
        met = self._met.get(id(provider))
        if met is not None and met[0] is provider and met[1] == client_key:
            return met[2]
        pool = self._pools.get((provider, client_key))
        if pool is None:
            try:
                pool = Pool(provider, self._monotonic, client_key)
            except OSError:
                # a certificate, or a key to it, that is none
                raise CallFailed("connect") from None
            self._pools[provider, client_key] = pool
            if len(self._pools) > POOLS:
                self._met.clear()
                self._pools.popitem(last=False)[1].close()
        if len(self._met) >= POOLS:
            self._met.clear()
        self._met[id(provider)] = provider, client_key, pool
        return pool

    async def close(self) -> None:
        for pool in self._pools.values():
            pool.close()
        self._pools.clear()
        self._met.clear()
        await self._http2.close()


async def _whole(exchange: Exchange) -> bytes:
    pieces: list[bytes] = []
    size = 0
    while (piece := await exchange.next()) is not None:
        size += len(piece)
        if size > ANSWER_BYTES:
            raise CallFailed("malformed", exchange.status)
        pieces.append(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


async def _start(exchange: Exchange) -> bytes:
    """The first bytes of an error's body; none when it breaks off, since the status alone says enough."""
    content = b""
    try:
        while len(content) < ERROR_BYTES and (piece := await exchange.next()) is not None:
            content += piece
    except BrokenExchange:
        return b""
    return content[:ERROR_BYTES]
