"""Each sink alone, as its own process on the real stack: how fast it drains a backlog, how late it is under load."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import asyncpg
import uvloop

from benchmarks import made, report
from benchmarks.filling import fill
from benchmarks.history import Figure
from benchmarks.servers import log_on
from benchmarks.usage import cpu_s, tree_cpu_s
from ops.stack.stack import CLICKHOUSE, NATS, POSTGRES, POSTGRES_ADMIN, Stack
from processors.siem.mark import read_mark
from projections.clickhouse.client import ClickHouse
from projections.log import api
from projections.log.connection import LogConnection
from projections.log.reader import last_sequence
from schemas.aggregates.siem_target import DECIDER as SIEM_TARGET
from schemas.aggregates.siem_target import SiemTarget
from schemas.errors import Rejected
from schemas.ids import Ids, SystemClock
from schemas.settings import Settings, environment_of

ROOT = Path(__file__).resolve().parents[1]
FILE = "benchmark.ndjson"
TARGETS = {"audit": 40_000, "analytics": 60_000, "siem": 20_000}
"""Facts a second; the facts are all that stand on the stream, of which a row or a line is one in six."""
STORES = {"audit": "postgres", "analytics": "clickhouse", "siem": ""}
WHAT = {"audit": "audit COPY", "analytics": "ClickHouse", "siem": "SIEM file"}
PATIENCE_S = 300.0
LOAD_REQUESTS_S = 2_000
LOAD_EACH = 32
"""Requests of a segment under load: some sixty segments a second."""

Reached = Callable[[], Awaitable[int]]
"""The sequence of TRAFFIC up to which everything is in the store, as anybody can see it there."""


async def main_loop(given: argparse.Namespace) -> list[Figure]:
    facts = given.facts or (100_000 if given.quick else 1_000_000)
    figures: list[Figure] = []
    async with AsyncExitStack() as held:
        directory = Path(held.enter_context(tempfile.TemporaryDirectory(prefix="nexus-sinks-")))
        stack = Stack(directory)
        await stack.start()
        held.push_async_callback(stack.stop)
        settings = Settings(
            data_dir=str(directory), nats_url=stack.endpoints[NATS], postgres_url=stack.endpoints[POSTGRES],
            clickhouse_url=stack.endpoints[CLICKHOUSE], master_key="00" * 32, log_level="WARNING",
        )  # fmt: skip
        connection = await held.enter_async_context(log_on(settings.nats_url, "benchmark"))
        target = SiemTarget(id="benchmark", tenant="system", file=FILE, all_tenants=True)
        await fill(connection, [made.named(SIEM_TARGET, target, Ids(SystemClock()))])
        await fill(connection, made.segments(made.FACTS_A_REQUEST, "before"))
        places = await _places(stack, directory, held)
        services = {status.name: status.pid for status in stack.supervisor.status()}
        workers: dict[str, Worker] = {}
        for name in given.only or list(TARGETS):
            running = await held.enter_async_context(worker(name, settings))
            workers[name] = Worker(running, places[name], services.get(STORES[name]))
            await workers[name].until(1)
            workers[name].pause()
        report.say(f"writing {facts:,} facts of TRAFFIC while the workers are held")
        segments = await fill(connection, made.segments(facts, "backlog"))
        report.say(f"{segments:,} segments written")
        for name, one in workers.items():
            figures += await drain(name, one, connection, facts)
        for name, one in workers.items():
            figures += await watch(name, one, connection, given.seconds)
    return figures


class Worker:
    """A sink's process, and where its store stands."""

    def __init__(self, pid: int, reached: Reached, store: int | None) -> None:
        """Args: store: the process of the store, when it is one."""
        self.pid = pid
        self.reached = reached
        self._store = store

    def pause(self) -> None:
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def used(self) -> tuple[float, float]:
        """Seconds of CPU so far: its own, and the store's."""
        return cpu_s(self.pid), 0.0 if self._store is None else tree_cpu_s(self._store)

    async def until(self, sequence: int) -> None:
        """Returns when everything up to there is in the store. ProcessLookupError when the worker ends before."""
        deadline = time.monotonic() + PATIENCE_S
        while (there := await self.reached()) < sequence:
            cpu_s(self.pid)
            if time.monotonic() > deadline:
                raise SystemExit(f"after {PATIENCE_S:.0f} s the sink is at TRAFFIC:{there}")
            await asyncio.sleep(0.01)


