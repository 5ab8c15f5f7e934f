"""The log of a running Nexus, for the length of a command."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

from ops.cli.endpoints import url_of
from projections.log.connection import LogConnection

CONNECT_S = 5.0
T = TypeVar("T")


@asynccontextmanager
async def log_at(url: str, name: str) -> AsyncIterator[LogConnection]:
    """
    Args:
        name: of the command, for whoever looks at the server's connections.

    Raises:
        Unavailable: it does not answer.
    """
    connection = await LogConnection.open(url, f"nexus-{name}", wait_s=CONNECT_S)
    try:
        yield connection
    finally:
        await connection.close()


def on_log(data: Path, name: str, work: Callable[[LogConnection], Awaitable[T]]) -> T:
    """What the work gives, on the log of a data directory.

    Raises:
        CommandFailed: nothing runs there.
        Unavailable: the log does not answer.
    """

    async def run() -> T:
        async with log_at(url_of("nats", data), name) as connection:
            return await work(connection)

    return asyncio.run(run())
