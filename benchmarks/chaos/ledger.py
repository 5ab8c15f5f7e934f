"""A witness's own record: JSON lines, appended and synced to the disk. Who writes what is not decided here."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

SYNC_S = 0.1


class Ledger:
    """Lines gather and are written and synced together, ten times a second at most, in another thread."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        self._lines: list[bytes] = []
        self._task: asyncio.Task[None] | None = None

    def note(self, entry: dict[str, Any]) -> None:
        self._lines.append(json.dumps(entry).encode() + b"\n")
        if self._task is None:
            self._task = asyncio.create_task(self._sync())

    async def close(self) -> None:
        """Returns when everything is on the disk."""
        while self._task is not None:
            await self._task
        os.close(self._file)

    async def _sync(self) -> None:
        while self._lines:
            lines, self._lines = b"".join(self._lines), []
            await asyncio.to_thread(append, self._file, lines)
            await asyncio.sleep(SYNC_S)
        self._task = None


def append(file: int, lines: bytes) -> None:
    """Writes all of it and syncs."""
    rest = memoryview(lines)
    while rest:
        rest = rest[os.write(file, rest) :]
    os.fsync(file)


def entries(path: Path) -> list[dict[str, Any]]:
    """What a ledger holds; nothing when it was never begun. The last line counts when it has been written whole."""
    return [json.loads(line) for line in path.read_text().rpartition("\n")[0].splitlines()] if path.exists() else []
