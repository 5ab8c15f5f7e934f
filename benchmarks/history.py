"""Figures of a benchmark, kept from run to run outside of the repository and held against earlier ones."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

TOLERANCE = 0.25
"""A figure has to be worse by this share before it counts: shared machines differ by a tenth from run to run."""


class Figure(msgspec.Struct, frozen=True):
    """One number that a benchmark found."""

    name: str
    value: float
    unit: str
    better: str = "more"
    """`more`, `less`, or empty when it only describes."""
    target: float | None = None
    """What it should reach at least, or at most when less is better."""

    @property
    def missed(self) -> bool:
        if self.target is None:
            return False
        return self.value < self.target if self.better == "more" else self.value > self.target


class Change(msgspec.Struct, frozen=True):
    """A figure beside its earlier value. `ratio` is above 1 when it got better."""

    name: str
    before: float
    after: float
    ratio: float
    verdict: str
    """`better`, `same` or `regression`."""


class Unreadable(Exception):
    """The file to compare with holds no run of this benchmark. The text says what to do."""


def history_file(benchmark: str) -> Path:
    """Where the runs of a benchmark gather: in the state directory of the user (XDG Base Directory 0.8)."""
    state = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(state) / "nexus" / "benchmarks" / f"{benchmark}.ndjson"


def run_of(benchmark: str, figures: Sequence[Figure], *, quick: bool) -> dict[str, Any]:
    """A run as it is written: JSON, one line in the history, the same as `--output json` prints."""
    return {
        "benchmark": benchmark,
        "time_us": time.time_ns() // 1000,
        "quick": quick,
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "figures": msgspec.to_builtins(list(figures)),
    }


def remember(run: dict[str, Any]) -> Path:
    """Appends a run to its history and returns the file."""
    path = history_file(run["benchmark"])
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(run) + "\n")
    return path


def earlier(path: Path, benchmark: str, *, quick: bool) -> list[Figure]:
    """The figures of the last run in a file that was made the same way; the file is a history or one printed run.

    Raises:
        Unreadable: there is none.
    """
    try:
        text = path.read_text(encoding="utf-8")
        runs = [json.loads(line) for line in text.splitlines() if line.strip()]
        alike = [run for run in runs if run["benchmark"] == benchmark and run["quick"] == quick]
        if alike:
            return msgspec.convert(alike[-1]["figures"], list[Figure])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Unreadable(f"{path} cannot be compared with: {type(error).__name__}") from None
    how = "with" if quick else "without"
    raise Unreadable(f"{path} holds no run of `{benchmark}` {how} --quick; make one first, with --output json")


def compare(before: Sequence[Figure], after: Sequence[Figure], tolerance: float = TOLERANCE) -> list[Change]:
    """What became of each figure that both runs have and for which more or less is better."""
    known = {figure.name: figure.value for figure in before}
    changes = []
    for figure in after:
        old = known.get(figure.name)
        if old is None or not figure.better or old <= 0 or figure.value <= 0:
            continue
        ratio = figure.value / old if figure.better == "more" else old / figure.value
        verdict = "regression" if ratio < 1 / (1 + tolerance) else "better" if ratio > 1 + tolerance else "same"
        changes.append(Change(figure.name, old, figure.value, round(ratio, 3), verdict))
    return changes
