"""The mock's own record of what reached it, one JSON line per request before its answer; nothing reads it here."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

_log = logging.getLogger(__name__)


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One line. ``id`` is the request's ``x-nexus-request-id`` or empty, ``n`` counts chat requests of one process."""

    id: str
    n: int
    model: str
    aborted: bool
    time_us: int
    """Wall clock, microseconds since the epoch."""


class Aborted(msgspec.Struct, frozen=True, gc=False):
    """A second line, for a client that left before its answer was whole. ``chunks_sent`` counts stream events."""

    id: str
    n: int
    model: str
    aborted: bool
    chunks_sent: int
    time_us: int


class Ledger:
    """Appends lines with one O_APPEND write for all that came in one tick of the loop; then their answers may leave.

    A write that fails answers nobody of that batch: each waiting request is told ``False``.
    """

    def __init__(self, path: Path, *, fsync: bool, loop: asyncio.AbstractEventLoop) -> None:
        self._path = path
        self._fsync = fsync
        self._loop = loop
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        self._lines = bytearray()
        self._torn = False
        self._waiting: list[Callable[[bool], None]] = []

    def received(self, ident: str, n: int, model: str, then: Callable[[bool], None]) -> None:
        """Record a request; ``then(True)`` is called as soon as its line is written."""
        self._waiting.append(then)
        self._add(Entry(ident, n, model, False, time.time_ns() // 1000))

    def aborted(self, ident: str, n: int, model: str, chunks_sent: int) -> None:
        """Record that the client of request ``n`` left after ``chunks_sent`` events."""
        self._add(Aborted(ident, n, model, True, chunks_sent, time.time_ns() // 1000))

    def _add(self, line: Entry | Aborted) -> None:
        if not self._lines:
            self._loop.call_soon(self.flush)
        self._lines += msgspec.json.encode(line) + b"\n"

    def flush(self) -> None:
        """Write what waits. Does nothing when nothing waits."""
        if not self._lines:
            return
        lines, self._lines = self._lines, bytearray()
        waiting, self._waiting = self._waiting, []
        written = self._write(lines)
        for then in waiting:
            then(written)

    def _write(self, lines: bytearray) -> bool:
        rest = memoryview(b"\n" + lines if self._torn else lines)
        try:
            while rest:
                rest = rest[os.write(self._file, rest) :]
                self._torn = bool(rest)  # a line that a full disk cut off must not swallow the next one
            if self._fsync:
                os.fsync(self._file)
        except OSError as problem:
            _log.error(
                "ledger write failed path=%s reason=%s; requests stay unanswered until the file can be written",
                self._path,
                problem.strerror,
            )
            return False
        return True

    def close(self) -> None:
        """Write what waits and close the file."""
        self.flush()
        os.close(self._file)
