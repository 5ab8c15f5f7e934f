"""The real admin plane behind a socket, over a log in memory: what the commands of the operator talk to in tests."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.unit.ingress.admin.plane import KEY, Plane


class Admin:
    """A data directory that says where the plane is, and what was asked of it."""

    def __init__(self, data: Path) -> None:
        self.plane = Plane()
        self.data = data
        self.asked: list[tuple[str, str, dict[str, str]]] = []
        """Method, target and headers of every request."""
        self.answers: list[tuple[int, dict[str, Any]]] = []
        """What to answer instead of asking the plane, one after the other."""
        self._loop = asyncio.new_event_loop()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._threads = [
            threading.Thread(target=self._loop.run_forever, daemon=True),
            threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True),
        ]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def start(self) -> None:
        for thread in self._threads:
            thread.start()
        asyncio.run_coroutine_threadsafe(self.plane.start(), self._loop).result(10)
        self.data.mkdir(parents=True, exist_ok=True)
        (self.data / "endpoints.json").write_text(json.dumps({"admin": self.url}))
        (self.data / "admin.key").write_text(f"{KEY}\n")

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._loop.call_soon_threadsafe(self._loop.stop)
        for thread in self._threads:
            thread.join(10)
        self._loop.close()

    def given(self, *made: tuple[str, dict[str, Any]]) -> None:
        asyncio.run_coroutine_threadsafe(self.plane.given(*made), self._loop).result(10)

    def state(self, aggregate: str, tenant: str, identifier: str) -> Any:
        return self.plane.log.live.state_of(aggregate, tenant, identifier)

    def answer(
        self, method: str, target: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        self.asked.append((method, target, headers))
        if self.answers:
            status, content = self.answers.pop(0)
            return status, {"content-type": "application/json"}, json.dumps(content).encode()
        call = self.plane.call(method, target, raw=body, key=None, headers=headers)
        reply = asyncio.run_coroutine_threadsafe(call, self._loop).result(10)
        return reply.status, reply.headers, reply.body

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        admin = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one_request(self) -> None:
                self.raw_requestline = self.rfile.readline(65537)
                if not self.raw_requestline or not self.parse_request():
                    self.close_connection = True
                    return
                length = int(self.headers.get("content-length", "0"))
                headers = {name.lower(): value for name, value in self.headers.items()}
                status, sent, body = admin.answer(self.command, self.path, headers, self.rfile.read(length))
                self.send_response(status)
                for name, value in sent.items():
                    if name != "content-length":
                        self.send_header(name, value)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                """Nobody reads it."""

        return Handler


@pytest.fixture
def admin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Admin]:
    for name in ("NEXUS_ADMIN_URL", "NEXUS_ADMIN_KEY"):
        monkeypatch.delenv(name, raising=False)
    running = Admin(tmp_path / "data")
    running.start()
    try:
        yield running
    finally:
        running.stop()
