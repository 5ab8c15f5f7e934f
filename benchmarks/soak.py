"""Memory of a whole Nexus under a bounded load for a long time: resident megabytes of each process, and their slope.

A process is flat when what it gains over the time measured, by a straight line through the samples after the first
fifth, is less than 2 MB or 2 % of what it holds. An hour is what the target speaks of; less only shows the way.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import uvloop

from benchmarks import made
from benchmarks.filling import fill
from benchmarks.history import Figure
from benchmarks.load import Caller, request_bytes
from benchmarks.nexus import Broken, Nexus, resident_mb
from benchmarks.report import aligned, finish, options, say
from projections.log.connection import LogConnection

MODEL = "gpt-4o"
PROMPT_BYTES = 512
CALLERS = 16
EVERY_S = 10.0
WARM = 0.2
"""Of the samples: caches fill, and a first budget lease, a first connection are made."""
RSS_TARGET_MB = 250.0
FLAT_MB, FLAT_SHARE = 2.0, 0.02


class Held(msgspec.Struct, frozen=True):
    """What one process held, in megabytes."""

    name: str
    first: float
    last: float
    most: float
    slope: float
    """An hour."""
    gained: float
    """Over the time measured, by the slope."""

    @property
    def flat(self) -> bool:
        return self.gained < max(FLAT_MB, FLAT_SHARE * self.last)


def held(name: str, samples: Sequence[tuple[float, float]]) -> Held:
    """
    Args:
        samples: at least one of (seconds, megabytes), in order.
    """
    kept = samples[int(len(samples) * WARM) :]
    times, values = [at for at, _ in kept], [value for _, value in kept]
    slope = statistics.linear_regression(times, values).slope if len(set(times)) > 1 else 0.0
    gained = slope * (times[-1] - times[0])
    return Held(name, samples[0][1], samples[-1][1], max(value for _, value in samples), slope * 3600, gained)


async def load(url: str, request: bytes, rate: float, until: float) -> dict[int, int]:
    """So many requests a second at most, until a monotonic time; how many ended with each status.

    Raises:
        ConnectionError: the gateway closed a connection.
    """
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or 80
    loop = asyncio.get_running_loop()
    statuses: dict[int, int] = {}

    async def call(number: int) -> None:
        _, caller = await loop.create_connection(Caller, host, port)
        turn = time.monotonic() + number / rate
        while (now := time.monotonic()) < until:
            if now < turn:
                await asyncio.sleep(turn - now)
            # a gateway that is behind is not asked for more afterwards
            turn = max(turn, time.monotonic() - 1.0) + CALLERS / rate
            await caller.send(request)
            statuses[caller.status] = statuses.get(caller.status, 0) + 1
        caller.close()

    await asyncio.gather(*(call(number) for number in range(CALLERS)))
    return statuses


async def sampled(pids: dict[str, int], until: float) -> dict[str, list[tuple[float, float]]]:
    """Memory of each process every ten seconds, until a monotonic time."""
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in pids}
    began = time.monotonic()
    while True:
        seen = await asyncio.to_thread(resident_mb, pids)
        at = time.monotonic() - began
        for name, value in seen.items():
            found[name].append((at, value))
        if len(found["gateway"]) % 6 == 1:
            say(f"{at / 60:5.1f} min  " + "  ".join(f"{name} {value:.0f}" for name, value in seen.items()))
        left = until - time.monotonic()
        if left <= 0:
            return found
        await asyncio.sleep(min(EVERY_S, left))


async def keys(url: str, count: int) -> None:
    """Writes so many keys of tenants that nobody uses to CONFIG."""
    connection = await LogConnection.open(url, "benchmark")
    try:
        await fill(connection, made.keys(count))
    finally:
        await connection.close()


async def soak(nexus: Nexus, rate: float, minutes: float) -> tuple[list[Held], dict[int, int]]:
    request = request_bytes(f"{nexus.endpoints['gateway']}/v1", nexus.key, f"mock/{MODEL}", PROMPT_BYTES, False)
    pids = nexus.pids()
    until = time.monotonic() + minutes * 60
    async with asyncio.TaskGroup() as work:
        loading = work.create_task(load(nexus.endpoints["gateway"], request, rate, until))
        sampling = work.create_task(sampled(pids, until))
    return [held(name, samples) for name, samples in sampling.result().items()], loading.result()


def table(found: Sequence[Held]) -> str:
    rows: list[tuple[str, ...]] = [("process", "first MB", "last MB", "most MB", "MB/h", "")]
    for one in found:
        numbers = (f"{one.first:.1f}", f"{one.last:.1f}", f"{one.most:.1f}", f"{one.slope:+.1f}")
        rows.append((one.name, *numbers, "flat" if one.flat else "grows"))
    return aligned(rows, right={1, 2, 3, 4})


def figures_of(found: Sequence[Held], count: int, minutes: float) -> list[Figure]:
    figures = []
    for one in found:
        goal = RSS_TARGET_MB if one.name == "gateway" else None
        figures.append(Figure(f"{one.name}: RSS, {count:,} keys, {minutes:g} min", one.last, "MB", "less", goal))
        # a slope may fall below nothing, where a ratio says nothing
        figures.append(Figure(f"{one.name}: growth", round(max(0.0, one.slope), 1), "MB/h", "less"))
    return figures


def main(arguments: list[str]) -> int:
    parser = options("soak", __doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--minutes", type=float, default=0.0, metavar="M", help="default 60, with --quick 2")
    parser.add_argument("--rate", type=float, default=100.0, metavar="R", help="requests a second (default 100)")
    parser.add_argument("--keys", type=int, default=0, metavar="N", help="default 100,000, with --quick 1,000")
    parser.add_argument("--data", type=Path, metavar="DIR", help="of a Nexus that runs (default: one of its own)")
    given = parser.parse_args(arguments)
    minutes = given.minutes or (2.0 if given.quick else 60.0)
    count = given.keys or (1_000 if given.quick else 100_000)
    nexus = Nexus(given.data)
    try:
        nexus.start([MODEL])
        if given.data is None:
            say(f"writing {count:,} keys")
            uvloop.run(keys(nexus.endpoints["nats"], count))
        say(f"{given.rate:g} requests a second for {minutes:g} minutes")
        found, statuses = uvloop.run(soak(nexus, given.rate, minutes))
    except Broken as error:
        say(str(error))
        return 1
    finally:
        try:
            nexus.stop()
        except Broken as error:
            say(str(error))
    say(f"answers by status: {statuses}")
    code = finish("soak", given, figures_of(found, count, minutes), table(found))
    growing = [one.name for one in found if not one.flat]
    gateway = next(one for one in found if one.name == "gateway")
    say(f"verdict: {'flat' if not growing else 'grows: ' + ', '.join(growing)}; gateway {gateway.last:.0f} MB")
    return code or (1 if "gateway" in growing or set(statuses) != {200} else 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
