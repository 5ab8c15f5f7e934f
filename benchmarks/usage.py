"""What processes used: CPU time and memory, by id, alone or with their descendants (Linux, proc(5))."""

from __future__ import annotations

import os
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")
"""Of what /proc counts CPU time in, to a second."""
_PAGE = os.sysconf("SC_PAGE_SIZE")
_Stats = dict[int, list[str]]


def cpu_s(pid: int) -> float:
    """Seconds of CPU since its start, in all its threads. ProcessLookupError when it is gone."""
    fields = _stat(pid)
    return (int(fields[11]) + int(fields[12])) / TICK


def tree_cpu_s(root: int) -> float:
    """Seconds of CPU of a process and its descendants; those that have ended count with their parents."""
    stats = _stats()
    return sum(sum(map(int, stats[pid][11:15])) for pid in _family(root, stats) if pid in stats) / TICK


def family(root: int) -> list[int]:
    """A process and all its descendants, the parents first."""
    return _family(root, _stats())


def rss_bytes(pid: int) -> int:
    """Resident memory. ProcessLookupError when it is gone."""
    return int(_stat(pid)[21]) * _PAGE


def _family(root: int, stats: _Stats) -> list[int]:
    children: dict[int, list[int]] = {}
    for pid, fields in stats.items():
        children.setdefault(int(fields[1]), []).append(pid)
    found = [root]
    for pid in found:
        found += children.get(pid, ())
    return found


def _stats() -> _Stats:
    found: _Stats = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                found[int(entry.name)] = _stat(int(entry.name))
            except ProcessLookupError:
                continue
    return found


def _stat(pid: int) -> list[str]:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        raise ProcessLookupError(f"process {pid} is gone") from None
    return text.rpartition(")")[2].split()
