"""The ClickHouse engine behind HTTP: how its server process is started. The protocol is in clickhouse_server."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from ops.stack import health, wheels
from ops.stack.credentials import read_secret
from ops.stack.ports import LOOPBACK
from ops.stack.process import ProcessSpec

USER = "nexus"
SOURCE_ROOT = Path(__file__).resolve().parents[2]


def url(port: int, password: str) -> str:
    """The URL clients use."""
    return f"http://{USER}:{password}@{LOOPBACK}:{port}"


def spec(directory: Path, port: int, password_file: Path) -> ProcessSpec:
    """How to run the server on ``directory``. Raises ServiceNotInstalled."""
    wheels.clickhouse_engine()  # fail now and say why, not in a child's log
    path = [str(SOURCE_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]

    async def ready() -> None:
        await health.check_clickhouse(url(port, read_secret(password_file)))

    return ProcessSpec(
        name="clickhouse",
        argv=[
            *[sys.executable, "-m", "ops.stack.clickhouse_server", "--data", str(directory)],
            *["--port", str(port), "--user", USER, "--password-file", str(password_file)],
        ],
        env={"PYTHONPATH": os.pathsep.join(path), "TZ": "UTC"},
        ready=ready,
        stop_timeout=15.0,
    )
