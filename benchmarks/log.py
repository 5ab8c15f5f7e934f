"""The segment writer on a real log: facts/s, CPU, the wait for an acknowledgement; synced or not, 1 or 3 replicas."""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from pathlib import Path

import msgspec
import uvloop

from benchmarks import report
from benchmarks.history import Figure
from benchmarks.made import Requests
from benchmarks.servers import log_on, nats
from projections.log.connection import LogConnection
from projections.log.reader import StreamReader
from projections.log.writer import SegmentWriter
from schemas import subjects
from schemas.ids import Ids, SystemClock

CALLERS = (1, 32, 256)
SIZES = (1, 16, 64, 256)


class Load(msgspec.Struct):
    """What some callers in a closed loop saw."""

    facts: int
    wall_s: float
    cpu_s: float
    segments: int
    waits: list[float]


def writer_on(connection: LogConnection, ids: Ids) -> SegmentWriter:
    return SegmentWriter(
        connection, SystemClock(), ids, stream="TRAFFIC", writer="benchmark", boot=ids.new(),
        queue_bytes=1 << 28, segment_bytes=1 << 22,
    )  # fmt: skip


async def load(writer: SegmentWriter, callers: int, requests: int) -> Load:
    """Requests of six facts, the first three of which are waited for, as a gateway waits before it answers."""
    made = Requests()
    ready = [made.facts() for _ in range(requests)]
    subject, waits = subjects.traffic(0), []
    begun, used, segments = time.perf_counter(), time.process_time(), writer.segments

    async def call() -> None:
        while ready:
            facts = ready.pop()
            began = time.perf_counter()
            await writer.append(subject, facts[:3])
            waits.append(time.perf_counter() - began)
            writer.append(subject, facts[3:], linger=True)

    await asyncio.gather(*(call() for _ in range(callers)))
    await writer.append(subject, made.facts())
    wall, cpu = time.perf_counter() - begun, time.process_time() - used
    return Load(6 * requests, wall, cpu, writer.segments - segments, waits)


async def acknowledgements(url: str, replicas: int, label: str, quick: bool) -> list[Figure]:
    """Facts/s and waits for each number of callers."""
    figures = []
    async with log_on(url, "benchmark", replicas) as connection:
        writer = writer_on(connection, Ids(SystemClock()))
        await writer.start()
        for callers in CALLERS:
            requests = (300 if callers == 1 else 6_000) // (6 if quick else 1)
            await load(writer, callers, requests // 10)
            seen = await load(writer, callers, requests)
            place = f"{label}, {callers} caller{'s' if callers > 1 else ''}"
            figures += [
                Figure(f"{place}: facts", round(seen.facts / seen.wall_s), "facts/s"),
                Figure(f"{place}: wait p50", round(report.quantile(seen.waits, 0.5) * 1e3, 3), "ms", "less"),
                Figure(f"{place}: wait p99", round(report.quantile(seen.waits, 0.99) * 1e3, 3), "ms", "less"),
                Figure(f"{place}: writer CPU", round(seen.cpu_s / seen.facts * 1e6, 2), "µs/fact", "less"),
                Figure(f"{place}: facts a segment", round(seen.facts / seen.segments, 1), "facts", ""),
            ]
            report.say(f"{place}: {figures[-5].value:,.0f} facts/s")
        await writer.close()
    return figures


async def costs(url: str, quick: bool) -> list[Figure]:
    """CPU of this process by the size of a segment, of an append alone, and of reading."""
    figures, rounds, subject = [], 2 if quick else 5, subjects.traffic(0)
    async with log_on(url, "benchmark") as connection:
        writer = writer_on(connection, Ids(SystemClock()))
        await writer.start()
        fact = Requests().facts()[-1]
        for size in SIZES:
            found = []
            for _ in range(rounds):
                segments, used = writer.segments, time.process_time()
                for _ in range(max(50, 1_600 // size)):
                    for _ in range(size - 1):
                        writer.append(subject, (fact,))
                    await writer.append(subject, (fact,))
                found.append((time.process_time() - used) / (writer.segments - segments) / size * 1e6)
            figures.append(Figure(f"CPU, {size} facts a segment", round(min(found), 2), "µs/fact", "less"))
        used = time.process_time()
        waiting = [writer.append(subject, (fact,)) for _ in range(20_000)]
        alone = (time.process_time() - used) / len(waiting) * 1e6
        figures.append(Figure("CPU of append alone", round(alone, 2), "µs/fact", "less"))
        await asyncio.gather(*waiting)
        used, count = time.process_time(), 0
        async for batch in StreamReader(connection, "TRAFFIC").batches(follow=False):
            count += len(batch)
        reading = (time.process_time() - used) / count * 1e6
        figures.append(Figure("CPU of reading", round(reading, 2), "µs/message", "less"))
        await writer.close()
    return figures


def main(arguments: list[str]) -> int:
    given = report.options("log", __doc__).parse_args(arguments)
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="nexus-log-") as name:
        for replicas in (1, 3):
            for sync_always in (True, False):
                label = f"R{replicas}, sync {'always' if sync_always else 'default'}"
                report.say(label)
                directory = Path(name) / f"{replicas}-{sync_always}"
                with nats(directory, servers=replicas, sync_always=sync_always) as url:
                    figures += uvloop.run(acknowledgements(url, replicas, label, given.quick))
                    if replicas == 1 and sync_always:
                        figures += uvloop.run(costs(url, given.quick))
    return report.finish("log", given, figures)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
