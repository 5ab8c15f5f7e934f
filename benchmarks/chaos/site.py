"""A whole Nexus with a provider, a SIEM receiver and a second gateway, as processes of a campaign. Breaks nothing."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.chaos.configuration import configuration
from benchmarks.nexus import COMMAND, ROOT
from ops.stack.process import ProcessStatus, State
from ops.stack.supervisor import published_status
from ops.up.options import PROCESSORS
from schemas.settings import Settings, environment_of

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}
SECOND = "gateway-2"
"""The process and its writer; the other gateway is the process `gateway`, whose writer is `gateway-1`."""
RECEIVER = "siem-receiver"
RELAY = "relay"
"""What stands between the second gateway and the log."""


class NotUp(Exception):
    """Something could not be started; the text says what and where its log is."""


class Kept:
    """A process of the campaign's own that is started again whenever it ends, as a supervisor would."""

    def __init__(self, name: str, argv: list[str], log: Path, environment: dict[str, str] | None = None) -> None:
        self.name = name
        self._argv = argv
        self._log = log
        self._environment = {**ENVIRONMENT, **(environment or {})}
        self._process: subprocess.Popen[bytes] | None = None
        self.wanted = True

    @property
    def pid(self) -> int:
        return self._process.pid if self._process is not None and self._process.poll() is None else 0

    def tend(self) -> None:
        """To be called now and then: starts it when it is not there and should be."""
        if self.wanted and not self.pid:
            with self._log.open("ab") as log:
                self._process = subprocess.Popen(
                    [sys.executable, *self._argv], cwd=ROOT, stdout=log, stderr=log, env=self._environment,
                    # Ctrl-C is for the campaign, which ends them in order
                    start_new_session=True,
                )  # fmt: skip

    def end(self) -> None:
        self.wanted = False
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(30)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()


