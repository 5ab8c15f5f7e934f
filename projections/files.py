"""Files that appear whole or not at all, their owner's alone, and outlive a power cut. What is in them: others."""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def create(path: Path, data: bytes) -> None:
    """Makes a file; one that is there, or that another process makes at the same time, stays as it is.

    Raises:
        OSError: it cannot be written.
    """
    with _draft(path, data) as draft:
        try:
            # a link, unlike a rename, does not replace what another process made meanwhile
            os.link(draft, path)
        except FileExistsError:
            return
    sync_directory(path.parent)


def replace(path: Path, data: bytes) -> None:
    """Puts a file in the place of another; a power cut leaves the old one or the new one.

    Raises:
        OSError: it cannot be written; the old one is there still.
    """
    with _draft(path, data) as draft:
        os.replace(draft, path)
    sync_directory(path.parent)


def sync_directory(directory: Path) -> None:
    """Lets what was made, renamed or removed in a directory outlive a power cut."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def held(path: Path) -> Iterator[None]:
    """A lock file, for work that one process at a time may do; whoever ended, however it did, holds it no more.

    Raises:
        BlockingIOError: another one holds it.
        OSError: it cannot be made.
    """
    path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def _draft(path: Path, data: bytes) -> Iterator[Path]:
    """A file beside it, never readable by others, not even for a moment."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        yield draft
    finally:
        draft.unlink(missing_ok=True)
