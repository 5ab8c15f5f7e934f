"""What it costs to have something on: the same requests with it and without, in turns, in one run.

Without sinks means that their processes stand still (SIGSTOP) while the load runs; what they missed they take in before
the next run begins. On a core of their own means that sinks and their databases may use the last core only, and all
else, the load generator too, the others.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.history import Figure
from benchmarks.nexus import LATE, Nexus
from benchmarks.report import aligned, median, number, say

IN_FLIGHT = 32
EVERYTHING, BARE, UNSCREENED = "gpt-4o", "unrecorded", "unscreened"
"""Models of one upstream name, each with a route of its own."""

Load = Callable[[str, str, int], dict[str, Any]]
"""Given a model, a size by name and a number of requests: what the load generator saw."""


class Switch(msgspec.Struct, frozen=True):
    """Something that can be off."""

    name: str
    size: str
    off: str
    """The model whose route has it off."""
    target: float | None
    sinks: bool = False
    """Whether the sinks are off, too."""
    apart: bool = False
    """Whether the sinks have a core of their own."""


SWITCHES = (
    Switch("bodies and sinks, cores shared", "0.5 KB", BARE, None, sinks=True),
    Switch("bodies and sinks, cores shared", "48 KB", BARE, None, sinks=True),
    Switch("bodies and sinks, sinks on a core of their own", "0.5 KB", BARE, 0.95, sinks=True, apart=True),
    Switch("bodies and sinks, sinks on a core of their own", "48 KB", BARE, 0.95, sinks=True, apart=True),
    Switch("all rules, both ways", "0.5 KB", UNSCREENED, 0.9),
    Switch("all rules, both ways", "48 KB", UNSCREENED, 0.75),
)


class Found(msgspec.Struct, frozen=True):
    """Requests/s with it and without, run by run; those of one place followed each other."""

    switch: Switch
    on: list[float]
    off: list[float]

    @property
    def ratio(self) -> float:
        return median([on / off for on, off in zip(self.on, self.off, strict=True)])


def routes(tenant: str) -> str:
    """What `EVERYTHING` needs beside it, for `nexus apply`."""
    lines = [f'[[policies]]\nid = "off"\ntenant = "{tenant}"\nscreen_requests = false\nscreen_responses = false\n']
    for model, differs in ((BARE, "capture = false"), (UNSCREENED, 'policy = "off"')):
        lines.append(
            f'[[models]]\nid = "mock/{model}"\ntenant = "{tenant}"\nupstream = "{EVERYTHING}"\n'
            "prices = { input = 2_500_000, output = 10_000_000 }\n"
        )
        lines.append(
            f'[[routes]]\nid = "{model}"\ntenant = "{tenant}"\nmodels = ["mock/{model}"]\npriority = 1\n{differs}\n'
        )
    return "\n".join(lines)


def measure(nexus: Nexus, load: Load, rounds: int, seconds: float) -> Iterator[Found]:
    pids = nexus.pids()
    cores = sorted(os.sched_getaffinity(0))
    for at, switch in enumerate(SWITCHES, 1):
        if switch.apart and len(cores) < 2:
            say(f"[{at}/{len(SWITCHES)}] {switch.name}: skipped, there is one core only")
            continue
        say(f"[{at}/{len(SWITCHES)}] on and off: {switch.name}, {switch.size}")
        with _placed(pids, cores, switch.apart):
            requests = max(4 * IN_FLIGHT, int(load(EVERYTHING, switch.size, 8 * IN_FLIGHT)["rps"] * seconds))
            found = Found(switch, [], [])
            for turn in range(rounds):
                for on in (True, False) if turn % 2 == 0 else (False, True):
                    if on:
                        found.on.append(load(EVERYTHING, switch.size, requests)["rps"])
                    else:
                        with _still(pids["workers"], switch.sinks):
                            found.off.append(load(switch.off, switch.size, requests)["rps"])
                    nexus.drain()
        yield found


@contextmanager
def _still(pid: int, wanted: bool) -> Iterator[None]:
    """Lets a process stand still for a while."""
    if wanted:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        if wanted:
            os.kill(pid, signal.SIGCONT)


@contextmanager
def _placed(pids: dict[str, int], cores: list[int], apart: bool) -> Iterator[None]:
    """Gives what comes after the answer the last core and all else the others, and takes that back."""
    if not apart:
        yield
        return
    own = {pid for name in LATE if name in pids for pid in _tree(pids[name])}
    rest = {pid for pid in _tree(pids["supervisor"]) if pid not in own} if "supervisor" in pids else set()
    rest |= {pid for name, pid in pids.items() if name not in LATE} | {os.getpid()}
    try:
        _pin(own, {cores[-1]})
        _pin(rest, set(cores[:-1]))
        yield
    finally:
        _pin(own | rest, set(cores))


def _pin(pids: set[int], cores: set[int]) -> None:
    for pid in pids:
        try:
            threads = [int(entry.name) for entry in Path(f"/proc/{pid}/task").iterdir()]
        except FileNotFoundError:
            continue
        for thread in threads:
            try:
                os.sched_setaffinity(thread, cores)
            except ProcessLookupError:
                continue


def _tree(root: int) -> set[int]:
    """A process and its descendants."""
    found, waiting = set(), [root]
    while waiting:
        pid = waiting.pop()
        found.add(pid)
        try:
            for thread in Path(f"/proc/{pid}/task").iterdir():
                waiting += map(int, (thread / "children").read_text().split())
        except FileNotFoundError:
            continue
    return found


def figures_of(found: list[Found]) -> Iterator[Figure]:
    for one in found:
        switch = one.switch
        yield Figure(f"{switch.name}, {switch.size}: on over off", one.ratio, "×", "more", switch.target)


def table(found: list[Found]) -> str:
    rows: list[tuple[str, ...]] = [("on, then off", "prompt", "on/s", "off/s", "on over off", "target", "")]
    for one in found:
        switch = one.switch
        target, met = "", ""
        if switch.target is not None:
            target, met = f"≥ {switch.target:.2f} ×", "met" if one.ratio >= switch.target else "missed"
        cells = (number(median(one.on)), number(median(one.off)), f"{one.ratio:.2f} ×")
        rows.append((switch.name, switch.size, *cells, target, met))
    return aligned(rows, right={2, 3, 4, 5})
