"""NATS with JetStream: its configuration and how it is started. No stream is declared here."""

from __future__ import annotations

import functools
import json
from pathlib import Path

from ops.stack import health, wheels
from ops.stack.credentials import private_directory, write_private
from ops.stack.ports import LOOPBACK
from ops.stack.process import ProcessSpec

USER = "nexus"
MEGABYTE = 1024 * 1024
MAX_PAYLOAD = 8 * MEGABYTE  # a segment of facts is one message
MAX_PENDING = 256 * MEGABYTE  # what a slow reader may have waiting before it is cut off
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
    )
