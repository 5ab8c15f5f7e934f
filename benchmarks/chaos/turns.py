"""One at a time on a whole machine: who measures latencies does so while no other campaign does. Measures nothing."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from benchmarks.report import say

WAIT_S = 3600.0
_LOOK_S = 1.0
_FILE = "nexus-chaos-measures.lock"


@contextlib.asynccontextmanager
async def turn(
    told: Callable[[str], None], *, directory: Path | None = None, wait_s: float = WAIT_S
) -> AsyncIterator[bool]:
    """The block has its turn, or `wait_s` are over. What it yields says which.

    Args:
        told: called with what is waited for, for a progress line, as long as it is.
        directory: where campaigns meet; the temporary files' unless told otherwise.
    """
    descriptor = _opened((directory or Path(tempfile.gettempdir())) / _FILE)
    try:
        yield descriptor >= 0 and await _taken(descriptor, told, wait_s)
    finally:
        if descriptor >= 0:
            # the lock goes with it
            os.close(descriptor)


async def _taken(descriptor: int, told: Callable[[str], None], wait_s: float) -> bool:
    begun = time.monotonic()
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            waited = time.monotonic() - begun
        if waited >= wait_s:
            say(f"no turn to measure in {wait_s:.0f} s; goes on beside the others")
            return False
        told(f"waits for its turn to measure (another campaign does; {waited:.0f} of {wait_s:.0f} s at most)")
        await asyncio.sleep(min(_LOOK_S, wait_s))


def _opened(path: Path) -> int:
    """-1 when there is no such file to be had: then nobody is waited for."""
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW
    # somebody else's may be opened (a lock needs no more), but in a directory of everybody's not as if to make it
    for more in (0, os.O_CREAT | os.O_EXCL, 0):
        try:
            return os.open(path, flags | more, 0o644)
        except (FileNotFoundError, FileExistsError):
            continue
        except OSError as error:
            say(f"cannot take turns by way of {path}: {error.strerror}")
            return -1
    return -1
