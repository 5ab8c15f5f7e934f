"""Keeps a set of processes running: groups start together, stop in reverse order, and do not outlive us.

Used for the embedded services and for Nexus's own processes alike. What a process needs is its ProcessSpec's business.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import logging
import os
from collections.abc import Collection, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import IO

from ops.stack import procfs, stale
from ops.stack.credentials import private_directory
from ops.stack.process import Backoff, ProcessSpec, ProcessStatus, StartFailed, State
from ops.stack.supervised import Supervised

log = logging.getLogger(__name__)

__all__ = ["AlreadyRunning", "ProcessSpec", "ProcessStatus", "StartFailed", "State", "Supervisor"]


class AlreadyRunning(Exception):
    """Another supervisor holds the data directory. ``pid`` is its process."""

    def __init__(self, directory: Path, pid: int | None) -> None:
        self.pid = pid
        super().__init__(
            f"{directory} is in use by process {pid}: stop that one first, or choose another data directory"
        )


class Supervisor:
    """Supervises processes whose pid files, status and logs live in ``directory``. Belongs to one event loop.

    That loop's thread must live as long as the processes: their parent, for the kernel, is the thread that made them.
    """

    def __init__(self, directory: Path, backoff: Backoff | None = None) -> None:
        self.directory = directory.resolve()
        self._run = self.directory / "run"
        self._backoff = backoff or Backoff()
        self._groups: list[list[Supervised]] = []
        self._lock: IO[str] | None = None

    async def acquire(self) -> None:
        """Take the directory and stop what a killed run left behind. Raises AlreadyRunning. Idempotent."""
        if self._lock is not None:
            return
        private_directory(self.directory)
        self._run.mkdir(exist_ok=True)
        lock = (self._run / "supervisor.lock").open("a+")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            raise AlreadyRunning(self.directory, holder(self.directory)) from None
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        self._lock = lock
        await asyncio.to_thread(stale.stop_all, self._run, self.directory)

    async def start(self, specs: Sequence[ProcessSpec]) -> None:
        """Start a group in parallel and return when all of it serves.

        Raises StartFailed when one cannot be started; the whole group is stopped then, earlier groups go on.
        """
        await self.acquire()
        names = [spec.name for spec in specs]
        if taken := {name for name in names if names.count(name) > 1} | (set(names) & self._by_name().keys()):
            raise ValueError(f"process names are already in use: {sorted(taken)}")
        group = [Supervised(spec, self.directory, self._backoff, self._publish) for spec in specs]
        self._groups.append(group)
        try:
            async with asyncio.TaskGroup() as tasks:
                for process in group:
                    tasks.create_task(process.start())
        except BaseExceptionGroup as failures:
            await self._stop_group(group)
            raise failures.exceptions[0] from None
        except BaseException:
            await self._stop_group(group)
            raise

    async def stop_some(self, names: Collection[str]) -> None:
        """Stop the processes of these names together, where they run; the others go on."""
        chosen = [process for name, process in self._by_name().items() if name in names]
        await asyncio.gather(*(process.stop() for process in chosen))
        self._groups = [kept for group in self._groups if (kept := [one for one in group if one not in chosen])]
        self._publish()

    def abandon(self) -> None:
        """Send every process its death signal and return at once: what the kernel does when we are killed.

        For a supervisor that ends right afterwards; what takes longer to end is waited for by the next start.
        """
        for process in self._by_name().values():
            process.abandon()

    async def stop(self) -> None:
        """Stop every group, the last started first, and give the directory back. Idempotent."""
        for group in reversed(self._groups.copy()):
            await self._stop_group(group)
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def status(self) -> list[ProcessStatus]:
        """All processes in the order of their start, with their memory now."""
        return _with_memory([process.status() for group in self._groups for process in group])

    async def _stop_group(self, group: list[Supervised]) -> None:
        await asyncio.gather(*(process.stop() for process in group))
        if group in self._groups:  # a start that failed and a stop may both get here
            self._groups.remove(group)
        self._publish()

    def _by_name(self) -> dict[str, Supervised]:
        return {process.spec.name: process for group in self._groups for process in group}

    def _publish(self) -> None:
        if self._lock is None:
            return  # what stands there is another supervisor's
        rows = [asdict(process.status()) for group in self._groups for process in group]
        beside = self._run / "status.new"
        beside.write_text(json.dumps(rows))
        beside.replace(self._run / "status.json")


def holder(directory: Path) -> int | None:
    """The pid of the supervisor that runs on a data directory now; None when none does."""
    path = directory / "run" / "supervisor.lock"
    if not path.exists():
        return None
    with path.open("r+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            text = lock.read().strip()
            return int(text) if text.isdigit() else None
    return None


def published_status(directory: Path) -> list[ProcessStatus]:
    """What the supervisor of a data directory last published, for other processes to read; empty when none runs."""
    path = directory / "run" / "status.json"
    if holder(directory) is None or not path.exists():
        return []
    rows = json.loads(path.read_text())
    return _with_memory([ProcessStatus(**{**row, "state": State(row["state"])}) for row in rows])


def _with_memory(statuses: list[ProcessStatus]) -> list[ProcessStatus]:
    resident = procfs.resident_bytes(status.pid for status in statuses if status.pid is not None)
    return [replace(status, resident=resident.get(status.pid or 0)) for status in statuses]
