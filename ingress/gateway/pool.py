"""Connections to one provider account: kept alive between calls, bounded in number."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from ingress.gateway.http1 import Connection
from ingress.gateway.proxy import through_proxy
from schemas.aggregates.provider import Provider

IDLE_S = 60.0
"""A connection unused for longer is not trusted any more."""
HEADS = 1_024
"""Beginnings of requests that are kept ready; paths with a model in them are few, others do not come back."""


class Places:
    """A semaphore whose first is served first, and whose usual case is one comparison: asyncio's takes 1.5 µs more."""

    __slots__ = ("_free", "_waiting")

    def __init__(self, places: int) -> None:
        self._free = places
        self._waiting: deque[asyncio.Future[None]] = deque()

    def take_now(self) -> bool:
        """Takes a place if there is one for which nobody waits."""
        if self._free <= 0:
            return False
        self._free -= 1
        return True

    async def take(self) -> None:
        """Takes a place as soon as there is one."""
        if self.take_now():
            return
        given = asyncio.get_running_loop().create_future()
        self._waiting.append(given)
        try:
            await given
        except asyncio.CancelledError:
            if given.done() and not given.cancelled():
                self.give()
            raise

    def give(self) -> None:
        """Gives a place back: to whoever waits longest, if anybody does."""
        while self._waiting:
            given = self._waiting.popleft()
            if not given.done():
                given.set_result(None)
                return
        self._free += 1


class Pool:
    """Connections for one account as configured. Raises OSError and TimeoutError where connecting fails."""

    def __init__(self, provider: Provider, monotonic: Callable[[], float], client_key: str = "") -> None:
        """
        Args:
            client_key: the private key of the account's certificate, if it shows one.
        """
        url = urlsplit(provider.url)
        assert url.hostname is not None, "checked when the account was configured"
        self._host = url.hostname
        self._port = url.port or (443 if url.scheme == "https" else 80)
        self._tls = _tls(provider, client_key) if url.scheme == "https" else None
        proxy = urlsplit(provider.proxy_url)
        self._proxy = (proxy.hostname, proxy.port or 80) if proxy.hostname else None
        self._connect_s = provider.connect_timeout_ms / 1000
        self._places = Places(provider.max_connections)
        self._idle: deque[Connection] = deque()
        self._monotonic = monotonic
        self._host_header = url.netloc
        self._base_path = url.path.rstrip("/")
        self._origin = f"http://{url.netloc}" if self._proxy is not None and self._tls is None else ""
        """Begins the target of a request that a proxy reads (RFC 9112, 3.2.2)."""
        self._heads: dict[tuple[str, str], str] = {}

    def at_hand(self) -> Connection | None:
        """What `acquire` gives, if nothing has to be waited for."""
        if not (self._idle and self._places.take_now()):
            return None
        kept = self._kept()
        if kept is None:
            self._places.give()
        return kept

    async def acquire(self, *, fresh: bool = False) -> Connection:
        """A connection with nothing under way; `Connection.end` gives it back, whatever happened.

        Args:
            fresh: a new one, since a kept one has just turned out to be dead.

        Raises:
            OSError: the provider cannot be reached.
            TimeoutError: neither a place in the pool nor a connection within the connect time.
        """
        async with asyncio.timeout(self._connect_s):
            await self._places.take()
            try:
                kept = None if fresh else self._kept()
                if kept is not None:
                    return kept
                return await self._connected()
            except BaseException:
                self._places.give()
                raise

    async def _connected(self) -> Connection:
        if self._proxy is not None and self._tls is not None:
            return await through_proxy(self._proxy, self._host, self._port, self._tls, self.release)
        host, port = self._proxy or (self._host, self._port)
        _, connection = await asyncio.get_running_loop().create_connection(
            lambda: Connection(self.release), host, port, ssl=self._tls
        )
        return connection

    def _kept(self) -> Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if not connection.closed and self._monotonic() - connection.idle_since < IDLE_S:
                return connection
            connection.abort()
        return None

    def release(self, connection: Connection) -> None:
        """Takes a connection back; one whose exchange is not complete is closed, so that the provider notices."""
        if connection.reusable:
            connection.idle_since = self._monotonic()
            self._idle.append(connection)
        else:
            connection.abort()
        self._places.give()

    def head(self, path: str, method: str = "POST") -> str:
        """The part of a request's head that is the same for every request to a path."""
        found = self._heads.get((method, path))
        if found is None:
            if len(self._heads) >= HEADS:
                self._heads.clear()
            found = self._heads[method, path] = (
                f"{method} {self._origin}{self._base_path}{path} HTTP/1.1\r\nhost: {self._host_header}\r\n"
                "user-agent: nexus/0.1\r\naccept-encoding: identity\r\n"
            )
        return found

    def close(self) -> None:
        while self._idle:
            self._idle.pop().abort()


def _tls(provider: Provider, client_key: str) -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if provider.ca_pem:
        context.load_verify_locations(cadata=provider.ca_pem)
    if provider.client_cert_pem:
        # the library reads files only; through a pipe, the key is in none
        with _piped(provider.client_cert_pem) as certificate, _piped(client_key) as key:
            context.load_cert_chain(certificate, key, lambda: b"")
    return context


@contextmanager
def _piped(text: str) -> Iterator[str]:
    """A path that gives the text to whoever reads it, once. It fits into a pipe: see the account's limits."""
    out, into = os.pipe()
    try:
        with open(into, "wb") as pipe:
            pipe.write(text.encode())
        yield f"/dev/fd/{out}"
    finally:
        os.close(out)
