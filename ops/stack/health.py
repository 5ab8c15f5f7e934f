"""Whether a service answers and lets us in, asked through its real client. Each check returns or raises."""

from __future__ import annotations

import asyncio
import base64
import urllib.request
from urllib.parse import unquote, urlsplit, urlunsplit

CHECK_TIMEOUT = 3  # seconds a check may take to connect, and again to be answered


async def check_nats(url: str) -> None:
    """Connect, authenticate and ask JetStream for its account."""
    from nats.aio.client import (
        Client,
    )  # the clients load when they are needed: a supervisor of two services need not hold all four

    async def ignore(_: Exception) -> None:
        """The error reaches the caller; the client would print it as well."""

    client = Client()
    await client.connect(  # type: ignore[no-untyped-call, unused-ignore]
        url, allow_reconnect=False, connect_timeout=CHECK_TIMEOUT, error_cb=ignore, max_reconnect_attempts=0
    )
    try:
        await client.jetstream(timeout=CHECK_TIMEOUT).account_info()
    finally:
        await client.close()


async def check_postgres(url: str) -> None:
    """Connect, authenticate and run a query."""
    import asyncpg

    connection = await asyncpg.connect(  # type: ignore[no-untyped-call, unused-ignore]
        url, timeout=CHECK_TIMEOUT, command_timeout=CHECK_TIMEOUT
    )
    try:
        await connection.execute("SELECT 1")
    finally:
        await connection.close(timeout=CHECK_TIMEOUT)


async def check_valkey(url: str) -> None:
    """Connect, authenticate and ping."""
    from valkey.asyncio import Valkey

    client = Valkey.from_url(url, socket_connect_timeout=CHECK_TIMEOUT, socket_timeout=CHECK_TIMEOUT)
    try:
        await client.ping()
    finally:
        await client.aclose()


async def check_clickhouse(url: str) -> None:
    """Authenticate and run a query over HTTP."""
    await asyncio.to_thread(_select_one, url)


def _select_one(url: str) -> None:
    parts = urlsplit(url)
    address = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], "/", "query=SELECT+1", ""))
    login = f"{unquote(parts.username or 'default')}:{unquote(parts.password or '')}"
    request = urllib.request.Request(
        address, headers={"Authorization": "Basic " + base64.b64encode(login.encode()).decode()}
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # a proxy has no business here
    with opener.open(request, timeout=CHECK_TIMEOUT) as response:
        if response.read().strip() != b"1":
            raise ConnectionError("the ClickHouse server answered SELECT 1 with something else")
