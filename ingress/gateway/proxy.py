"""The way through an HTTP proxy to a provider whose calls are encrypted: CONNECT (RFC 9110, 9.3.6), then TLS inside."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable

from ingress.gateway.http1 import Connection

MAX_HEAD = 16_384


class _Tunnel(asyncio.Protocol):
    """Waits for the proxy's answer to CONNECT."""

    def __init__(self, asked: bytes) -> None:
        self._asked = asked
        self._head = b""
        self.transport: asyncio.Transport
        self.open: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]
        self.transport.write(self._asked)

    def data_received(self, data: bytes) -> None:
        self._head += data
        end = self._head.find(b"\r\n\r\n")
        if self.open.done() or (end < 0 and len(self._head) <= MAX_HEAD):
            return
        status = self._head.split(b"\r\n", 1)[0].split(b" ")
        if end == len(self._head) - 4 and len(status) > 1 and status[0].startswith(b"HTTP/1.") and status[1] == b"200":
            self.open.set_result(None)
        else:
            self.open.set_exception(ConnectionError("the proxy does not lead there"))

    def connection_lost(self, error: Exception | None) -> None:
        if not self.open.done():
            self.open.set_exception(ConnectionError("the proxy closed the connection"))


async def through_proxy(
    proxy: tuple[str, int], host: str, port: int, tls: ssl.SSLContext, release: Callable[[Connection], None]
) -> Connection:
    """A connection to a provider that the proxy cannot read.

    Raises:
        OSError: the proxy cannot be reached or refuses, or the provider's certificate is not to be trusted.
    """
    loop = asyncio.get_running_loop()
    place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    asked = f"CONNECT {place} HTTP/1.1\r\nhost: {place}\r\nuser-agent: nexus/0.1\r\n\r\n".encode("ascii")
    transport, tunnel = await loop.create_connection(lambda: _Tunnel(asked), *proxy)
    try:
        await tunnel.open
        connection = Connection(release)
        inside = await loop.start_tls(transport, connection, tls, server_hostname=host)
        if inside is None:
            raise ConnectionError("the connection broke while it was being encrypted")
    except BaseException:
        transport.abort()
        raise
    connection.connection_made(inside)
    return connection
