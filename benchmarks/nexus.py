"""A running Nexus to measure: its own in a temporary directory, or one that runs already; its processes and its log."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.report import say
from benchmarks.usage import tree_cpu_s
from ops.stack import procfs
from projections.log import api
from projections.log.connection import LogConnection

COMMAND = (sys.executable, "-P", "-c", "import sys; from ops.cli.main import run; sys.exit(run(sys.argv[1:]))")
ROOT = Path(__file__).resolve().parents[1]
LATE = ("workers", "postgres", "clickhouse")
"""They go on after the last answer: their CPU is read when the log has been drained."""
DRAIN_S = 60.0


class Broken(Exception):
    """The Nexus cannot be measured; the text says why."""


class Nexus:
    """One installation with a tenant for the benchmark, everything on."""

    def __init__(self, data: Path | None) -> None:
        """
        Args:
            data: of a Nexus that runs; None to start one and stop it again.
        """
        self._own = data is None
        self.data = Path(tempfile.mkdtemp(prefix="nexus-bench-")) / "data" if data is None else data.resolve()
        self.tenant = f"bench-{secrets.token_hex(3)}"
        self.key = ""
        self._key_id = ""

    def start(self, models: Sequence[str], more: Callable[[str], str] = lambda tenant: "") -> None:
        """Starts it if it is ours, and makes a tenant whose models have these names at the mock provider.

        Args:
            more: further configuration of a tenant, for `nexus apply`.

        Raises:
            Broken
        """
        if self._own:
            say(f"starting a Nexus of its own in {self.data}")
            self._command("up", "--detach", "--gateway-port", "0", "--admin-port", "0")
        mock = self.endpoints.get("mock")
        if mock is None:
            raise Broken("this Nexus runs without its mock provider; start it with `mock` among its processes")
        file = self.data / f"{self.tenant}.toml"
        wanted = f"{configuration(self.tenant, f'{mock}/v1', models)}\n{more(self.tenant)}"
        file.write_text(wanted, encoding="utf-8")
        try:
            self._command("apply", str(file))
        finally:
            file.unlink()
        made = json.loads(self._command("keys", "create", "--tenant", self.tenant, "--name", "benchmark"))
        self.key, self._key_id = made["key"], made["id"]

    def stop(self) -> None:
        """Stops what was started; of a Nexus that is not ours, only the key is revoked."""
        if not self._own:
            if self._key_id:
                self._command("keys", "revoke", self._key_id, "--tenant", self.tenant, "--reason", "benchmark ended")
            return
        self._command("down")
        shutil.rmtree(self.data.parent, ignore_errors=True)

    @property
    def endpoints(self) -> dict[str, str]:
        """URL by service and process."""
        try:
            found: dict[str, str] = json.loads((self.data / "endpoints.json").read_text())
        except FileNotFoundError:
            raise Broken(f"nothing runs with the data directory {self.data}; start it with `nexus up`") from None
        return found

    def pids(self) -> dict[str, int]:
        """Process id by name, of all that runs."""
        rows = json.loads(self._command("status"))["processes"]
        return {row["name"]: row["pid"] for row in rows if row["pid"] is not None}

    def log_bytes(self) -> int:
        """What TRAFFIC holds."""
        info = asyncio.run(self._ask("STREAM.INFO.TRAFFIC"))
        stored: int = info["state"]["bytes"]
        return stored

    def drain(self) -> None:
        """Returns when every consumer of TRAFFIC has taken everything, or after a bound."""
        asyncio.run(self._drained())

    async def _drained(self) -> None:
        connection = await LogConnection.open(self.endpoints["nats"], "benchmark")
        try:
            names: list[str] = (await api.call(connection, "CONSUMER.NAMES.TRAFFIC"))["consumers"] or []
            give_up = time.monotonic() + DRAIN_S
            while names and time.monotonic() < give_up:
                try:
                    info = await api.call(connection, f"CONSUMER.INFO.TRAFFIC.{names[-1]}")
                except api.ApiError as error:
                    if error.number != api.CONSUMER_NOT_FOUND:
                        raise
                    # one that a reader had for a while
                    names.pop()
                    continue
                if info["num_pending"] or info["num_ack_pending"]:
                    await asyncio.sleep(0.05)
                else:
                    names.pop()
            if names:
                say(f"not drained within {DRAIN_S:g} s: {', '.join(names)}")
        finally:
            await connection.close()

    async def _ask(self, subject: str) -> dict[str, Any]:
        connection = await LogConnection.open(self.endpoints["nats"], "benchmark")
        try:
            return await api.call(connection, subject)
        finally:
            await connection.close()

    def _command(self, *arguments: str) -> str:
        done = subprocess.run(
            [*COMMAND, *arguments, "--data", str(self.data), "--output", "json"],
            capture_output=True,
            text=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            check=False,
        )
        if done.returncode:
            raise Broken(f"nexus {arguments[0]}: {done.stderr.strip()}")
        return done.stdout


class Usage:
    """CPU time of processes with all their descendants, between two looks."""

    def __init__(self, pids: dict[str, int]) -> None:
        self._pids = pids
        self._before = {name: tree_cpu_s(pid) for name, pid in pids.items()}

    def since(self, names: Sequence[str]) -> dict[str, float]:
        """Microseconds of CPU since the beginning, of the named ones that there are."""
        return {name: (tree_cpu_s(self._pids[name]) - self._before[name]) * 1e6 for name in names if name in self._pids}


def resident_mb(pids: dict[str, int]) -> dict[str, float]:
    found = procfs.resident_bytes(pids.values())
    return {name: round(found.get(pid, 0) / 1e6, 1) for name, pid in pids.items()}


def configuration(tenant: str, mock_url: str, models: Sequence[str]) -> str:
    """Everything on: a credential, prices, a budget that is never used up, a rule pack, capture."""
    lines = [
        f'[[tenants]]\nid = "{tenant}"\nname = "Benchmark"\n',
        f'[[credentials]]\nid = "mock"\ntenant = "{tenant}"\nsecret = "sk-mock"\n',
        f'[[providers]]\nid = "mock"\ntenant = "{tenant}"\nwire = "openai"\nbase_url = "{mock_url}"\n'
        'credential = "mock"\nmax_connections = 1024\n',
    ]
    for model in models:
        lines.append(
            f'[[models]]\nid = "mock/{model}"\ntenant = "{tenant}"\n'
            "prices = { input = 2_500_000, output = 10_000_000, cached_input = 1_250_000 }\n"
        )
    lines.append(f'[[budgets]]\nid = "all"\ntenant = "{tenant}"\nlimit_micros = 1_000_000_000_000_000\n')
    lines.append(f'[[routes]]\nid = "default"\ntenant = "{tenant}"\n')
    return "\n".join(lines)
