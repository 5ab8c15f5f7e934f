"""HTTP/2 to providers whose account asks for it, by a packaged client. The interface is that of `http1.Connection`."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable

from pyqwest import Headers as QwestHeaders
from pyqwest import (
    HTTPTransport,
    HTTPVersion,
    ReadError,
    RemoteProtocolError,
    Request,
    Response,
    StreamError,
    WriteError,
)

from ingress.gateway.call import CallFailed
from ingress.gateway.http1 import BrokenExchange
from schemas.aggregates.provider import Provider

CLIENTS = 1_024
_HEADERS = (("user-agent", "nexus/0.1"), ("accept-encoding", "identity"))


class Http2Exchange:
    """One request's stream on a shared connection."""

    def __init__(self, response: Response, due: float) -> None:
        """
        Args:
            due: loop time at which the answer must be whole, unless `idle` says otherwise.
        """
        self.status = response.status
        self.headers = {name.encode(): value.encode() for name, value in response.headers.items()}
        self._response = response
        self._body = response.content
        self._due = due
        self._idle_s = 0.0

    def idle(self, limit_s: float) -> None:
        """From now on the limit is on each wait for bytes, instead of on the whole."""
        self._idle_s = limit_s

    async def end(self) -> None:
        """Resets the stream unless it is complete."""
        await self._response.__aexit__(None, None, None)

    async def each(self, take: Callable[[bytes], bool]) -> bool:
        """Hands over the pieces of the body as they come, until `take` says no: true then, false at the end.

        Raises:
            BrokenExchange
        """
        while (piece := await self.next()) is not None:
            if not take(piece):
                return True
        return False

    async def next(self) -> bytes | None:
        """The bytes that have come; None at the end.

        Raises:
            BrokenExchange
        """
        due = asyncio.get_running_loop().time() + self._idle_s if self._idle_s else self._due
        try:
            async with asyncio.timeout_at(due):
                async for piece in self._body:
                    return bytes(piece)
        except TimeoutError:
            raise BrokenExchange("timeout") from None
        except (ReadError, StreamError, ConnectionError):
            raise BrokenExchange("disconnect") from None
        except RemoteProtocolError:
            raise BrokenExchange("malformed") from None
        return None


class Http2Transport:
    """One client for each account; cancelling a call resets its stream."""

    def __init__(self) -> None:
        # the client tells whole URLs when it is asked for details
        logging.getLogger("pyqwest").setLevel(logging.WARNING)
        logging.getLogger("pyqwest.access").setLevel(logging.WARNING)
        self._clients: OrderedDict[tuple[Provider, str], HTTPTransport] = OrderedDict()

    async def open(
        self,
        provider: Provider,
        path: str,
        headers: list[tuple[str, str]],
        body: bytes,
        limit_s: float,
        method: str = "POST",
        client_key: str = "",
    ) -> Http2Exchange:
        """Asks, and returns when the status is there.

        Raises:
            CallFailed
        """
        request = Request(method, provider.url + path, QwestHeaders([*headers, *_HEADERS]), content=body)
        due = asyncio.get_running_loop().time() + limit_s
        try:
            async with asyncio.timeout_at(due):
                response = await self._client(provider, client_key).execute(request)
        except ConnectionError:
            raise CallFailed("connect") from None
        except TimeoutError:
            raise CallFailed("timeout") from None
        except RemoteProtocolError:
            raise CallFailed("malformed") from None
        except (ReadError, WriteError, StreamError):
            raise CallFailed("disconnect") from None
        await response.__aenter__()
        return Http2Exchange(response, due)

    def _client(self, provider: Provider, client_key: str) -> HTTPTransport:
        client = self._clients.get((provider, client_key))
        if client is None:
            client = HTTPTransport(
                tls_ca_cert=provider.ca_pem.encode() if provider.ca_pem else None,
                tls_include_system_certs=True,
                tls_cert=provider.client_cert_pem.encode() if provider.client_cert_pem else None,
                tls_key=client_key.encode() if client_key else None,
                http_version=HTTPVersion.HTTP2,
                connect_timeout=provider.connect_timeout_ms / 1000,
                enable_gzip=False,
                enable_brotli=False,
                enable_zstd=False,
                follow_redirects=False,  # a redirect could carry the credential elsewhere
                enable_otel=False,
            )
            self._clients[provider, client_key] = client
            if len(self._clients) > CLIENTS:
                self._clients.popitem(last=False)
        return client

    async def close(self) -> None:
        for client in self._clients.values():
            await client.aclose()
        self._clients.clear()
