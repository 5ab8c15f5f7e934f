"""What /proc tells about processes: whose they are and how much memory they hold. Reads only; signals nobody."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

PROC = Path("/proc")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_PPID_FIELD = 1  # of /proc/PID/stat after the name, proc(5) numbers it 4
_START_FIELD = 19  # likewise, proc(5) numbers it 22: clock ticks after the boot
_RSS_FIELD = 21  # likewise, proc(5) numbers it 24
_STATE_FIELD = 0


def _stat_fields(pid: int) -> list[str] | None:
    try:
        text = (PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    return text.rpartition(")")[2].split()  # the name before it may hold anything, brackets too


def is_alive(pid: int) -> bool:
    """Whether the process exists and is more than a zombie."""
    fields = _stat_fields(pid)
    return fields is not None and fields[_STATE_FIELD] not in ("Z", "X")


def seconds_alive(pid: int) -> float | None:
    """How long ago the process started; None when it is gone, or this system does not say."""
    fields = _stat_fields(pid)
    if fields is None:
        return None
    uptime = float((PROC / "uptime").read_text(encoding="ascii").split()[0])
    return max(uptime - int(fields[_START_FIELD]) / os.sysconf("SC_CLK_TCK"), 0.0)


def mentions(pid: int, argument: str, variable: str | None = None) -> bool:
    """Whether a process has ``argument`` within its command line or ``variable`` (NAME=VALUE) in its first environment.

    False when it is gone or another user's: not known to be ours then.
    """
    try:
        command_line = (PROC / str(pid) / "cmdline").read_bytes()
        environment = (PROC / str(pid) / "environ").read_bytes()
    except OSError:
        return False
    if argument.encode() in command_line:
        return True
    return variable is not None and variable.encode() in environment.split(b"\0")


def resident_bytes(roots: Iterable[int]) -> dict[int, int]:
    """Resident set size in bytes of each process with all its descendants; pages they share count each time."""
    parent: dict[int, int] = {}
    resident: dict[int, int] = {}
    for entry in PROC.iterdir() if PROC.is_dir() else ():
        if entry.name.isdigit() and (fields := _stat_fields(int(entry.name))) is not None:
            parent[int(entry.name)] = int(fields[_PPID_FIELD])
            resident[int(entry.name)] = int(fields[_RSS_FIELD]) * _PAGE
    wanted = set(roots)
    total = dict.fromkeys(wanted & resident.keys(), 0)
    for pid, size in resident.items():
        ancestor: int | None = pid
        while ancestor is not None and ancestor not in wanted:
            ancestor = parent.get(ancestor)
        if ancestor in total:
            total[ancestor] += size
    return total
