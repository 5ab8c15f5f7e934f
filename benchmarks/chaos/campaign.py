"""The campaign: starts a Nexus and a provider of its own, loads, kills, waits until all is quiet, judges."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from asyncpg import PostgresError
from clickhouse_connect.driver.exceptions import ClickHouseError

from benchmarks.chaos.callers import Callers
from benchmarks.chaos.oracle import (
    Promise,
    Seen,
    judge,
    read_clickhouse,
    read_log,
    read_mock,
    read_postgres,
    read_siem,
)
from benchmarks.chaos.scenarios import SCENARIOS, Scenario
from projections.log.connection import LogConnection
from schemas.errors import Unavailable

ROOT = Path(__file__).resolve().parents[2]
QUIET_S = 180.0
"""Bound for everything to be closed and copied after the last answer."""

CONFIGURATION = """
[[tenants]]
id = "chaos"

[[credentials]]
id = "mock"
tenant = "chaos"
secret = "sk-chaos"

[[providers]]
id = "mock"
tenant = "chaos"
base_url = "{url}"
credential = "mock"

[[providers]]
id = "sick"
tenant = "chaos"
base_url = "{url}"
credential = "mock"

[[models]]
id = "mock/gpt-4o"
tenant = "chaos"
prices = {{ input = 2_500_000, output = 10_000_000 }}

[[models]]
id = "mock/gpt-4o-mini"
tenant = "chaos"
prices = {{ input = 150_000, output = 600_000 }}

[[models]]
id = "sick/gpt-4o+error-500"
tenant = "chaos"
prices = {{ input = 2_500_000, output = 10_000_000 }}

[[routes]]
id = "default"
tenant = "chaos"

[[budgets]]
id = "all"
tenant = "chaos"
limit_micros = 1_000_000_000_000

[[virtual-keys]]
id = "caller"
tenant = "chaos"
key = "{key}"

[[siem-targets]]
id = "file"
tenant = "system"
kind = "file"
file = "events.ndjson"
all_tenants = true
"""


class Site:
    """A Nexus and a mock provider as processes of this campaign, in a directory of their own."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.data = directory / "data"
        self.ledger = directory / "provider.ndjson"
        self.key = "nvk_" + secrets.token_hex(32)
        self.keep = False
        """Whether the evidence outlives the campaign."""
        self._mock: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Site:
        port_file = self.directory / "mock.port"
        with (self.directory / "mock.log").open("wb") as log:
            self._mock = subprocess.Popen(
                [sys.executable, "-m", "ops.mock", "--port", "0", "--port-file", port_file, "--ledger", self.ledger],
                cwd=ROOT,
                stdout=log,
                stderr=log,
            )
        while not port_file.exists():
            if self._mock.poll() is not None:
                raise SystemExit(f"the mock provider did not start; see {self.directory}/mock.log")
            time.sleep(0.02)
        config = self.directory / "nexus.toml"
        config.touch(0o600)
        config.write_text(CONFIGURATION.format(url=f"http://127.0.0.1:{int(port_file.read_text())}/v1", key=self.key))
        self.nexus("up", "--detach", "--gateway-port", "0", "--admin-port", "0", "--config", str(config),
                   "--processes", "gateway,admin,workers")  # fmt: skip
        self.endpoints: dict[str, str] = json.loads((self.data / "endpoints.json").read_text())
        return self

    def __exit__(self, *_: object) -> None:
        self.nexus("down", check=False)
        if self._mock is not None:
            self._mock.terminate()
            self._mock.wait(10)
        if self.keep:
            say(f"kept: {keep(self.directory)}")

    def nexus(self, *words: str, check: bool = True) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "ops", words[0], "--data", str(self.data), *words[1:]],
            cwd=ROOT,
            check=False,
            capture_output=True,
            text=True,
            timeout=180,
        )
        if check and done.returncode:
            raise SystemExit(f"nexus {words[0]} failed:\n{done.stderr[-4000:]}")
        return done.stdout

    def processes(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.nexus("status", "--output", "json", check=False))["processes"]
        return [process for process in found if process["name"] != "supervisor"]