class Site:
    """In a directory of its own. `start` and `stop` block for as long as that takes."""

    def __init__(self, directory: Path, workers: tuple[str, ...] = PROCESSORS) -> None:
        """
        Args:
            workers: each a process; `("workers",)` for all of them in one.
        """
        self.directory = directory
        self.data = directory / "data"
        self.workers = workers
        self.provider_ledger = directory / "provider.ndjson"
        self.siem_ledger = directory / "siem.ndjson"
        self.key = "nvk_" + secrets.token_hex(32)
        self.endpoints: dict[str, str] = {}
        self.gateways: list[tuple[str, int]] = []
        self.own: dict[str, Kept] = {}

    def start(self) -> None:
        mock_port = self._serve("mock", ["-m", "ops.mock", "--ledger-fsync"], self.provider_ledger)
        siem_port = self._serve(RECEIVER, ["-m", "benchmarks.chaos.receiver"], self.siem_ledger)
        config = self.directory / "nexus.toml"
        config.touch(0o600)
        provider, siem = f"http://127.0.0.1:{mock_port}/v1", f"http://127.0.0.1:{siem_port}/in"
        config.write_text(configuration(provider, siem, self.key))
        self.nexus("up", "--detach", "--gateway-port", "0", "--admin-port", "0", "--config", str(config),
                   "--processes", ",".join(("gateway", "admin", *self.workers)))  # fmt: skip
        self.endpoints = json.loads((self.data / "endpoints.json").read_text())
        port = free_port()
        second = Settings(
            data_dir=str(self.data), nats_url=self._relayed(self.endpoints["nats"]),
            valkey_url=self.endpoints["valkey"], gateway_port=port, writer=SECOND,
        )  # fmt: skip
        log = self.directory / f"{SECOND}.log"
        self.own[SECOND] = Kept(SECOND, ["-P", "-m", "ingress.gateway"], log,
                                environment_of(second))  # fmt: skip
        self.own[SECOND].tend()
        first = int(self.endpoints["gateway"].rpartition(":")[2])
        self.gateways = [("127.0.0.1", first), ("127.0.0.1", port)]
        deadline = time.monotonic() + 60
        while not serves("127.0.0.1", port):
            if time.monotonic() > deadline or not self.own[SECOND].pid:
                raise NotUp(f"the second gateway did not start; see {log}")
            time.sleep(0.1)

    def stop(self) -> None:
        for kept in self.own.values():
            kept.wanted = False
        if SECOND in self.own:
            self.own[SECOND].end()
        self.nexus("down", check=False)
        for kept in self.own.values():
            kept.end()

    async def tend_forever(self) -> None:
        """Starts again what has ended of the campaign's own, until cancelled."""
        while True:
            for kept in self.own.values():
                kept.tend()
            await asyncio.sleep(0.2)

    def _serve(self, name: str, argv: list[str], ledger: Path) -> int:
        port_file, log = self.directory / f"{name}.port", self.directory / f"{name}.log"
        port = free_port()
        words = [*argv, "--port", str(port), "--port-file", str(port_file), "--ledger", str(ledger)]
        self.own[name] = Kept(name, words, log)
        self.own[name].tend()
        while not port_file.exists():
            if not self.own[name].pid:
                raise NotUp(f"the {name} did not start; see {log}")
            time.sleep(0.02)
        return port

    def _relayed(self, url: str) -> str:
        """The same log by way of the relay."""
        parts, port = urlsplit(url), free_port()
        words = ["-m", "benchmarks.chaos.relay", "--port", str(port), "--to", f"{parts.hostname}:{parts.port}"]
        self.own[RELAY] = Kept(RELAY, words, self.directory / f"{RELAY}.log")
        self.own[RELAY].tend()
        return parts._replace(netloc=f"{parts.netloc.rpartition(':')[0]}:{port}").geturl()

    def nexus(self, *words: str, check: bool = True) -> str:
        done = subprocess.run(
            [*COMMAND, words[0], "--data", str(self.data), *words[1:]],
            cwd=ROOT, check=False, capture_output=True, text=True, timeout=240, env=ENVIRONMENT,
            start_new_session=True,
        )  # fmt: skip
        if check and done.returncode:
            raise NotUp(f"nexus {words[0]} failed:\n{done.stderr[-4000:]}")
        return done.stdout

    # --- what runs

    def processes(self) -> dict[str, ProcessStatus]:
        """Under Nexus's supervisor, by name."""
        return {status.name: status for status in published_status(self.data)}

    def pid(self, name: str) -> int:
        """0 when it does not run."""
        if name in self.own:
            return self.own[name].pid
        status = self.processes().get(name)
        return (status.pid or 0) if status is not None else 0

    def ready(self, name: str) -> bool:
        """Whether it serves, as far as whoever supervises it knows."""
        if name in self.own:
            port = self.gateways[1][1] if name == SECOND else 0
            return bool(self.own[name].pid) and (not port or serves("127.0.0.1", port))
        status = self.processes().get(name)
        return status is not None and status.state == State.READY

    def spools(self, writer: str) -> bool:
        """Whether a gateway's spool holds anything that the log does not have yet."""
        return any((self.data / "spool" / writer).glob("*.spool"))

    def names(self) -> list[str]:
        """All of Nexus: its processes, its stores, and the second gateway."""
        return [*self.processes(), SECOND]

    def down(self) -> list[str]:
        return [name for name in self.names() if not self.ready(name)]

    def keep(self) -> Path:
        """Moves the evidence of a broken promise out of the way of the clean-up."""
        place = Path(tempfile.mkdtemp(prefix="nexus-chaos-broken-"))
        for found in self.directory.iterdir():
            found.rename(place / found.name)
        return place


def free_port() -> int:
    """One that nobody has at this moment."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port: int = held.getsockname()[1]
        return port


def serves(host: str, port: int) -> bool:
    """Whether a gateway calls itself ready."""
    try:
        with socket.create_connection((host, port), timeout=0.5) as connection:
            connection.sendall(b"GET /ready HTTP/1.1\r\nhost: chaos\r\nconnection: close\r\n\r\n")
            return b" 200 " in connection.recv(64)
    except OSError:
        return False
