"""Results on stdout, as aligned text or JSON; messages on stderr. Knows nothing of what it prints."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any, TextIO

from ops.cli.exits import CommandFailed

GAP = "  "


class Output:
    """Where a command leaves its result. With `json`, stdout carries JSON and nothing else."""

    def __init__(self, form: str, stdout: TextIO | None = None, stderr: TextIO | None = None) -> None:
        self.json = form == "json"
        self._stdout = stdout or sys.stdout
        self.stderr = stderr or sys.stderr

    def result(self, value: Any, text: str) -> None:
        """The one result of a command, in both forms."""
        self._print(json.dumps(value, indent=2, ensure_ascii=False) if self.json else text)

    def rows(self, rows: Sequence[Mapping[str, Any]], columns: Sequence[str], empty: str, more: Any = None) -> None:
        """Things of one kind: a table of some columns, or all of their fields as JSON.

        Args:
            empty: what to say, on stderr, when there are none.
            more: fields beside `items` in JSON, such as the cursor of the next page.
        """
        if self.json:
            self._print(json.dumps({"items": list(rows), **(more or {})}, indent=2, ensure_ascii=False))
        elif rows:
            self._print(table([[cell(row.get(column)) for column in columns] for row in rows], columns))
        else:
            self.message(empty)

    def line(self, value: Any, text: str) -> None:
        """One of many results, a line each, at once: for what has no end."""
        self._print(json.dumps(value, ensure_ascii=False, separators=(",", ":")) if self.json else text)

    def message(self, text: str) -> None:
        """Something for people, whatever the form."""
        print(text, file=self.stderr, flush=True)

    def _print(self, text: str) -> None:
        """
        Raises:
            BrokenPipeError: whoever read has seen enough.
            CommandFailed: it cannot be written.
        """
        try:
            print(text, file=self._stdout, flush=True)
        except BrokenPipeError:
            raise
        except OSError as problem:
            if self._stdout is sys.stdout:
                discard_stdout()
            raise CommandFailed(f"the result cannot be written: {problem.strerror}") from None


def discard_stdout() -> None:
    """Keeps the interpreter from complaining when it flushes at its end what nobody takes."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def cell(value: Any) -> str:
    """A value as a table shows it: nothing for None, yes and no, lists with commas, one line."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(cell(item) for item in value)
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return printable(str(value))


def printable(text: str) -> str:
    """Text without what could move a terminal's cursor or change its title."""
    return "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in text)


def table(rows: Sequence[Sequence[str]], columns: Sequence[str]) -> str:
    """Columns as wide as their widest cell, numbers to the right."""
    numeric = [all(_is_number(row[at]) for row in rows) for at in range(len(columns))]
    widths = [max(len(column), *(len(row[at]) for row in rows)) for at, column in enumerate(columns)]
    lines = [[column.upper().replace("_", " ") for column in columns], *rows]
    return "\n".join(
        GAP.join(
            value.rjust(widths[at]) if numeric[at] else value.ljust(widths[at]) for at, value in enumerate(line)
        ).rstrip()
        for line in lines
    )


def _is_number(text: str) -> bool:
    return text.replace(",", "").replace(".", "", 1).removeprefix("-").isdecimal() or text == ""


def fields(pairs: Mapping[str, Any]) -> str:
    """Names and values below each other; what is empty is left out."""
    shown = {name: cell(value) for name, value in pairs.items() if value not in (None, "", [], {}, ())}
    width = max((len(name) for name in shown), default=0)
    return "\n".join(f"{name.ljust(width)}{GAP}{value}" for name, value in shown.items())


def money(micros: int) -> str:
    """Micro-dollars as dollars, all six places: sums must agree to the last one."""
    sign = "-" if micros < 0 else ""
    return f"{sign}${abs(micros) // 1_000_000}.{abs(micros) % 1_000_000:06d}"
