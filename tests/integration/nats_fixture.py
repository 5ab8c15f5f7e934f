"""A real nats-server for tests: free port, every write synced, may be killed and started again on the same port."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


def server_binary() -> str:
    for place in (sysconfig.get_path("scripts"), str(Path(sys.executable).parent)):
        found = shutil.which("nats-server", path=place)
        if found:
            return found
    raise AssertionError("nats-server is not installed beside this Python; install the extra `stack`")


class NatsServer:
    """One server process and its store."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None
        self.port = -1

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Starts, on the port of the last start if there was one, and waits until it listens."""
        assert self._process is None, "already running"
        ports = self._directory / "ports"
        shutil.rmtree(ports, ignore_errors=True)
        ports.mkdir(parents=True)
        config = self._directory / "nats.conf"
        config.write_text(
            f"""
            listen: "127.0.0.1:{self.port}"
            ports_file_dir: "{ports}"
            max_payload: 8388608
            jetstream {{ store_dir: "{self._directory / "store"}", sync_interval: always }}
            """
        )
        with (self._directory / "log").open("ab") as log:
            self._process = subprocess.Popen([server_binary(), "-c", str(config)], stdout=log, stderr=log)
        deadline = time.monotonic() + 15
        while True:
            written = list(ports.glob("*.ports"))
            if written and (text := written[0].read_text()).endswith("}"):
                self.port = int(json.loads(text)["nats"][0].rsplit(":", 1)[1])
                return
            assert self._process.poll() is None, (self._directory / "log").read_text()[-2000:]
            assert time.monotonic() < deadline, "nats-server does not come up"
            time.sleep(0.005)

    def kill(self) -> None:
        """As if the power went: SIGKILL."""
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(10)
        self._process = None

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """It keeps its connections and does nothing meanwhile."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        os.waitpid(self._process.pid, os.WUNTRACED)  # the signal is not at once where all of its threads are
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
            self._process = None


@pytest.fixture
def nats_server(tmp_path: Path) -> Iterator[NatsServer]:
    server = NatsServer(tmp_path / "nats")
    server.start()
    yield server
    server.stop()
