"""Processes that a killed run left behind: known by their pid files, stopped before the next run. Blocks."""

from __future__ import annotations

import logging
import os
import signal
import time
from pathlib import Path

from ops.stack import procfs

log = logging.getLogger(__name__)

MARKER = "NEXUS_SUPERVISED_IN"  # environment variable by which a later run knows a process as ours
GRACE = 10.0  # seconds between SIGTERM and SIGKILL
_POLL = 0.02


def stop_all(run_directory: Path, data_directory: Path, grace: float = GRACE) -> list[int]:
    """Stop the process of every pid file whose number still is a process of ``data_directory``; drop the files.

    Returns the pids that were stopped. A number that now belongs to somebody else is left alone.
    """
    ours: dict[int, str] = {}
    for path in run_directory.glob("*.pid"):
        text = path.read_text().strip()
        if text.isdigit() and procfs.mentions(int(text), str(data_directory), f"{MARKER}={data_directory}"):
            ours[int(text)] = path.stem
        path.unlink()
    waiting = set(ours)
    for number in (signal.SIGTERM, signal.SIGKILL):
        for pid in waiting:
            log.warning("process=%s event=stale pid=%d signal=%s", ours[pid], pid, number.name)
            _send(pid, number)
        waiting = _wait(waiting, grace)
    return sorted(ours)


def _send(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def _wait(pids: set[int], seconds: float) -> set[int]:
    """Those still alive after at most that many seconds."""
    until = time.monotonic() + seconds
    while (pids := {pid for pid in pids if procfs.is_alive(pid)}) and time.monotonic() < until:
        time.sleep(_POLL)
    return pids
