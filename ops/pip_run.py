"""Runs pip as a child and turns its output into progress. Stdlib only; decides nothing about what is installed."""

from __future__ import annotations

import queue
import subprocess
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path

from ops.progress import Progress

TAIL = 30
"""Lines of pip's output that are shown when it fails."""
POLL_S = 0.2


def run_pip(command: list[str], progress: Progress, packages: int, site: Path | None) -> int:
    """Run a command to its end; returns its exit status, having shown the last lines if that is not 0.

    Args:
        packages: how many packages there are to fetch, at most.
        site: where packages are put; pip says nothing while it installs, so their arrival is counted there.
    """
    lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    tail: deque[str] = deque(maxlen=TAIL)
    before = _installed(site)
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as child:
        reader = threading.Thread(target=_pump, args=(child, lines), daemon=True)
        reader.start()
        try:
            _follow(lines, tail, progress, packages, lambda: _installed(site) - before)
        except BaseException:
            child.terminate()
            raise
        status = child.wait()
        reader.join()
    progress.done()
    if status != 0:
        for line in tail:
            progress.say(f"  | {line}")
    return status


def _pump(child: subprocess.Popen[str], lines: queue.SimpleQueue[str | None]) -> None:
    if child.stdout is not None:
        for line in child.stdout:
            lines.put(line.rstrip())
    lines.put(None)


def _follow(
    lines: queue.SimpleQueue[str | None],
    tail: deque[str],
    progress: Progress,
    packages: int,
    arrived: Callable[[], int],
) -> None:
    fetched = installing = 0
    while True:
        try:
            line = lines.get(timeout=POLL_S)
        except queue.Empty:
            if installing:
                progress.bar(arrived(), installing, "installed")
            continue
        if line is None:
            return
        tail.append(line)
        word, _, rest = line.strip().partition(" ")
        if line.startswith("Ignoring "):
            packages -= 1
        elif word == "Collecting" or line.startswith("Requirement already satisfied:"):
            fetched += 1
            progress.bar(fetched, packages, rest.removeprefix("already satisfied: ").partition(" ")[0])
        elif line.startswith("Installing collected packages:"):
            progress.done()
            installing = line.count(",") + 1


def _installed(site: Path | None) -> int:
    return 0 if site is None else sum(1 for _ in site.glob("*.dist-info"))
