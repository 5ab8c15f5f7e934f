"""Tiny processes for the supervisor's tests: each notes in a file what happens to it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ops.stack.process import ProcessSpec

# argv: the journal to append to, then words: what to do. Every life appends "start PID".
PROGRAM = """
import os, signal, subprocess, sys, time
journal, words = sys.argv[1], sys.argv[2:]
def note(line):
    with open(journal, "a") as file:
        file.write(line + "\\n")
def stop(number, frame):
    note(f"stop {os.getpid()} {signal.Signals(number).name}")
    sys.exit(0)
if "stubborn" in words:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
else:
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
print("hello from", os.getpid(), flush=True)
if "fail" in words:
    print("no luck", file=sys.stderr, flush=True)
    sys.exit(3)
if "grandchild" in words:
    grandchild = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    note(f"grandchild {grandchild.pid}")
note(f"start {os.getpid()}")
while True:
    signal.pause()
"""


class NotYet(Exception):
    """The child has not started."""


def lines(journal: Path, word: str) -> list[list[str]]:
    """The journal's lines that begin with a word, without it."""
    if not journal.exists():
        return []
    return [line.split()[1:] for line in journal.read_text().splitlines() if line.split()[0] == word]


def child(journal: Path, *words: str, name: str = "child", **fields: Any) -> ProcessSpec:
    """A child that serves once this life of it has noted its start."""
    path = journal

    async def ready() -> None:
        started, prepared = len(lines(path, "start")), len(lines(path, "prepare"))
        if started < prepared:
            raise NotYet

    async def prepare() -> None:
        with path.open("a") as file:
            file.write("prepare\n")

    fields = {"ready": ready, "prepare": prepare, "ready_timeout": 30.0, "stop_timeout": 30.0, **fields}
    argv: Sequence[str] = [sys.executable, "-c", PROGRAM, str(path), *words]
    return ProcessSpec(name=name, argv=argv, **fields)
