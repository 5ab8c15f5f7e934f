"""Requests through Nexus, everything on, beside the same requests to the bare mock provider, in turns.

The load comes from a process of its own (`benchmarks.load`: asyncio, HTTP/1.1, kept connections). Times added are the
difference of the medians of both; CPU is what the kernel booked for each process with its children, sinks included
until they have drained the log. All of it shares the machine, the load generator too: read ratios.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from benchmarks import switches
from benchmarks.history import Figure
from benchmarks.nexus import LATE, ROOT, Broken, Nexus, Usage, resident_mb
from benchmarks.report import aligned, finish, median, number, options, say

BASE = "gpt-4o"
SIZES = {"0.5 KB": 512, "8 KB": 8_192, "48 KB": 49_152}
KINDS = {"plain": 0, "stream 50": 50, "stream 500": 500, "paced 50": 50}
"""Tokens of the answer, one to a chunk; 0 for the mock's own short answer in one piece."""
PACE = {"paced 50": "+token-5ms"}
"""Streams come as fast as the mock can send, several chunks in a read, unless they are paced like a model's."""
IN_FLIGHT = (1, 32, 256)
DELAYS_MS = (0, 50)
MOST = 20_000
"""Requests in one run."""


class Shape(msgspec.Struct, frozen=True):
    """One kind of load."""

    size: str
    kind: str
    in_flight: int
    delay_ms: int

    @property
    def model(self) -> str:
        """The mock's name for an answer of this kind."""
        tokens = KINDS[self.kind]
        length = f"+tokens-{tokens}" if tokens else ""
        delay = f"+delay-{self.delay_ms}ms" if self.delay_ms else ""
        return f"{BASE}{length}{PACE.get(self.kind, '')}{delay}"

    @property
    def name(self) -> str:
        return f"{self.size}, {self.kind}, {self.in_flight} in flight, {self.delay_ms} ms"


class Seen(msgspec.Struct, frozen=True):
    """What came of a shape: medians over the rounds."""

    shape: Shape
    bare: dict[str, float]
    nexus: dict[str, float]
    cpu_us: dict[str, float]
    """A request, by process."""
    log_bytes: float
    """A request."""

    def added(self, name: str) -> float:
        return self.nexus[name] - self.bare[name]

    @property
    def chunk_us(self) -> float:
        """CPU of the gateway a chunk, all that belongs to the request included; 0 for a plain answer."""
        return self.cpu_us["gateway"] / KINDS[self.shape.kind] if KINDS[self.shape.kind] else 0.0


def shapes(quick: bool) -> Iterator[Shape]:
    if quick:
        yield from (Shape("0.5 KB", "plain", number, 0) for number in IN_FLIGHT)
        yield from (Shape(size, "plain", 32, 0) for size in ("8 KB", "48 KB"))
        yield Shape("0.5 KB", "plain", 32, 50)
        yield from (Shape("0.5 KB", kind, 32, 0) for kind in ("stream 50", "stream 500", "paced 50"))
        return
    yield from (Shape("0.5 KB", "paced 50", number, 0) for number in IN_FLIGHT)
    for size in SIZES:
        for kind in (kind for kind in KINDS if kind not in PACE):
            for in_flight in IN_FLIGHT:
                yield from (Shape(size, kind, in_flight, delay) for delay in DELAYS_MS)


def load(url: str, key: str, model: str, shape: Shape, requests: int) -> dict[str, Any]:
    """One run of the load generator.

    Raises:
        Broken: it failed, or an answer was not 200.
    """
    command = [sys.executable, "-m", "benchmarks.load", url, "--model", model, "--in-flight", str(shape.in_flight)]
    command += ["--requests", str(requests), "--prompt-bytes", str(SIZES[shape.size])]
    command += ["--stream"] if KINDS[shape.kind] else []
    # the key goes through the environment, where no list of processes shows it
    environment = {**os.environ, "BENCHMARK_KEY": key}
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment, check=False)
    if done.returncode:
        raise Broken(f"the load generator failed: {done.stderr.strip()[-500:]}")
    found: dict[str, Any] = json.loads(done.stdout)
    if list(found["statuses"]) != ["200"]:
        raise Broken(f"not every request was answered with 200 ({shape.name}): {found['statuses']}")
    return found


def measure(nexus: Nexus, shape: Shape, rounds: int, seconds: float) -> Seen:
    """The shape through both, in turns, as many requests to each as Nexus takes in so many seconds."""
    endpoints, pids = nexus.endpoints, nexus.pids()
    bare_url, url = f"{endpoints['mock']}/v1", f"{endpoints['gateway']}/v1"
    model = f"mock/{shape.model}"
    trial = load(url, nexus.key, model, shape, max(shape.in_flight, 20))
    requests = min(MOST, max(shape.in_flight, 20, int(trial["rps"] * seconds)))
    bare, through, cpu, stored = [], [], [], []
    for turn in range(rounds):
        for measured in (False, True) if turn % 2 == 0 else (True, False):
            if not measured:
                bare.append(load(bare_url, "sk-mock", shape.model, shape, requests))
                continue
            before, usage = nexus.log_bytes(), Usage(pids)
            through.append(load(url, nexus.key, model, shape, requests))
            used = usage.since([name for name in pids if name not in LATE])
            nexus.drain()
            used |= usage.since(LATE)
            cpu.append({name: value / requests for name, value in used.items()})
            stored.append((nexus.log_bytes() - before) / requests)
    return Seen(
        shape,
        _medians(bare),
        _medians(through),
        {name: median([each[name] for each in cpu]) for name in cpu[0]},
        median(stored),
    )


