"""A replay into a file: CloudEvents in JSON, a line each; it goes on where it was cut off, over nothing else."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from ops.cli.exits import CommandFailed
from ops.replay.run import Item
from schemas.cloudevents import cloud_event, damaged_event
from schemas.codec import Malformed

_encode = msgspec.json.Encoder().encode


class FileTarget:
    """One file, open while it is used as a context."""

    def __init__(self, path: Path, size: int | None) -> None:
        """
        Args:
            size: bytes that are good, of a replay that goes on; None for one that begins.

        Raises:
            CommandFailed: the file exists although the replay begins, or cannot be opened.
        """
        self._path = path
        self.size = size or 0
        flags = os.O_RDWR | os.O_CLOEXEC | (0 if size is not None else os.O_CREAT | os.O_EXCL)
        try:
            self._file: BinaryIO = open(os.open(path, flags, 0o600), "r+b")  # noqa: SIM115  closed by `close`
            held = self._file.seek(0, os.SEEK_END)
        except FileExistsError:
            raise CommandFailed(f"{path} exists; name another file, or remove it") from None
        except FileNotFoundError:
            wrong = f"{path} is missing; remove {path}.position to begin anew"
            raise CommandFailed(wrong if size is not None else f"there is no directory {path.parent}") from None
        except OSError as problem:
            raise CommandFailed(f"{path} cannot be written: {problem.strerror}") from None
        if held < self.size:
            self._file.close()
            raise CommandFailed(f"{path} is shorter than the replay left it; remove {path}.position to begin anew")
        # what was written after the last mark is written again
        self._file.truncate(self.size)
        self._file.seek(self.size)

    async def take(self, items: Sequence[Item]) -> int:
        """Writes, and returns how many when they are on the disk.

        Raises:
            CommandFailed: the disk does not take them; what was marked before stays good.
        """
        body = b"".join(_encode(_event(item)) + b"\n" for item in items)
        try:
            self._file.write(body)
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as problem:
            raise CommandFailed(f"{self._path} cannot be written: {problem.strerror}; then the same again") from None
        self.size += len(body)
        return len(items)

    async def close(self) -> None:
        self._file.close()


def _event(item: Item) -> dict[str, Any]:
    """A fact that cannot be read is told all the same, as far as its envelope goes."""
    try:
        return cloud_event(item.fact, item.subject, item.position)
    except Malformed:
        return damaged_event(item.fact, item.subject, item.position)
