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


def write_pid_file(path: Path, pid: int, stop_signal: int) -> None:
    """Note a process and the signal that stops it in order."""
    path.write_text(f"{pid} {int(stop_signal)}\n")


def stop_all(run_directory: Path, data_directory: Path, grace: float = GRACE) -> list[int]:
    """Stop the process of every pid file whose number still is a process of ``data_directory``; drop the files.

    Each gets its stop signal, and SIGKILL when it is still there after ``grace`` seconds. Returns the pids that were
    stopped. A number that now belongs to somebody else is left alone.
    """
    stop_signals: dict[int, int] = {}
    for path in run_directory.glob("*.pid"):
        numbers = path.read_text().split()
        path.unlink()
        if len(numbers) != 2 or not all(number.isdigit() for number in numbers):
            continue  # cut off by the kill while it was written
        pid, stop_signal = int(numbers[0]), int(numbers[1])
        if procfs.mentions(pid, str(data_directory), f"{MARKER}={data_directory}"):
            log.warning("process=%s event=stale pid=%d", path.stem, pid)
            stop_signals[pid] = stop_signal
    for pid, stop_signal in stop_signals.items():
        _send(pid, stop_signal)
    stubborn = _wait(set(stop_signals), grace)
    for pid in stubborn:
        log.warning("event=kill pid=%d reason=stale_and_still_there", pid)
        _send(pid, signal.SIGKILL)
    _wait(stubborn, grace)
    return sorted(stop_signals)


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
