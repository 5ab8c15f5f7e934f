"""A NATS server by itself, on a directory and with a sync interval of one's choice, for faults of the disk under it."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path
from typing import IO

from ops.stack import health, nats, wheels
from ops.stack.credentials import private_directory, write_private
from ops.stack.ports import free_port

_START_S = 30.0
_PASSWORD = "chaos"


class LogServer:
    """The configuration is that of the embedded stack, but for `sync`."""

    def __init__(self, directory: Path, sync: str = "always") -> None:
        self.directory = directory
        self.sync = sync
        self._port, self._monitor = free_port(), free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self.url = nats.url(self._port, _PASSWORD)
        self.monitor = nats.monitor_url(self._monitor)

    async def start(self, log: Path) -> None:
        """Returns when JetStream answers. Raises TimeoutError, RuntimeError when the server ends."""
        private_directory(self.directory)
        text = nats.configuration(self.directory / "jetstream", self._port, _PASSWORD, self._monitor)
        assert "sync_interval: always" in text
        config = self.directory / "nats.conf"
        write_private(config, text.replace("sync_interval: always", f"sync_interval: {self.sync}"))
        with log.open("ab") as output:
            self._process = _launch([str(wheels.nats_server()), "--config", str(config)], output)
        async with asyncio.timeout(_START_S):
            while True:
                try:
                    return await health.check_nats(self.url)
                except Exception:  # not there yet, whatever the reason; the bound ends it
                    if self._process.poll() is not None:
                        raise RuntimeError(f"nats-server ended at its start; see {log}") from None
                await asyncio.sleep(0.05)

    def kill(self) -> None:
        """SIGKILL; returns when it is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process = None

    def signal(self, number: int) -> None:
        """Such as SIGSTOP: it is there and does not answer."""
        assert self._process is not None
        self._process.send_signal(number)

    @property
    def resident(self) -> int:
        """Bytes of memory it holds now."""
        assert self._process is not None
        pages = int(Path(f"/proc/{self._process.pid}/statm").read_text().split()[1])
        return pages * 4096


def _launch(words: list[str], output: IO[bytes]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(words, stdout=output, stderr=output)
