"""How costs grow with the length of the log, and throughput with the number of gateway processes on this machine."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import uvloop

from benchmarks import made, report
from benchmarks.filling import fill
from benchmarks.gateway import Shape, load
from benchmarks.history import Figure
from benchmarks.nexus import LATE, ROOT, Broken, Nexus, Usage
from benchmarks.servers import log_on, nats
from benchmarks.usage import tree_cpu_s
from ops.stack.ports import free_port
from ops.stack.procfs import resident_bytes
from projections.log import api
from projections.log.connection import LogConnection
from projections.log.reader import StreamReader, last_sequence
from schemas.settings import Settings, environment_of

READS = 50
APPENDS = 200
SHAPE = Shape("0.5 KB", "plain", 32, 0)
READY_S = 60.0
LEAVE_S = 60.0


def lengths(facts: int) -> list[Figure]:
    """Positions and appends on a log that holds so many facts of TRAFFIC, in synced segments of sixteen requests."""
    with tempfile.TemporaryDirectory(prefix="nexus-growth-") as name, nats(Path(name) / "nats") as url:
        return uvloop.run(_on_log(url, facts))


async def _on_log(url: str, facts: int) -> list[Figure]:
    async with log_on(url, "benchmark") as connection:
        await fill(connection, made.segments(facts, "before"))
        last = await last_sequence(connection, "TRAFFIC")
        middle = last // 2 + 1
        new = iter(await asyncio.to_thread(list, made.segments(APPENDS * made.FACTS_A_REQUEST, "after", 1)))

        async def append() -> None:
            subject, payload, headers = next(new)
            ack = await api.publish(connection, subject, payload, headers)
            assert ack.error is None, "the log takes what a benchmark writes"

        label = f"{facts:,} facts on the log"
        found = [
            Figure(f"{what}, {label}", round(await _typical(call, READS), 2), "ms", "less")
            for what, call in (
                ("last position", lambda: last_sequence(connection, "TRAFFIC")),
                ("one message in the middle", lambda: api.get_message(connection, "TRAFFIC", sequence=middle)),
                ("first batch from the middle on", lambda: _first(connection, middle)),
                ("first batch at the end", lambda: _first(connection, last)),
            )
        ]
        found.append(
            Figure(f"append of one request's facts, {label}", round(await _typical(append, APPENDS), 2), "ms", "less")
        )
        return found


async def _first(connection: LogConnection, start: int) -> None:
    batches = StreamReader(connection, "TRAFFIC", start=start, batch=16).batches()
    async for _ in batches:
        break
    await batches.aclose()  # type: ignore[attr-defined]


async def _typical(call: Callable[[], Awaitable[object]], times: int) -> float:
    """The median of so many calls, one after the other, in milliseconds."""
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        await call()
        taken.append((time.perf_counter() - began) * 1e3)
    return report.median(taken)


def processes(counts: tuple[int, ...], requests: int) -> list[Figure]:
    """Requests a second through one, two and more gateways beside each other, with as many calls in flight in all.

    Load, stores and workers share the machine: beyond its cores there is nothing to be gained.

    Raises:
        Broken: a gateway does not start, or answers with something else than 200.
    """
    nexus = Nexus(None)
    figures: list[Figure] = []
    try:
        nexus.start([SHAPE.model])
        pids = nexus.pids()
        with ExitStack() as running, ThreadPoolExecutor(max(counts)) as callers:
            urls, gateways = [f"{nexus.endpoints['gateway']}/v1"], [pids["gateway"]]
            for count in counts:
                while len(urls) < count:
                    url, pid = running.enter_context(_gateway(nexus, f"gateway-{len(urls) + 1}"))
                    urls.append(url)
                    gateways.append(pid)
                share = Shape(SHAPE.size, SHAPE.kind, SHAPE.in_flight // count, SHAPE.delay_ms)
                for _ in callers.map(lambda url, s=share: load(url, nexus.key, f"mock/{s.model}", s, 200), urls):
                    pass  # each has its connections and its lease then
                nexus.drain()
                used, before = Usage(pids), sum(map(tree_cpu_s, gateways))
                began = time.perf_counter()
                list(
                    callers.map(
                        lambda url, s=share, n=requests // count: load(url, nexus.key, f"mock/{s.model}", s, n), urls
                    )
                )
                wall, spent = time.perf_counter() - began, sum(map(tree_cpu_s, gateways)) - before
                nexus.drain()
                label = f"{count} gateway{'s' if count > 1 else ''}"
                resident = sum(resident_bytes(gateways).values()) / 1e6
                figures += [
                    Figure(f"requests, {label}", round(requests / wall, 1), "1/s"),
                    Figure(f"CPU of gateways a request, {label}", round(spent * 1e6 / requests), "µs", "less"),
                    Figure(
                        f"CPU of workers a request, {label}",
                        round(used.since(LATE)["workers"] / requests), "µs", "less",
                    ),
                    Figure(f"resident, {label}", round(resident, 1), "MB", "less"),
                ]  # fmt: skip
    finally:
        nexus.stop()
    return figures


@contextmanager
def _gateway(nexus: Nexus, writer: str) -> Iterator[tuple[str, int]]:
    """One more gateway of a running Nexus: its URL and process id."""
    port, endpoints = free_port(), nexus.endpoints
    settings = Settings(
        data_dir=str(nexus.data), nats_url=endpoints["nats"], valkey_url=endpoints["valkey"], gateway_port=port,
        writer=writer, log_level="WARNING",
    )  # fmt: skip
    with (nexus.data / f"{writer}.out").open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "ingress.gateway"], cwd=ROOT, stdout=out, stderr=out,
            env={**os.environ, **environment_of(settings)},
        )  # fmt: skip
    try:
        give_up = time.monotonic() + READY_S
        while not _ready(f"http://127.0.0.1:{port}/ready"):
            if process.poll() is not None or time.monotonic() > give_up:
                raise Broken(f"{writer} did not start: {(nexus.data / f'{writer}.out').read_text()[-1500:]}")
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}/v1", process.pid
    finally:
        process.terminate()
        process.wait(LEAVE_S)


def _ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
