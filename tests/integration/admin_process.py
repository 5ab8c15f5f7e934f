"""The admin plane as a process of its own, and requests to it over real sockets. For tests only."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ops.stack.ports import free_port
from projections.log.connection import LogConnection
from schemas.settings import Settings, environment_of
from tests.integration.nats_fixture import NatsServer
from tests.waiting import until


class Reply(msgspec.Struct):
    status: int
    headers: dict[str, str]
    raw: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.raw)


class AdminProcess:
    """One `python -m ingress.admin`."""

    def __init__(self, directory: Path, **settings: Any) -> None:
        self.port = free_port()
        self.directory = directory
        self.settings = Settings(data_dir=str(directory), admin_port=self.port, **settings)
        self.log = directory / "admin.log"
        self.process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        """Starts and waits until it is ready."""
        self._spawn()
        await until(self._serves, "the admin plane serves")

    def _spawn(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("NEXUS_")}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "ingress.admin"],
                env={**inherited, **environment_of(self.settings)},
                stdout=log,
                stderr=log,
            )

    def _serves(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log.read_text()[-3000:]
        try:
            return self._send("GET", "/ready", None, {}).status == 200
        except OSError:
            return False

    async def stop(self) -> int:
        """Asks it to end, and its exit code."""
        assert self.process is not None
        self.process.terminate()
        return await asyncio.to_thread(self.process.wait, 20)

    @property
    def key(self) -> str:
        return (self.directory / "admin.key").read_text().strip()

    async def call(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Reply:
        """One request below `/api/admin`."""
        sent = {"Authorization": f"Bearer {self.key}", **(headers or {})}
        return await asyncio.to_thread(self._send, method, f"/api/admin/{path}", body, sent)

    def _send(self, method: str, path: str, body: Any, headers: dict[str, str]) -> Reply:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            content = None if body is None else json.dumps(body)
            typed = {} if body is None else {"Content-Type": "application/json"}
            connection.request(method, path, content, {**typed, **headers})
            answer = connection.getresponse()
            found = {name.lower(): value for name, value in answer.getheaders()}
            return Reply(answer.status, found, answer.read())
        finally:
            connection.close()


@pytest.fixture
async def admin(nats_server: NatsServer, connection: LogConnection, tmp_path: Path) -> AsyncIterator[AdminProcess]:
    """One that serves over a log with its streams, and must end in order."""
    process = AdminProcess(tmp_path / "data", nats_url=nats_server.url)
    await process.start()
    yield process
    assert await process.stop() == 0, process.log.read_text()[-3000:]
