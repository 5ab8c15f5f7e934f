"""Single processes of Nexus beside a small site, each with a clock or a version of its own. Supervises nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from benchmarks.chaos.small_site import ROOT, SmallSite
from ops.stack.ports import free_port

_READY_S = 120.0
WORKERS = ("audit", "quota", "reconcile", "routing")


class Apart:
    """Processes by name; all are ended with the block."""

    def __init__(self, site: SmallSite) -> None:
        self._site = site
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._port = free_port()
        self.gateway = f"http://127.0.0.1:{self._port}"

    def __enter__(self) -> Apart:
        return self

    def __exit__(self, *_: object) -> None:
        for name in list(self._running):
            process = self._running[name]
            try:
                self.stop(name)
            except subprocess.TimeoutExpired:
                # one that compiles the rules cannot be told to end
                process.kill()
                process.wait()

    def start_gateway(self, source: Path = ROOT, environment: Mapping[str, str] | None = None) -> None:
        """Returns when it is ready. Raises RuntimeError when it does not come up."""
        self._start("gateway", ["ingress.gateway"], source, environment)
        give_up = time.monotonic() + _READY_S
        while not _ready(self.gateway):
            if self._running["gateway"].poll() is not None or time.monotonic() > give_up:
                raise RuntimeError(f"the gateway did not come up; see {self._site.directory}/gateway.log")
            time.sleep(0.05)

    def start_workers(self, source: Path = ROOT, environment: Mapping[str, str] | None = None) -> None:
        self._start("workers", ["processors", *WORKERS], source, environment)

    def stop(self, name: str, number: int = signal.SIGTERM) -> None:
        """Raises TimeoutExpired when it does not end."""
        process = self._running.pop(name)
        process.send_signal(number)
        process.wait(60)

    def alive(self, name: str) -> bool:
        return self._running[name].poll() is None

    def _start(self, name: str, words: list[str], source: Path, environment: Mapping[str, str] | None) -> None:
        at = self._site.endpoints
        # only what every version knows: a setting that is not known is refused
        settings = {
            "NEXUS_DATA_DIR": str(self._site.data),
            "NEXUS_NATS_URL": at["nats"],
            "NEXUS_POSTGRES_URL": at["postgres"],
            "NEXUS_CLICKHOUSE_URL": at["clickhouse"],
            "NEXUS_VALKEY_URL": at["valkey"],
            "NEXUS_GATEWAY_PORT": str(self._port),
            "NEXUS_WRITER": f"{name}-9",
        }
        outside = {key: value for key, value in os.environ.items() if not key.startswith("NEXUS_")}
        with (self._site.directory / f"{name}.log").open("ab") as log:
            self._running[name] = subprocess.Popen(
                [sys.executable, "-P", "-m", *words],
                cwd=source,
                env={**outside, "PYTHONPATH": str(source), **settings, **(environment or {})},
                stdout=log,
                stderr=log,
            )


def _ready(gateway: str) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{gateway}/ready", timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
