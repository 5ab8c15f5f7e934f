"""Where the master key comes from: the settings, or a file that only its owner can read. Nothing is derived here."""

from __future__ import annotations

import os
import re
import secrets
import stat
from pathlib import Path

from projections import files
from projections.vault.errors import BadMasterKey

FILE = "master.key"
NEXT = f"{FILE}.next"
"""The new master key while it takes the place of the old one."""
_HEX = re.compile(r"[0-9a-f]{64}\Z")


def parse(text: str) -> bytes:
    """The 32 bytes of 64 hex digits.

    Raises:
        BadMasterKey: anything else.
    """
    lowered = text.strip().lower()
    if not _HEX.match(lowered):
        raise BadMasterKey("the master key must be 64 hex digits")
    return bytes.fromhex(lowered)


def from_file(directory: Path, name: str = FILE) -> bytes:
    """Reads `master.key`, or another key, in the directory; makes it first, with mode 0600, when there is none.

    Two processes that start together agree: the file appears whole or not at all, and whoever comes second reads it.

    Raises:
        BadMasterKey: others may read it, it is no plain file of this user, or it holds something else.
    """
    path = directory / name
    if not path.exists():
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        files.create(path, _written(secrets.token_bytes(32)))
    return read(path)


def replace(directory: Path, key: bytes, name: str = FILE) -> None:
    """Puts another key in the place of `master.key`, and takes `master.key.next` away, durably and whole.

    Args:
        name: of another file, likewise.

    Raises:
        OSError: it cannot be written; the old one is there still.
    """
    files.replace(directory / name, _written(key))
    (directory / f"{name}.next").unlink(missing_ok=True)
    files.sync_directory(directory)


def read(path: Path) -> bytes:
    """The key in a file that only its owner can read.

    Raises:
        BadMasterKey: others may read it, it is no plain file of this user, or it holds something else.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise BadMasterKey(f"{path} cannot be opened: {error.strerror}") from None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise BadMasterKey(f"{path} is not a plain file")
        if status.st_mode & 0o077:
            raise BadMasterKey(f"{path} can be read by others; run: chmod 600 {path}")
        if status.st_uid not in (os.geteuid(), 0):
            raise BadMasterKey(f"{path} belongs to another user")
        text = os.read(descriptor, 200)
    finally:
        os.close(descriptor)
    return parse(text.decode("ascii", "replace"))


def _written(key: bytes) -> bytes:
    return key.hex().encode() + b"\n"
