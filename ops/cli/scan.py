"""`nexus scan`: holds files against the rules that come with Nexus. Offline; what matched is never shown."""

from __future__ import annotations

import argparse
import bisect
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ops.cli.exits import FAILED, OK, Misused
from ops.cli.output import Output
from ops.progress import Progress
from projections.screening import Screener, load_builtin_rules, load_or_compile
from schemas.screening.model import TOO_MANY_HITS, Verdict, strictness

COLUMNS = ("file", "line", "column", "severity", "action", "rule", "title")
MAX_BYTES = 16 * 1024 * 1024
"""Larger files are named and left out."""
STDIN = "-"
_LOOK = 8_192
_SKIPPED = frozenset({"__pycache__", "node_modules"})


def scan(args: argparse.Namespace) -> int:
    """Print where rules hit; 1 when one does whose action is at least `--fail-on`."""
    output = Output(args.output)
    files = list(found_files(args.paths))
    rules = {rule.id: rule for rule in load_builtin_rules()}
    progress = Progress(output.stderr)
    screener = Screener(load_or_compile(args.data / "packs"))
    rows: list[dict[str, Any]] = []
    skipped: list[str] = []
    for done, name in enumerate(files):
        if len(files) > 1:
            progress.bar(done, len(files), name)
        text = _text(name, skipped)
        if text is not None:
            rows += places(name, text, screener.screen([text], args.direction), rules)
    if len(files) > 1:
        progress.done()
    rows = [row for row in rows if strictness(row["action"]) >= strictness(args.least)]
    strictest = max((row["action"] for row in rows), key=strictness, default="approve")
    output.rows(rows, COLUMNS, "nothing found", {"files": len(files) - len(skipped), "skipped": skipped})
    if skipped:
        output.message(f"left out, since not text or larger than {MAX_BYTES >> 20} MiB: {', '.join(skipped)[:500]}")
    return FAILED if strictness(strictest) >= strictness(args.fail_on) else OK


def found_files(paths: Sequence[str]) -> Iterator[str]:
    """Files as they were named, and those below directories, in order; not what is hidden there.

    Raises:
        Misused: there is no such file.
    """
    for path in paths:
        if path == STDIN or Path(path).is_file():
            yield path
        elif Path(path).is_dir():
            for folder, folders, names in os.walk(path):
                folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in _SKIPPED)
                yield from (
                    os.path.join(folder, name) for name in sorted(names) if os.path.isfile(os.path.join(folder, name))
                )
        else:
            raise Misused(f"there is no file {path}")


def places(name: str, text: str, verdict: Verdict, rules: dict[str, Any]) -> list[dict[str, Any]]:
    """The hits with lines and columns, from 1; columns count characters."""
    begins = [0, *(at + 1 for at, char in enumerate(text) if char == "\n")]

    def place(offset: int) -> tuple[int, int]:
        line = bisect.bisect_right(begins, offset)
        return line, offset - begins[line - 1] + 1

    rows = []
    for hit in verdict.hits:
        (line, column), (end_line, end_column) = place(hit.start), place(hit.end)
        rule = rules[hit.rule]
        rows.append(
            {
                "file": name,
                "line": line,
                "column": column,
                "end_line": end_line,
                "end_column": end_column,
                "severity": hit.severity,
                "action": hit.action,
                "rule": hit.rule,
                "title": rule.title,
            }
        )
    if verdict.rule == TOO_MANY_HITS:
        title = "more hits than are listed"
        rows.append({"file": name, "severity": "hard", "action": verdict.action, "rule": TOO_MANY_HITS, "title": title})
    return rows


def _text(name: str, skipped: list[str]) -> str | None:
    try:
        if name == STDIN:
            data = sys.stdin.buffer.read()
        elif os.path.getsize(name) > MAX_BYTES:
            skipped.append(name)
            return None
        else:
            data = Path(name).read_bytes()
    except OSError as problem:
        raise Misused(f"{name} cannot be read: {problem.strerror}") from None
    if b"\0" in data[:_LOOK]:
        skipped.append(name)
        return None
    # one character for each byte that is none in UTF-8, so that columns stay right
    return data.decode("utf-8", "surrogateescape").encode("utf-8", "replace").decode("utf-8") if data else ""
