"""Valkey as a cache: its configuration and how it is started. Nothing in it is worth keeping over a restart."""

from __future__ import annotations

import functools
from pathlib import Path

from ops.stack import health, wheels
from ops.stack.credentials import private_directory, write_private
from ops.stack.ports import LOOPBACK
from ops.stack.process import ProcessSpec


def configuration(directory: Path, port: int, password: str) -> str:
    """The server's configuration file: no persistence; a full cache refuses writes rather than lose a lease."""
    return "\n".join(
        [
            f"bind {LOOPBACK}",
            f"port {port}",
            f"requirepass {password}",
            f'dir "{directory}"',
            'save ""',
            "appendonly no",
            "maxmemory 128mb",
            "maxmemory-policy noeviction",
            "daemonize no",
            "set-proc-title no",  # a rewritten title would hide whose process this is
            "",
        ]
    )


def url(port: int, password: str) -> str:
    """The URL clients use."""
    return f"valkey://:{password}@{LOOPBACK}:{port}/0"


def spec(directory: Path, port: int, password: str) -> ProcessSpec:
    """How to run the server on ``directory``. Raises ServiceNotInstalled."""
    config = directory / "valkey.conf"

    async def prepare() -> None:
        private_directory(directory)
        write_private(config, configuration(directory, port, password))

    return ProcessSpec(
        name="valkey",
        argv=[str(wheels.valkey_server()), str(config)],
        prepare=prepare,
        ready=functools.partial(health.check_valkey, url(port, password)),
    )
