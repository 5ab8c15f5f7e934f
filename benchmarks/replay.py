"""The log read again: facts/s folded into live state, decoded, and rebuilt into Postgres and ClickHouse."""

from __future__ import annotations

import gc
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import uvloop

from benchmarks import made, report
from benchmarks.filling import fill
from benchmarks.history import Figure
from benchmarks.servers import all_stores, log_on, nats
from projections.live.config import LiveConfig, no_collections
from projections.live.state import LiveState
from projections.log.connection import LogConnection
from projections.log.reader import StreamReader
from projections.rebuild import PROJECTIONS, rebuild
from schemas.codec import decode_segment, open_fact

KEYS = 100_000
MEMORY_TARGET, POSTGRES_TARGET = 200_000, 30_000
ROUNDS = 3


async def measured(work: Callable[[], Awaitable[int]]) -> tuple[float, float]:
    """Facts a second by the clock and by this process's CPU; the medians of some rounds."""
    by_clock, by_cpu = [], []
    for _ in range(ROUNDS):
        began, used = time.perf_counter(), time.process_time()
        facts = await work()
        by_clock.append(facts / (time.perf_counter() - began))
        by_cpu.append(facts / (time.process_time() - used))
    return report.median(by_clock), report.median(by_cpu)


def speeds(what: str, found: tuple[float, float], target: float | None = None) -> list[Figure]:
    report.say(f"{what}: {found[0]:,.0f} facts/s")
    return [
        Figure(what, round(found[0]), "facts/s", target=target),
        Figure(f"{what}, by CPU of the reader", round(found[1]), "facts/s"),
    ]


async def from_config(connection: LogConnection) -> int:
    """A new live state from the log."""
    live = await LiveConfig.start(connection)
    await live.close()
    return live.sequence


async def from_traffic(connection: LogConnection) -> int:
    """Every fact of TRAFFIC, decoded to its struct."""
    facts = 0
    async for batch in StreamReader(connection, "TRAFFIC").batches(follow=False):
        for message in batch:
            found = [open_fact(fact) for fact in decode_segment(message.payload).facts]
            facts += len(found)
    return facts


async def into_memory(url: str, keys: int, facts: int) -> list[Figure]:
    messages = list(made.keys(keys))
    kept: list[LiveState] = []
    """Taking a state apart again is no part of a fold."""

    async def fold() -> int:
        state = LiveState()
        kept.append(state)
        with no_collections():
            for sequence, (subject, payload, _) in enumerate(messages, 1):
                state.apply(sequence, subject, payload)
        return state.sequence

    figures = []
    gc.freeze()  # what is held here to be folded is not of the fold
    async with log_on(url, "benchmark") as connection:
        await fill(connection, messages)
        figures += speeds("CONFIG folded into live state, from memory", await measured(fold), MEMORY_TARGET)
        figures += speeds(
            "CONFIG folded into live state, from the log", await measured(lambda: from_config(connection))
        )
        messages.clear()
        kept.clear()
        gc.unfreeze()
        report.say(f"writing {facts:,} facts of TRAFFIC")
        await fill(connection, made.segments(facts, "replay"))
        figures += speeds(
            "TRAFFIC decoded, from the log", await measured(lambda: from_traffic(connection)), MEMORY_TARGET
        )
    return figures


async def into_stores(directory: Path, facts: int) -> list[Figure]:
    figures = []
    async with all_stores(directory) as settings:
        async with log_on(settings.nats_url, "benchmark") as connection:
            report.say(f"writing {facts:,} facts of TRAFFIC")
            await fill(connection, made.segments(facts, "replay"))
        for name in PROJECTIONS:

            async def build(name: str = name) -> int:
                await rebuild(name, settings, lambda done, total: None)
                return facts

            target = POSTGRES_TARGET if name == "postgres" else None
            figures += speeds(f"TRAFFIC rebuilt into {name}", await measured(build), target)
    return figures


def main(arguments: list[str]) -> int:
    parser = report.options("replay", __doc__)
    parser.add_argument("--facts", type=int, help="of TRAFFIC; 100,000 when quick, else a million")
    parser.add_argument("--only", choices=("memory", "stores"), help="one part")
    given = parser.parse_args(arguments)
    facts = given.facts or (100_000 if given.quick else 1_000_000)
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="nexus-replay-") as name:
        if given.only != "stores":
            with nats(Path(name) / "nats", sync_always=False) as url:
                figures += uvloop.run(into_memory(url, KEYS // (5 if given.quick else 1), facts))
        if given.only != "memory":
            figures += uvloop.run(into_stores(Path(name) / "stack", facts))
    return report.finish("replay", given, figures)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
