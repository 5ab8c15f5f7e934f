"""The same requests through Nexus, through the bare mock provider, nginx, LiteLLM and Portkey, in turns.

A prompt of 1 KB, answered in one piece, 32 in flight and 1 in flight. Nexus runs with everything on: key check, budget,
screening, sealed bodies, durable segments, and sinks that drain them. The peers run as they come, which is without any
of that. A ratio is the median over pairs of runs that followed each other. All of it shares this machine's cores, the
load generator and the provider too: read ratios.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.history import Figure
from benchmarks.nexus import LATE, ROOT, Broken, Nexus, Usage
from benchmarks.peers.children import CannotStart
from benchmarks.peers.contenders import PEERS, Contender
from benchmarks.peers.environments import Skipped
from benchmarks.report import aligned, finish, median, number, options, say
from benchmarks.usage import TICK

PROMPT_BYTES = 1024
IN_FLIGHT = (32, 1)
MOST = 40_000
"""Requests in one run."""
TARGETS = {"nginx": 0.25, "litellm": 50.0, "portkey": 4.0}
"""Requests/s of Nexus at 32 in flight, as a multiple of the peer's."""
_PROVIDER = "provider of all"
LEFT_OUT = ("mock", "supervisor")
"""The provider is not ours to count, and the supervisor's tree holds all the others."""


class Run(msgspec.Struct, frozen=True):
    """One load, as it went."""

    rps: float
    p50_ms: float
    p99_ms: float
    cpu_us: dict[str, float]
    """A request, by process tree."""
    foreign: float = 0.0
    """Share of the machine that was taken, during the load, by what has no part in it."""


class Pairs(msgspec.Struct):
    """The runs of one peer and, beside each of them, one of ours."""

    name: str
    peer: Contender
    in_flight: int
    theirs: list[Run] = []
    ours: list[Run] = []

    @property
    def ratio(self) -> float:
        """Requests/s of ours over theirs."""
        return median([ours.rps / theirs.rps for ours, theirs in zip(self.ours, self.theirs, strict=True)])

    @property
    def added_ms(self) -> float:
        """Median latency of ours less that of theirs."""
        return median([ours.p50_ms - theirs.p50_ms for ours, theirs in zip(self.ours, self.theirs, strict=True)])


class Machine:
    """How busy all cores have been since its making (proc(5), `/proc/stat`)."""

    def __init__(self) -> None:
        self._busy, self._all = self._look()

    def foreign(self, part_us: float) -> float:
        """The share of all cores that went neither to what took so much part nor to children that have ended."""
        busy, everything = self._look()
        return max(0.0, busy - self._busy - part_us / 1e6 * TICK) / max(1, everything - self._all)

    @staticmethod
    def _look() -> tuple[float, int]:
        times = [int(word) for word in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        idle = times[3] + times[4]
        return sum(times) - idle - (children.ru_utime + children.ru_stime) * TICK, sum(times)


def load(contender: Contender, provider: int, in_flight: int, requests: int) -> Run:
    """One run of the load generator and what it cost; `provider` is the process of the mock.

    Raises:
        Broken: it failed, or an answer was not 200.
    """
    command = [sys.executable, "-m", "benchmarks.load", contender.url, "--model", contender.model]
    command += ["--in-flight", str(in_flight), "--requests", str(requests), "--prompt-bytes", str(PROMPT_BYTES)]
    for header in contender.headers:
        command += ["--header", header]
    # the key goes through the environment, where no list of processes shows it
    environment = {**os.environ, "BENCHMARK_KEY": contender.key}
    part = {pid: name for name, pid in [(_PROVIDER, provider), *contender.processes.items()]}
    usage, machine = Usage({name: pid for pid, name in part.items()}), Machine()
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment, check=False)
    if done.returncode:
        raise Broken(f"{contender.name}: the load generator failed: {done.stderr.strip()[-500:]}")
    foreign = machine.foreign(sum(usage.since([*part.values()]).values()))
    used = usage.since([name for name in contender.processes if name not in LATE])
    contender.drain()
    used |= usage.since(LATE)
    found: dict[str, Any] = json.loads(done.stdout)
    if list(found["statuses"]) != ["200"]:
        raise Broken(f"{contender.name}: not every request was answered with 200: {found['statuses']}")
    cpu = {name: value / requests for name, value in used.items()}
    return Run(found["rps"], found["p50_ms"], found["p99_ms"], cpu, foreign)