async def drain(name: str, worker: Worker, connection: LogConnection, facts: int) -> list[Figure]:
    """A worker that comes back to a backlog: from its first moment to the last row."""
    end = await last_sequence(connection, "TRAFFIC")
    own, store = worker.used()
    began = time.perf_counter()
    worker.resume()
    await worker.until(end)
    wall = time.perf_counter() - began
    own_after, store_after = worker.used()
    worker.pause()
    figures = [
        Figure(f"{WHAT[name]} from a backlog", round(facts / wall), "facts/s", target=TARGETS[name]),
        Figure(f"{WHAT[name]}: time to drain", round(wall, 2), "s", "less"),
        Figure(f"{WHAT[name]}: CPU of the worker", round((own_after - own) / facts * 1e6, 2), "µs/fact", "less"),
    ]
    if store_after > store:
        there = (store_after - store) / facts * 1e6
        figures.append(Figure(f"{WHAT[name]}: CPU of the store", round(there, 2), "µs/fact", "less"))
    report.say(f"{WHAT[name]}: {facts / wall:,.0f} facts/s")
    return figures


async def watch(name: str, worker: Worker, connection: LogConnection, seconds: float) -> list[Figure]:
    """The worker alone under a steady load."""
    worker.resume()
    await worker.until(await last_sequence(connection, "TRAFFIC"))
    own, _ = worker.used()
    late = await lags(worker.reached, connection, seconds)
    own_after, _ = worker.used()
    worker.pause()
    requests = len(late) * LOAD_EACH
    return [
        Figure(
            f"{WHAT[name]}: CPU of the worker under load",
            round((own_after - own) / requests * 1e6),
            "µs/request",
            "less",
        ),
        Figure(f"{WHAT[name]}: lag p50 under load", round(report.quantile(late, 0.5) * 1e3, 1), "ms", "less"),
        Figure(f"{WHAT[name]}: lag p99 under load", round(report.quantile(late, 0.99) * 1e3, 1), "ms", "less"),
    ]


async def lags(reached: Reached, connection: LogConnection, seconds: float) -> list[float]:
    """From the acknowledgement of a segment to its rows being there, in seconds, for every segment of a steady load."""
    waiting: list[tuple[int, float]] = []
    late: list[float] = []
    over = False

    async def watch() -> None:
        while waiting or not over:
            there = await reached()
            now = time.perf_counter()
            while waiting and waiting[0][0] <= there:
                late.append(now - waiting.pop(0)[1])
            await asyncio.sleep(0.005)

    watching = asyncio.create_task(watch())
    boot, pause = f"load-{time.monotonic_ns()}", LOAD_EACH / LOAD_REQUESTS_S
    began = time.perf_counter()
    many = int(seconds * LOAD_REQUESTS_S) * made.FACTS_A_REQUEST
    for number, (subject, payload, headers) in enumerate(made.segments(many, boot, LOAD_EACH)):
        await asyncio.sleep(max(0.0, began + number * pause - time.perf_counter()))
        ack = await api.publish(connection, subject, payload, headers)
        waiting.append((ack.seq, time.perf_counter()))
    over = True
    async with asyncio.timeout(PATIENCE_S):
        await watching
    return late


@asynccontextmanager
async def worker(name: str, settings: Settings) -> AsyncIterator[int]:
    """A process of one worker; its id."""
    with (settings.data / f"{name}.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "processors", name, cwd=ROOT, stdout=log, stderr=log,
            env={**os.environ, **environment_of(settings)},
        )  # fmt: skip
    try:
        yield process.pid
    finally:
        if process.returncode is None:
            process.terminate()
            process.send_signal(signal.SIGCONT)
        await process.wait()


async def _places(stack: Stack, directory: Path, held: AsyncExitStack) -> dict[str, Reached]:
    postgres = await asyncpg.connect(stack.endpoints[POSTGRES_ADMIN])
    held.push_async_callback(postgres.close)
    clickhouse = ClickHouse(stack.endpoints[CLICKHOUSE])
    held.push_async_callback(clickhouse.close)

    async def audit() -> int:
        try:
            found = await postgres.fetchval(
                "SELECT sequence FROM nexus.position WHERE sink = 'audit' AND stream = 'TRAFFIC'"
            )
        except (asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError):
            return 0
        return int(found or 0)

    async def analytics() -> int:
        try:
            return int((await clickhouse.query("SELECT max(sequence) FROM traffic_events"))[0][0])
        except Rejected:
            return 0  # the worker has not made the table yet

    async def siem() -> int:
        mark = read_mark(directory / "siem" / f"{FILE}.position")
        return 0 if mark is None else mark.place[0]

    return {"audit": audit, "analytics": analytics, "siem": siem}


def main(arguments: list[str]) -> int:
    parser = report.options("sinks", __doc__)
    parser.add_argument("--facts", type=int, help="in the backlog; 100,000 when quick, else a million")
    parser.add_argument("--only", action="append", choices=tuple(TARGETS), help="one sink; may be given again")
    parser.add_argument("--seconds", type=float, default=0.0, help="of load, to see the lag; 4 when quick, else 20")
    given = parser.parse_args(arguments)
    given.seconds = given.seconds or (4.0 if given.quick else 20.0)
    return report.finish("sinks", given, uvloop.run(main_loop(given)))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