async def kill_now_and_then(site: Site, every_s: float, seed: int, killed: Counter[str]) -> None:
    """Kills one process, any of Nexus or of the stack, every few seconds, until cancelled."""
    dice = random.Random(seed)
    while True:
        await asyncio.sleep(every_s * (0.5 + dice.random()))
        alive = [process for process in await asyncio.to_thread(site.processes) if process["pid"]]
        victim = dice.choice(alive)
        try:
            os.kill(victim["pid"], signal.SIGKILL)
        except ProcessLookupError:
            continue
        killed[victim["name"]] += 1


async def run(given: argparse.Namespace) -> list[Promise]:
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="nexus-chaos-") as directory, Site(Path(directory)) as site:
        callers = Callers(site.endpoints["gateway"], site.key, given.seed)
        killed: Counter[str] = Counter()
        killing = asyncio.create_task(kill_now_and_then(site, given.every, given.seed, killed))
        loading = asyncio.create_task(callers.run(given.requests, given.in_flight))
        while not loading.done():
            await asyncio.wait({loading, killing}, timeout=2, return_when=asyncio.FIRST_COMPLETED)
            say(
                f"{callers.done}/{given.requests} answered, {killed.total()} killed, {time.monotonic() - started:.0f} s"
            )
            if killing.done():
                killing.result()
        loading.result()
        killing.cancel()
        await asyncio.gather(killing, return_exceptions=True)
        say(f"load is over; killed {dict(killed)}; waiting until all is quiet")
        promises = await settle(site, callers)
        down = [process["name"] for process in site.processes() if process["state"] != "ready"]
        promises.append(Promise("everything came back by itself", not down, f"killed={killed.total()} down={down}"))
        site.keep = given.keep and any(not promise.held for promise in promises)
    return promises


async def settle(site: Site, callers: Callers) -> list[Promise]:
    """Looks until every promise holds, or the bound is over; the last look is the judgement."""
    give_up = time.monotonic() + QUIET_S
    while True:
        try:
            promises = await look(site, callers)
        except (OSError, PostgresError, ClickHouseError, Unavailable) as error:
            # a store that is still coming back is not judged, unless it never does
            promises = [Promise("every store can be read", False, type(error).__name__)]
        if all(promise.held for promise in promises) or time.monotonic() > give_up:
            return promises
        await asyncio.sleep(1)


async def look(site: Site, callers: Callers) -> list[Promise]:
    """What all witnesses say now."""
    connection = await LogConnection.open(site.endpoints["nats"], "chaos")
    try:
        seen: Seen = await read_log(connection)
        return await judge(
            connection,
            seen,
            read_mock(site.ledger),
            callers.answered,
            callers.given_up,
            await read_postgres(site.endpoints["postgres_admin"]),
            await asyncio.to_thread(read_clickhouse, site.endpoints["clickhouse"]),
            read_siem(Path(site.endpoints["siem_file"])),
        )
    finally:
        await connection.close()


def keep(directory: Path) -> Path:
    """Moves the evidence of a broken promise out of the way of the clean-up."""
    place = Path(tempfile.mkdtemp(prefix="nexus-chaos-broken-"))
    for found in directory.iterdir():
        found.rename(place / found.name)
    return place


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks chaos", description=__doc__)
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--in-flight", type=int, default=64)
    parser.add_argument("--every", type=float, default=3.0, help="seconds between two kills, on average")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**31))
    parser.add_argument("--minutes", type=float, default=2.0, help="how long the load lasts")
    parser.add_argument("--scenario", choices=sorted(SCENARIOS), help="one fault on a Nexus of its own")
    parser.add_argument("--keep", action="store_true", help="keep the data directory when a promise was broken")
    parser.add_argument("--output", choices=("text", "json"), default="text")
    given = parser.parse_args(arguments)
    say(f"seed {given.seed}")
    campaign: Scenario = SCENARIOS[given.scenario] if given.scenario else run
    promises = asyncio.run(campaign(given))
    if given.output == "json":
        print(json.dumps({"seed": given.seed, "promises": [vars(promise) for promise in promises]}))
    else:
        width = max(len(promise.name) for promise in promises)
        for promise in promises:
            print(f"{promise.name:<{width}}  {'held' if promise.held else 'BROKEN':<6}  {promise.detail}")
    return 0 if all(promise.held for promise in promises) else 1