def trial(contender: Contender, provider: int, in_flight: int, seconds: float) -> int:
    """Warms it up, and finds how many requests it takes in so many seconds."""
    first = load(contender, provider, in_flight, 100 * min(in_flight, 4))
    second = load(contender, provider, in_flight, _bounded(first.rps * seconds, in_flight))
    return _bounded(second.rps * seconds, in_flight)


def _bounded(requests: float, in_flight: int) -> int:
    return min(MOST, max(4 * in_flight, 20, int(requests)))


def measure(nexus: Contender, peers: dict[str, Contender], rounds: int, seconds: float) -> Iterator[Pairs]:
    """Nexus beside each peer in turns, round by round."""
    provider = peers["mock"].processes["mock"]
    for in_flight in IN_FLIGHT:
        say(f"{in_flight} in flight: warming up")
        ours = trial(nexus, provider, in_flight, seconds)
        theirs = {name: trial(peer, provider, in_flight, seconds) for name, peer in peers.items()}
        found = {name: Pairs(name, peer, in_flight) for name, peer in peers.items()}
        for turn in range(rounds):
            say(f"{in_flight} in flight: round {turn + 1} of {rounds}")
            for name, pairs in found.items():
                for own in (True, False) if turn % 2 == 0 else (False, True):
                    if own:
                        pairs.ours.append(load(nexus, provider, in_flight, ours))
                    else:
                        pairs.theirs.append(load(pairs.peer, provider, in_flight, theirs[name]))
        yield from found.values()


def middle(runs: list[Run], read: Callable[[Run], float]) -> float:
    return median([read(run) for run in runs])


def total_us(run: Run) -> float:
    return sum(run.cpu_us.values())


def figures_of(found: list[Pairs]) -> Iterator[Figure]:
    """The numbers, with the targets where there are any."""
    everything = [run for pair in found for run in (*pair.ours, *pair.theirs)]
    yield Figure("taken by others", middle(everything, lambda run: run.foreign), "of the machine", "")
    for in_flight in IN_FLIGHT:
        pairs = [pair for pair in found if pair.in_flight == in_flight]
        ours = [run for pair in pairs for run in pair.ours]
        yield Figure(f"{in_flight} in flight: nexus", middle(ours, lambda run: run.rps), "1/s", "more")
        for name in ours[0].cpu_us:
            used = middle(ours, lambda run, name=name: run.cpu_us[name])  # type: ignore[misc]
            yield Figure(f"{in_flight} in flight: CPU nexus {name}", used, "µs/request", "less")
        for pair in pairs:
            title = f"{in_flight} in flight: {pair.peer.name}"
            target = TARGETS.get(pair.name) if in_flight > 1 else None
            yield Figure(title, middle(pair.theirs, lambda run: run.rps), "1/s", "")
            yield Figure(f"{title}: CPU", middle(pair.theirs, total_us), "µs/request", "")
            yield Figure(f"{in_flight} in flight: nexus over {pair.peer.name}", pair.ratio, "×", "more", target)


