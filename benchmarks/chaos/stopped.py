"""Processes stopped, or kept from being there, while a block lasts. What that breaks is not known here."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.chaos.site import Kept
from benchmarks.usage import family


@contextlib.contextmanager
def gone(kept: Kept) -> Iterator[None]:
    """It is killed and not started again; afterwards it is wanted."""
    kept.wanted = False
    if pid := kept.pid:
        os.kill(pid, signal.SIGKILL)
    try:
        yield
    finally:
        kept.wanted = True


@contextlib.contextmanager
def frozen(pid: int) -> Iterator[None]:
    """A process and its descendants are stopped; what lived then goes on afterwards."""
    stopped = family(pid) if pid and Path(f"/proc/{pid}").exists() else []
    _signal(stopped, signal.SIGSTOP)
    try:
        yield
    finally:
        _signal(reversed(stopped), signal.SIGCONT)


def _signal(pids: Iterator[int] | Sequence[int] | reversed[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
