"""A Nexus without workers and a mock provider, on a directory of one's choice: for faults below the gateway."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
_START_S = 30.0
_COMMAND = "import sys; from ops.cli.main import run; sys.exit(run(sys.argv[1:]))"
"""The command without the setting-up of an environment: the code runs in this one."""


class SmallSite:
    """Gateway and admin plane over the embedded stack."""

    def __init__(
        self,
        directory: Path,
        *,
        processes: str = "gateway,admin",
        source: Path = ROOT,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """
        Args:
            directory: of this site alone; `data` in it may be there already.
            processes: which of Nexus's own run.
            source: whose code runs: this one, or another working tree.
            environment: added to what the processes get.
        """
        self.directory = directory
        self.data = directory / "data"
        self.data.mkdir(mode=0o700, exist_ok=True)
        self.endpoints: dict[str, str] = {}
        self._processes = processes
        self._source = source
        self._environment = {**os.environ, "PYTHONPATH": str(source), **(environment or {})}
        self._mock: subprocess.Popen[bytes] | None = None

    def start(self, configuration: Callable[[str], str]) -> None:
        """Returns when it serves.

        Args:
            configuration: the TOML to apply, from the URL of the mock provider.
        """
        port_file = self.directory / "mock.port"
        with (self.directory / "mock.log").open("wb") as log:
            self._mock = subprocess.Popen(
                [sys.executable, "-m", "ops.mock", "--port", "0", "--port-file", str(port_file)],
                cwd=ROOT,
                stdout=log,
                stderr=log,
            )
        give_up = time.monotonic() + _START_S
        while not port_file.exists():
            if self._mock.poll() is not None or time.monotonic() > give_up:
                raise RuntimeError(f"the mock provider did not start; see {self.directory}/mock.log")
            time.sleep(0.02)
        config = self.directory / "nexus.toml"
        config.touch(0o600)
        config.write_text(configuration(f"http://127.0.0.1:{int(port_file.read_text())}/v1"))
        self.up(config)

    def up(self, config: Path | None = None) -> None:
        """Starts Nexus alone, as after `down`."""
        words = ["--detach", "--gateway-port", "0", "--admin-port", "0", "--processes", self._processes]
        self.nexus("up", *words, *(["--config", str(config)] if config else []))
        self.endpoints = json.loads((self.data / "endpoints.json").read_text())

    def move(self, source: Path) -> None:
        """Stops it in order and starts it as the code of another working tree, on the same data."""
        self.nexus("down")
        self._source = source
        self._environment["PYTHONPATH"] = str(source)
        self.up()

    def stop(self) -> None:
        self.nexus("down", check=False)
        if self._mock is not None:
            self._mock.terminate()
            self._mock.wait(10)
            self._mock = None

    def nexus(self, *words: str, check: bool = True) -> str:
        """What a command of Nexus prints."""
        done = subprocess.run(
            [sys.executable, "-c", _COMMAND, words[0], "--data", str(self.data), *words[1:]],
            cwd=self._source,
            env=self._environment,
            check=False,
            capture_output=True,
            text=True,
            timeout=180,
        )
        if check and done.returncode:
            raise RuntimeError(f"nexus {words[0]} failed:\n{done.stderr[-4000:]}")
        return done.stdout

    def processes(self) -> list[dict[str, Any]]:
        """The supervised processes as `nexus status` tells them; empty when nothing runs."""
        out = self.nexus("status", "--output", "json", check=False)
        found: list[dict[str, Any]] = json.loads(out)["processes"] if out else []
        return found