def table(found: list[Pairs]) -> str:
    """A line for each contender and shape."""
    rows: list[tuple[str, ...]] = [
        ("in flight", "through", "requests/s", "p50 ms", "p99 ms", "CPU µs/request", "nexus over it", "nexus p50 adds")
    ]
    for in_flight in IN_FLIGHT:
        pairs = [pair for pair in found if pair.in_flight == in_flight]
        ours = [run for pair in pairs for run in pair.ours]
        rows.append((str(in_flight), "nexus, everything on", *_cells(ours), "", ""))
        for pair in pairs:
            against = (f"{pair.ratio:.2f} ×", f"{pair.added_ms:+.2f} ms")
            rows.append((str(in_flight), pair.peer.name, *_cells(pair.theirs), *against))
    return f"{aligned(rows, right=set(range(2, len(rows[0]))))}\n\n{parts(found)}"


def _cells(runs: list[Run]) -> tuple[str, ...]:
    times = (middle(runs, lambda run: run.p50_ms), middle(runs, lambda run: run.p99_ms))
    return (
        number(middle(runs, lambda run: run.rps)),
        *(f"{time:.2f}" for time in times),
        f"{middle(runs, total_us):,.0f}",
    )


def parts(found: list[Pairs]) -> str:
    """What a request through Nexus costs at the larger load, by process; the sinks until they have drained the log."""
    ours = [run for pair in found if pair.in_flight == IN_FLIGHT[0] for run in pair.ours]
    costs = {name: middle(ours, lambda run, name=name: run.cpu_us[name]) for name in ours[0].cpu_us}  # type: ignore[misc]
    listed = sorted(costs.items(), key=lambda cost: -cost[1])
    foreign = middle([run for pair in found for run in (*pair.ours, *pair.theirs)], lambda run: run.foreign)
    return (
        "nexus, CPU µs a request: "
        + "  ".join(f"{name} {used:.0f}" for name, used in listed)
        + f"\nof the machine, processes without a part in a run took {foreign:.0%} (median)"
    )


def ours(nexus: Nexus) -> Contender:
    processes = {name: pid for name, pid in nexus.pids().items() if name not in LEFT_OUT}
    url = f"{nexus.endpoints['gateway']}/v1"
    return Contender("nexus", url, processes, "mock/gpt-4o", nexus.key, drain=nexus.drain)


def started(
    wanted: list[str], directory: Path, mock_url: str, mock_pid: int, running: ExitStack
) -> dict[str, Contender]:
    """The peers that can be measured here; why not, of the others, is said."""
    peers = {"mock": Contender("bare mock", f"{mock_url}/v1", {"mock": mock_pid})}
    provider = int(mock_url.rpartition(":")[2].rstrip("/"))
    for name in wanted:
        try:
            peers[name] = running.enter_context(PEERS[name](directory, provider))
        except Skipped as reason:
            say(f"skipped: {reason}")
        except CannotStart as reason:
            say(f"skipped: {name}: {reason}")
    return peers


def main(arguments: list[str]) -> int:
    parser = options("peers", __doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--rounds", type=int, default=0, metavar="N", help="default 5, with --quick 3")
    parser.add_argument("--seconds", type=float, default=0, metavar="S", help="of a run; default 3, with --quick 1")
    parser.add_argument("--only", metavar="PEER,…", default=",".join(PEERS), help=f"of {', '.join(PEERS)}; default all")
    given = parser.parse_args(arguments)
    wanted = [name for name in given.only.split(",") if name]
    if unknown := [name for name in wanted if name not in PEERS]:
        parser.error(f"--only: there is no {', '.join(unknown)}; the names are {', '.join(PEERS)}")
    rounds, seconds = given.rounds or (3 if given.quick else 5), given.seconds or (1.0 if given.quick else 3.0)
    nexus = Nexus(None)
    try:
        with tempfile.TemporaryDirectory(prefix="nexus-peers-") as directory, ExitStack() as running:
            running.callback(nexus.stop)
            nexus.start(["gpt-4o"])
            mock = nexus.endpoints["mock"], nexus.pids()["mock"]
            peers = started(wanted, Path(directory), *mock, running)
            found = list(measure(ours(nexus), peers, rounds, seconds))
    except Broken as error:
        say(str(error))
        return 1
    return finish("peers", given, list(figures_of(found)), table(found))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
