"""Calls to providers over pooled connections: timeouts, and every way a call can end, as one exception type."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from pyreqwest.client import Client, ClientBuilder
from pyreqwest.exceptions import (
    ConnectError,
    ConnectTimeoutError,
    PoolTimeoutError,
    PyreqwestError,
    RequestTimeoutError,
)

from schemas.aggregates.provider import Provider

_CLIENTS = 1_024
_ERROR_BYTES = 65_536


class CallFailed(Exception):
    """A call that brought no answer. `outcome` is one of `ProviderCalled.outcome`; no text of the provider's."""

    def __init__(self, outcome: str, status: int = 0, body: bytes = b"", retry_after: str = "") -> None:
        super().__init__(f"{outcome} {status}" if status else outcome)
        self.outcome = outcome
        self.status = status
        self.body = body
        """Start of the error's body, for the caller's answer; never logged."""
        self.retry_after = retry_after


def _failed(error: Exception) -> CallFailed:
    if isinstance(error, (ConnectError, ConnectTimeoutError, PoolTimeoutError)):
        return CallFailed("connect")
    if isinstance(error, (RequestTimeoutError, TimeoutError)):
        return CallFailed("timeout")
    return CallFailed("disconnect")


class ProviderStream:
    """An answer that is arriving."""

    __slots__ = ("_idle_s", "_reader", "status")

    def __init__(self, status: int, reader: Any, idle_s: float) -> None:
        self.status = status
        self._reader = reader
        self._idle_s = idle_s

    async def next(self) -> bytes | None:
        """The bytes that came next; None at the end.

        Raises:
            CallFailed: the connection broke, or nothing came for the account's idle time.
        """
        try:
            async with asyncio.timeout(self._idle_s):
                piece = await self._reader.read_chunk()
        except (PyreqwestError, TimeoutError) as error:
            raise _failed(error) from None
        return None if piece is None else bytes(piece)


class Upstream:
    """One pooled client for each provider account as configured; a changed account gets a new one."""

    def __init__(self) -> None:
        self._clients: OrderedDict[Provider, Client] = OrderedDict()

    def _client(self, provider: Provider) -> Client:
        client = self._clients.get(provider)
        if client is None:
            builder = (
                ClientBuilder()
                .user_agent("nexus/0.1")
                .follow_redirects(False)  # a redirect could carry the credential elsewhere
                .no_proxy()
                .connect_timeout(timedelta(milliseconds=provider.connect_timeout_ms))
                .pool_timeout(timedelta(milliseconds=provider.connect_timeout_ms))
                .pool_idle_timeout(timedelta(seconds=60))
                .max_connections(provider.max_connections)
                .tcp_nodelay(True)
            )
            if not provider.http2:
                builder = builder.http1_only()
            elif provider.base_url.startswith("https:"):
                builder = builder.http2(True)
            else:
                builder = builder.http2_prior_knowledge()
            if provider.ca_pem:
                builder = builder.add_root_certificate_pem(provider.ca_pem.encode())
            client = builder.build()
            self._clients[provider] = client
            if len(self._clients) > _CLIENTS:
                self._clients.popitem(last=False)
        return client

    async def send(self, provider: Provider, path: str, headers: list[tuple[str, str]], body: bytes) -> bytes:
        """Posts and reads the whole answer within the first-byte time, since it comes in one piece.

        Raises:
            CallFailed: with the outcome, and the status of an answer that is not 2xx.
        """
        request = self._client(provider).post(provider.base_url + path).headers(headers).body_bytes(body).build()
        limit_s = min(provider.first_byte_timeout_ms, provider.total_timeout_ms) / 1000
        try:
            async with asyncio.timeout(limit_s):
                response = await request.send()
                content = bytes(await response.bytes())
        except (PyreqwestError, TimeoutError) as error:
            raise _failed(error) from None
        if not 200 <= response.status < 300:
            raise CallFailed(
                "status", response.status, content[:_ERROR_BYTES], response.get_header("retry-after") or ""
            )
        return content

    @asynccontextmanager
    async def stream(
        self, provider: Provider, path: str, headers: list[tuple[str, str]], body: bytes
    ) -> AsyncIterator[ProviderStream]:
        """Posts and gives the answer as it arrives; leaving the block early closes the connection to the provider.

        Raises:
            CallFailed: before the first byte.
        """
        request = (
            self._client(provider)
            .post(provider.base_url + path)
            .headers(headers)
            .body_bytes(body)
            .streamed_read_buffer_limit(0)  # otherwise the head waits until the buffer is full
            .build_streamed()
        )
        try:
            async with asyncio.timeout(provider.first_byte_timeout_ms / 1000):
                response = await request.__aenter__()
        except (PyreqwestError, TimeoutError) as error:
            raise _failed(error) from None
        try:
            if not 200 <= response.status < 300:
                content = b""
                try:
                    async with asyncio.timeout(provider.idle_timeout_ms / 1000):
                        content = bytes(await response.body_reader.read(_ERROR_BYTES) or b"")
                except (PyreqwestError, TimeoutError):
                    content = b""  # the status alone says enough
                raise CallFailed("status", response.status, content, response.get_header("retry-after") or "")
            yield ProviderStream(response.status, response.body_reader, provider.idle_timeout_ms / 1000)
        finally:
            await request.__aexit__(None, None, None)

    async def close(self) -> None:
        for client in self._clients.values():
            await client.close()
        self._clients.clear()
