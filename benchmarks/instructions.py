"""Instructions that the hot functions take, counted by valgrind: the same on a busy machine and on an idle one.

Each function is called N and then 2 N times; the difference, over N, is what a call takes. `--check` holds the counts
against `benchmarks/instructions.json`, `--accept` writes them there.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.report import aligned, say
from projections.screening import compile_rules, load_builtin_rules

ROOT = Path(__file__).resolve().parents[1]
BASELINE = ROOT / "benchmarks" / "instructions.json"
CALLS = 20
TOLERANCE = 0.10
REFERENCE = "reference: pure Python"
_MARK = "sched_get_priority_max"
_LONGEST_S = 300


class CannotCount(Exception):
    """There are no counts here; the text says why and what would help."""


class Change(msgspec.Struct, frozen=True):
    """One function against its baseline."""

    name: str
    before: float
    now: float
    ratio: float
    """Now over before; what a build of Python costs that takes more instructions for everything is taken out."""
    worse: bool


def key() -> str:
    """What counts can be compared within."""
    return (
        f"{platform.python_implementation().lower()}-{sys.version_info[0]}.{sys.version_info[1]}-{platform.machine()}"
    )


def count(calls: int = CALLS) -> dict[str, float]:
    """Instructions a call, by function.

    Raises:
        CannotCount: valgrind is missing, or does not work here.
    """
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        raise CannotCount(
            "valgrind is not on PATH; install it (Debian: apt-get install valgrind) to count instructions"
        )
    with tempfile.TemporaryDirectory(prefix="nexus-instructions-") as name:
        directory = Path(name)
        pack = directory / "pack"
        pack.write_bytes(compile_rules(load_builtin_rules()).to_bytes())
        out = directory / "counts"
        command = [
            valgrind, "--tool=callgrind", f"--callgrind-out-file={out}", f"--dump-before={_MARK}",
            sys.executable, "-m", "benchmarks.hot", str(pack), str(calls),
        ]  # fmt: skip
        environment = {**os.environ, "PYTHONHASHSEED": "0"}
        try:
            done = subprocess.run(
                command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=_LONGEST_S, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as problem:
            raise CannotCount(f"valgrind cannot be used here: {problem}") from None
        if done.returncode:
            raise CannotCount(f"the counted process failed under valgrind:\n{done.stderr[-1500:]}")
        names = done.stdout.splitlines()
        # for each function: what came before its first mark, N calls, 2 N calls
        parts = [_total(Path(f"{out}.{number}")) for number in range(1, 3 * len(names) + 1)]
    return {name: round((parts[3 * number + 2] - parts[3 * number + 1]) / calls) for number, name in enumerate(names)}


def _total(path: Path) -> int:
    """The instructions of one dump (Callgrind format specification: `totals`)."""
    try:
        found = re.search(r"^totals: (\d+)", path.read_text(), re.MULTILINE)
    except FileNotFoundError:
        found = None
    if found is None:
        raise CannotCount(f"valgrind did not see the calls of {_MARK} that separate the functions")
    return int(found[1])


def compare(before: dict[str, float], now: dict[str, float], tolerance: float = TOLERANCE) -> list[Change]:
    """What became of each function that both know.

    The reference is none of our code: where it takes more than in the baseline, another build of the same Python is at
    work, and our functions may take as much more. One that takes less is not held against functions that are native.
    """
    build = max(1.0, now[REFERENCE] / before[REFERENCE])
    found = []
    for name, value in now.items():
        old = before.get(name)
        if old and name != REFERENCE:
            ratio = value / old / build
            found.append(Change(name, old, value, ratio, ratio > 1 + tolerance))
    return found


def table(now: dict[str, float], changes: list[Change]) -> str:
    by_name = {change.name: change for change in changes}
    rows: list[tuple[str, ...]] = [("function", "instructions", "baseline", "ratio", "")]
    for name, value in now.items():
        change = by_name.get(name)
        against = ("", "", "")
        if change is not None:
            against = (f"{change.before:,.0f}", f"{change.ratio:.3f}", "WORSE" if change.worse else "")
        rows.append((name, f"{value:,.0f}", *against))
    return aligned(rows, right={1, 2, 3})


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks instructions", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--check", action="store_true", help=f"fail when a function takes over {TOLERANCE:.0%}% more")
    parser.add_argument("--accept", action="store_true", help="make the counts the baseline for this Python")
    parser.add_argument("--output", choices=("text", "json"), default="text")
    given = parser.parse_args(arguments)
    known: dict[str, Any] = json.loads(BASELINE.read_text()) if BASELINE.exists() else {}
    try:
        now = count()
    except CannotCount as reason:
        say(f"not counted: {reason}")
        return 0
    changes: list[Change] = []
    if key() in known:
        changes = compare(known[key()], now)
    elif given.check:
        say(f"not checked: {BASELINE.name} has no counts for {key()}; make them with --accept")
    if given.output == "json":
        print(json.dumps({"key": key(), "instructions": now, "changes": msgspec.to_builtins(changes)}))
    else:
        print(table(now, changes))
    if given.accept:
        known[key()] = now
        BASELINE.write_text(json.dumps(known, indent=2, sort_keys=True) + "\n")
        say(f"written to {BASELINE.name} for {key()}")
        return 0
    worse = [change.name for change in changes if change.worse]
    if given.check and worse:
        say(f"over {TOLERANCE:.0%} more instructions: {', '.join(worse)}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