def _medians(runs: list[dict[str, Any]]) -> dict[str, float]:
    return {name: median([run[name] for run in runs]) for name in runs[0] if name != "statuses"}


def figures_of(seen: Seen) -> Iterator[Figure]:
    """The numbers of a shape, with the targets where there are any."""
    shape = seen.shape
    usual = shape.size == "0.5 KB" and shape.delay_ms == 0
    plain, lone, busy = shape.kind == "plain", shape.in_flight == 1, shape.in_flight == 32
    name = shape.name
    yield Figure(f"{name}: requests", seen.nexus["rps"], "1/s", "more")
    yield Figure(f"{name}: bare mock", seen.bare["rps"], "1/s", "")
    yield Figure(f"{name}: p50 added", seen.added("p50_ms"), "ms", "less", 0.5 if usual and plain and lone else None)
    yield Figure(f"{name}: p99 added", seen.added("p99_ms"), "ms", "less", 3.0 if usual and plain and lone else None)
    yield Figure(f"{name}: first byte added", seen.added("ttft_p50_ms"), "ms", "less")
    for process, used in seen.cpu_us.items():
        target = 200.0 if process == "gateway" and usual and plain and busy else None
        target = 80.0 if process == "workers" and usual and plain and busy else target
        yield Figure(f"{name}: CPU {process} a request", used, "µs", "less", target)
    yield Figure(f"{name}: log a request", seen.log_bytes, "bytes", "less")
    if not plain:
        goal = 200.0 if shape.kind in PACE and busy else None
        yield Figure(f"{name}: CPU gateway a chunk", seen.chunk_us, "µs", "less", 25.0 if usual and busy else None)
        yield Figure(f"{name}: between chunks, p99 added", seen.added("gap_p99_us"), "µs", "less", goal)


def table(found: list[Seen], resident: dict[str, float]) -> str:
    """A line for each shape; CPU in µs a request."""
    others = [name for name in ("nats", "workers", "postgres", "clickhouse", "mock") if name in found[0].cpu_us]
    rows: list[tuple[str, ...]] = [
        (
            "shape",
            "bare/s",
            "nexus/s",
            "+p50 ms",
            "+p99 ms",
            "+first ms",
            "+gap99 µs",
            "gateway",
            "µs/chunk",
            *others,
            "log B",
        )
    ]
    for seen in found:
        stream = bool(KINDS[seen.shape.kind])
        rows.append(
            (
                seen.shape.name,
                number(seen.bare["rps"]),
                number(seen.nexus["rps"]),
                f"{seen.added('p50_ms'):.2f}",
                f"{seen.added('p99_ms'):.2f}",
                f"{seen.added('ttft_p50_ms'):.2f}",
                f"{seen.added('gap_p99_us'):.0f}" if stream else "",
                f"{seen.cpu_us['gateway']:.0f}",
                f"{seen.chunk_us:.1f}" if stream else "",
                *(f"{seen.cpu_us[name]:.0f}" for name in others),
                f"{seen.log_bytes:.0f}",
            )
        )
    memory = "  ".join(f"{name} {value:.0f}" for name, value in resident.items())
    return f"{aligned(rows, right=set(range(1, len(rows[0]))))}\n\nresident MB: {memory}"


def main(arguments: list[str]) -> int:
    parser = options("gateway", __doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--data", type=Path, metavar="DIR", help="of a Nexus that runs (default: one of its own)")
    parser.add_argument("--rounds", type=int, default=0, metavar="N", help="default 2, with --quick 1")
    parser.add_argument("--part", choices=("all", "shapes", "switches"), default="all", help="what of it; default all")
    given = parser.parse_args(arguments)
    wanted = list(shapes(given.quick)) if given.part != "switches" else []
    rounds, seconds = given.rounds or (1 if given.quick else 2), 1.0 if given.quick else 1.5
    nexus = Nexus(given.data)
    found: list[Seen] = []
    switched: list[switches.Found] = []
    try:
        nexus.start(sorted({shape.model for shape in wanted} | {BASE}), switches.routes)
        began = time.monotonic()
        for at, shape in enumerate(wanted):
            left = f", about {(time.monotonic() - began) / at * (len(wanted) - at) / 60:.1f} min left" if at else ""
            say(f"[{at + 1}/{len(wanted)}] {shape.name}{left}")
            found.append(measure(nexus, shape, rounds, seconds))
        if given.part != "shapes":
            switched += switches.measure(nexus, _loads(nexus), max(4, 2 * rounds), 1.5 * seconds)
        resident = resident_mb(nexus.pids())
    except Broken as error:
        say(str(error))
        return 1
    finally:
        try:
            nexus.stop()
        except Broken as error:
            say(str(error))
    figures = [figure for seen in found for figure in figures_of(seen)]
    figures += [Figure(f"resident: {name}", value, "MB", "less") for name, value in resident.items()]
    figures += switches.figures_of(switched)
    shown = [table(found, resident)] if found else []
    shown += [switches.table(switched)] if switched else []
    return finish("gateway", given, figures, "\n\n".join(shown))


def _loads(nexus: Nexus) -> switches.Load:
    url = f"{nexus.endpoints['gateway']}/v1"

    def through(model: str, size: str, requests: int) -> dict[str, Any]:
        shape = Shape(size, "plain", switches.IN_FLIGHT, 0)
        return load(url, nexus.key, f"mock/{model}", shape, min(MOST, requests))

    return through


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
