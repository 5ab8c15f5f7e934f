"""Servers for benchmarks, of the run that started them: NATS alone or three together, or every store. Loads nothing."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from pathlib import Path

from ops.stack import wheels
from ops.stack.stack import CLICKHOUSE, NATS, POSTGRES, VALKEY, Stack
from projections.log import topology
from projections.log.api import ApiError
from projections.log.connection import LogConnection
from schemas.errors import Unavailable
from schemas.settings import Settings
from schemas.topology import EMBEDDED

START_S = 20.0
LEADERS_S = 30.0


class NotUp(Exception):
    """A server did not start. The text holds the end of its log."""


@contextmanager
def nats(directory: Path, *, servers: int = 1, sync_always: bool = True) -> Iterator[str]:
    """The URLs of so many servers on loopback, separated by commas; three make a cluster.

    Raises:
        NotUp: one does not come up.
    """
    with ExitStack() as running:
        routes = _free_ports(servers) if servers > 1 else []
        yield ",".join(
            [running.enter_context(_server(directory / f"n{number}", number, routes, sync_always))
             for number in range(servers)]
        )  # fmt: skip


@asynccontextmanager
async def log_on(url: str, name: str, replicas: int = 1) -> AsyncIterator[LogConnection]:
    """A connection to a log with all of Nexus's streams, which a new cluster has to elect leaders for first."""
    async with AsyncExitStack() as open_ones:
        connection = await LogConnection.open(url, name)
        open_ones.push_async_callback(connection.close)
        async with asyncio.timeout(LEADERS_S):
            while True:
                try:
                    await topology.apply(connection, EMBEDDED, replicas=replicas, partitions=1)
                    break
                except (ApiError, Unavailable):
                    await asyncio.sleep(0.2)
        yield connection


@asynccontextmanager
async def all_stores(directory: Path) -> AsyncIterator[Settings]:
    """The stores as `nexus up` starts them, with their data in a directory: settings that lead to each."""
    stack = Stack(directory)
    await stack.start()
    try:
        urls = stack.endpoints
        yield Settings(
            data_dir=str(directory), nats_url=urls[NATS], postgres_url=urls[POSTGRES],
            clickhouse_url=urls[CLICKHOUSE], valkey_url=urls[VALKEY],
        )  # fmt: skip
    finally:
        await stack.stop()


@contextmanager
def _server(directory: Path, number: int, routes: list[int], sync_always: bool) -> Iterator[str]:
    directory.mkdir(parents=True)
    ports = directory / "ports"
    ports.mkdir()
    lines = [
        f"server_name: n{number}",
        'listen: "127.0.0.1:-1"',
        f"ports_file_dir: {json.dumps(str(ports))}",
        "max_payload: 8388608",
        f"jetstream {{ store_dir: {json.dumps(str(directory / 'store'))}"
        + (", sync_interval: always }" if sync_always else " }"),
    ]
    if routes:
        peers = ", ".join(f'"nats-route://127.0.0.1:{port}"' for port in routes)
        lines.append(f'cluster {{ name: bench, listen: "127.0.0.1:{routes[number]}", routes: [{peers}] }}')
    config = directory / "nats.conf"
    config.write_text("\n".join(lines))
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen([wheels.nats_server(), "-c", config], stdout=log, stderr=log)
    try:
        yield _port(process, ports, directory / "log")
    finally:
        process.terminate()
        process.wait(10)
        shutil.rmtree(directory, ignore_errors=True)


def _port(process: subprocess.Popen[bytes], ports: Path, log: Path) -> str:
    deadline = time.monotonic() + START_S
    while True:
        written = list(ports.glob("*.ports"))
        if written and (text := written[0].read_text()).endswith("}"):
            return str(json.loads(text)["nats"][0])
        if process.poll() is not None or time.monotonic() > deadline:
            raise NotUp(log.read_text()[-2_000:])
        time.sleep(0.01)


def _free_ports(count: int) -> list[int]:
    """Ports that nobody has at this moment."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
