"""NATS with JetStream: its configuration and how it is started. No stream is declared here."""

from __future__ import annotations

import asyncio
import functools
import json
import os
import urllib.error
import urllib.request
from pathlib import Path

from ops.stack import health, wheels
from ops.stack.credentials import private_directory, write_private
from ops.stack.ports import LOOPBACK
from ops.stack.process import ProcessSpec

USER = "nexus"
MEGABYTE = 1024 * 1024
MAX_PAYLOAD = 8 * MEGABYTE  # a segment of facts is one message
MAX_PENDING = 256 * MEGABYTE  # what a slow reader may have waiting before it is cut off
ROOM = 64 * MEGABYTE  # bytes, or a tenth of a smaller disk, that have to be free before writing is tried again
_WRITES_ENDED = ("write error", "no space left", "JetStream not enabled")  # in the answer of /healthz
SOFT_MEMORY_LIMIT = "256MiB"  # the Go runtime collects harder from here on


def configuration(store: Path, port: int, password: str, monitor: int) -> str:
    """The server's configuration file. ``sync_interval: always``: an acknowledged message survives a power cut."""
    return "\n".join(
        [
            "server_name: nexus",
            f'listen: "{LOOPBACK}:{port}"',
            # where Nexus learns that it syncs
            f'http: "{LOOPBACK}:{monitor}"',
            f"max_payload: {MAX_PAYLOAD}",
            f"max_pending: {MAX_PENDING}",
            'write_deadline: "30s"',
            "jetstream {",
            f"  store_dir: {json.dumps(str(store))}",
            "  sync_interval: always",
            "}",
            "authorization {",
            f"  user: {USER}",
            f'  password: "{password}"',
            "}",
            "",
        ]
    )


def url(port: int, password: str) -> str:
    """The URL clients use."""
    return f"nats://{USER}:{password}@{LOOPBACK}:{port}"


def monitor_url(port: int) -> str:
    """The address of the server's monitoring."""
    return f"http://{LOOPBACK}:{port}"


async def sickness(monitor: str, directory: Path) -> str:
    """Why a server that serves has to be started again; empty when it has not.

    After a write that failed, such as for a full disk, a stream takes nothing any more until the server is started
    again, with whatever room there is by then (nats-server 2.14). Without room a restart would be of no use.
    """
    told = await asyncio.to_thread(_healthz, monitor)
    if not any(sign in told for sign in _WRITES_ENDED):
        return ""
    status = os.statvfs(directory)
    room = status.f_bavail * status.f_frsize
    if room < min(ROOM, status.f_blocks * status.f_frsize // 10):
        return ""
    return f"JetStream stopped writing and there is room again (bytes_free={room}): {told[:200]}"


def _healthz(monitor: str) -> str:
    """In a thread: what the server says is wrong with it; empty when nothing is. Raises OSError."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{monitor}/healthz", timeout=health.CHECK_TIMEOUT):
            return ""
    except urllib.error.HTTPError as error:
        with error:
            return error.read(4096).decode(errors="replace")


def spec(directory: Path, port: int, password: str, monitor: int) -> ProcessSpec:
    """How to run the server on ``directory``. Raises ServiceNotInstalled."""
    config = directory / "nats.conf"

    async def prepare() -> None:
        private_directory(directory)
        write_private(config, configuration(directory / "jetstream", port, password, monitor))

    return ProcessSpec(
        name="nats",
        argv=[str(wheels.nats_server()), "--config", str(config)],
        env={"GOMEMLIMIT": SOFT_MEMORY_LIMIT},
        prepare=prepare,
        ready=functools.partial(health.check_nats, url(port, password)),
        sick=functools.partial(sickness, monitor_url(monitor), directory),
    )
