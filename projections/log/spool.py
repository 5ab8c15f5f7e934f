"""The spool file: segments that wait for the log on disk. Blocking I/O; callers use a thread.

A record is length (4 bytes, big endian), CRC-32 of length and bytes (4 bytes), bytes. The first record says whose file
it is, each further one is a segment. A tail that a crash tore off is cut.
"""

from __future__ import annotations

import fcntl
import logging
import os
import zlib
from pathlib import Path
from typing import NamedTuple

import msgspec

from projections.files import sync_directory
from schemas.subjects import token

_log = logging.getLogger(__name__)

_FORMAT = 1
_PREFIX = 8
_LARGEST = 16 * 1024 * 1024


class SpoolHead(msgspec.Struct, frozen=True, array_like=True):
    """Whose segments a file holds, and where in the stream they may already stand."""

    format: int
    stream: str
    writer: str
    boot: str
    base_sequence: int
    """Everything in the file was sent after this sequence of the stream; 0 when unknown."""
    since_us: int
    """Nothing in the file is older."""


class Record(NamedTuple):
    offset: int
    size: int


class SpoolFile:
    """One file, locked for as long as it is open, so that two processes never drain the same one."""

    def __init__(self, path: Path, descriptor: int, head: SpoolHead, size: int) -> None:
        self.path = path
        self.head = head
        self.size = size
        """Bytes of whole records."""
        self.unacknowledged = 0
        """Segments in here that the log does not have yet; counted by whoever drains."""
        self.damaged = False
        """A record in the middle is unreadable: the file is kept for people to look at."""
        self._descriptor = descriptor

    @classmethod
    def create(cls, directory: Path, head: SpoolHead, turn: int) -> SpoolFile:
        """A new file in an existing directory, readable by its owner only.

        Args:
            turn: counts the files of one boot.

        Raises:
            OSError: the disk refuses.
        """
        path = directory / f"{token(head.stream)}.{token(head.writer)}.{token(head.boot)}.{turn:06}.spool"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            made = cls(path, descriptor, head, 0)
            made.append([msgspec.msgpack.encode(head)])
            sync_directory(directory)
        except OSError:
            os.close(descriptor)
            path.unlink(missing_ok=True)
            raise
        return made

    @classmethod
    def adopt(cls, path: Path) -> tuple[SpoolFile, list[Record]] | None:
        """Opens a file that a former process left, and lists its segments; None when somebody holds it.

        A file without a readable head held nothing that anyone was promised: it is removed.

        Raises:
            OSError: the disk refuses.
        """
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
                return None
            records, end, damaged = _scan(descriptor)
            head = _head(descriptor, records)
            if head is None:
                _log.warning("spool file without a head is removed file=%s", path.name)
                path.unlink()
                os.close(descriptor)
                return None
            length = os.fstat(descriptor).st_size
            if length > end:
                _log.warning("spool file had a torn tail file=%s bytes_cut=%d", path.name, length - end)
                os.ftruncate(descriptor, end)
                os.fsync(descriptor)
        except OSError:
            os.close(descriptor)
            raise
        found = cls(path, descriptor, head, end)
        found.damaged = damaged
        return found, records[1:]

    def append(self, payloads: list[bytes]) -> list[int]:
        """Writes records and syncs; the offsets of the payloads.

        Raises:
            OSError: nothing of it is in the file.
        """
        pieces: list[bytes] = []
        offsets: list[int] = []
        at = self.size
        for payload in payloads:
            length = len(payload).to_bytes(4, "big")
            pieces += (length, zlib.crc32(payload, zlib.crc32(length)).to_bytes(4, "big"), payload)
            offsets.append(at + _PREFIX)
            at += _PREFIX + len(payload)
        data = memoryview(b"".join(pieces))
        try:
            done = 0
            while done < len(data):
                done += os.pwrite(self._descriptor, data[done:], self.size + done)
            os.fdatasync(self._descriptor)
        except OSError:
            os.ftruncate(self._descriptor, self.size)
            raise
        self.size = at
        return offsets

    def read(self, offset: int, size: int) -> bytes:
        """The payload at an offset.

        Raises:
            OSError: it is not there any more.
        """
        data = os.pread(self._descriptor, size, offset)
        if len(data) != size:
            raise OSError(f"spool file {self.path.name} ends early")
        return data

    def remove(self) -> None:
        """All of it is in the log."""
        if self.damaged:
            self.path.rename(self.path.with_suffix(".damaged"))
        else:
            self.path.unlink(missing_ok=True)
        sync_directory(self.path.parent)
        self.close()

    def close(self) -> None:
        """Leaves the file for a later process."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def make_directory(directory: Path) -> None:
    """Makes a directory for the files, and its parents, such that a power cut does not take one of them away again.

    Raises:
        OSError: the disk refuses.
    """
    missing = [path for path in (directory, *directory.parents) if not path.exists()]
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    for path in missing:
        sync_directory(path.parent)


def leftovers(directory: Path, stream: str, writer: str) -> list[tuple[SpoolFile, list[Record]]]:
    """What former processes of this writer left, oldest first."""
    found = []
    for path in sorted(directory.glob(f"{token(stream)}.{token(writer)}.*.spool"), key=lambda path: path.name):
        adopted = SpoolFile.adopt(path)
        if adopted is not None:
            found.append(adopted)
    # within a boot by their turns: of one outage, all its files have the same `since_us` but for microseconds
    began: dict[str, int] = {}
    for file, _ in found:
        began[file.head.boot] = min(file.head.since_us, began.get(file.head.boot, file.head.since_us))
    return sorted(found, key=lambda pair: (began[pair[0].head.boot], pair[0].path.name))


def _scan(descriptor: int) -> tuple[list[Record], int, bool]:
    """(readable records, end of the last of them, whether an unreadable one lies before it)."""
    length = os.fstat(descriptor).st_size
    records: list[Record] = []
    at = end = 0
    unreadable = damaged = False
    while at + _PREFIX <= length:
        prefix = os.pread(descriptor, _PREFIX, at)
        size = int.from_bytes(prefix[:4], "big")
        if size > _LARGEST or at + _PREFIX + size > length:
            break
        payload = os.pread(descriptor, size, at + _PREFIX)
        if zlib.crc32(payload, zlib.crc32(prefix[:4])) == int.from_bytes(prefix[4:], "big"):
            records.append(Record(at + _PREFIX, size))
            end = at + _PREFIX + size
            damaged = damaged or unreadable
        else:
            unreadable = True
        at += _PREFIX + size
    return records, end, damaged


def _head(descriptor: int, records: list[Record]) -> SpoolHead | None:
    if not records or records[0].offset != _PREFIX:
        return None
    try:
        head = msgspec.msgpack.decode(os.pread(descriptor, records[0].size, _PREFIX), type=SpoolHead)
    except msgspec.MsgspecError:
        return None
    return head if head.format == _FORMAT else None


def new_head(stream: str, writer: str, boot: str, base_sequence: int, since_us: int) -> SpoolHead:
    return SpoolHead(_FORMAT, stream, writer, boot, base_sequence, since_us)
