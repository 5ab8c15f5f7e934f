"""What all benchmarks have in common at the edges: options, progress, the table at the end, the verdict."""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.history import Change, Figure, Unreadable, compare, earlier, remember, run_of


def options(benchmark: str, description: str | None) -> argparse.ArgumentParser:
    """The options that every benchmark has."""
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks {benchmark}", description=description)
    parser.add_argument("--quick", action="store_true", help="small sizes, for a first look or for CI")
    parser.add_argument("--output", choices=("text", "json"), default="text")
    parser.add_argument("--compare", metavar="FILE", type=Path, help="a history or a printed run to hold against")
    return parser


def say(text: str) -> None:
    """Progress, for people."""
    print(text, file=sys.stderr, flush=True)


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def quantile(values: Sequence[float], share: float) -> float:
    """The value that this share of all does not exceed; 0 when there are none."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))] if values else 0.0


def finish(benchmark: str, given: argparse.Namespace, figures: Sequence[Figure], shown: str = "") -> int:
    """Prints and keeps the figures. Exit status 1 when there is a regression, 2 when FILE cannot be compared with.

    Args:
        shown: what people see instead of a line for each figure; those with a target follow in any case.
    """
    run = run_of(benchmark, figures, quick=given.quick)
    changes: list[Change] = []
    fault = ""
    if given.compare is not None:
        try:
            changes = compare(earlier(given.compare, benchmark, quick=given.quick), figures)
        except Unreadable as error:
            fault = str(error)
    say(f"kept in {remember(run)}")
    worse = [change for change in changes if change.verdict == "regression"]
    if given.output == "json":
        if given.compare is not None:
            run["changes"] = [{name: getattr(change, name) for name in change.__struct_fields__} for change in changes]
            run["verdict"] = fault or ("regression" if worse else "ok")
        print(json.dumps(run))
    else:
        if shown:
            print(f"{shown}\n")
        print(table([figure for figure in figures if figure.target is not None] if shown else figures))
        if changes:
            print()
            print(table_of_changes(changes))
        if given.compare is not None and not fault:
            print(f"verdict: {f'{len(worse)} of {len(changes)} figures got worse' if worse else 'no regression'}")
    if fault:
        say(fault)
        return 2
    return 1 if worse else 0


def table(figures: Sequence[Figure]) -> str:
    """Aligned columns: what, how much, the target and whether it is met."""
    rows = [("what", "figure", "unit", "target", "")]
    for figure in figures:
        target = "" if figure.target is None else f"{'≥' if figure.better == 'more' else '≤'} {number(figure.target)}"
        met = "" if figure.target is None else "missed" if figure.missed else "met"
        rows.append((figure.name, number(figure.value), figure.unit, target, met))
    return aligned(rows, right={1, 3})


def table_of_changes(changes: Sequence[Change]) -> str:
    rows = [("what", "before", "now", "ratio", "verdict")]
    rows += [
        (change.name, number(change.before), number(change.after), f"{change.ratio:.2f}", change.verdict)
        for change in changes
    ]
    return aligned(rows, right={1, 2, 3})


def number(value: float) -> str:
    """With as many digits as matter."""
    if value == int(value) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:,.1f}" if abs(value) >= 10 else f"{value:,.2f}"


def aligned(rows: Sequence[tuple[str, ...]], right: set[int]) -> str:
    """Rows in columns; the numbers of `right` are those that stand to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )
