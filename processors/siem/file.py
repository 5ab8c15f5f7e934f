"""The sink of kind `file`: NDJSON, appended and synced; the position is in the lines themselves.

Whatever moment a kill hits, the file then holds every event once: a torn last line is cut, and the last whole one says
where to go on. A file that was rotated away (renamed, or copied and truncated) is begun anew, and `<file>.position`
says what the old one had. With `copytruncate`, what is written between the copy and the truncation is lost by the
rotating tool itself, so rotation by renaming is the better way.
"""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Sequence
from pathlib import Path

from processors.siem.lines import Line, Place
from processors.siem.mark import Mark, last_line, read_mark, whole_lines, write_mark
from processors.siem.sink import START, Opened, Parked, Stored
from processors.siem.thread import OwnThread
from projections.files import sync_directory

log = logging.getLogger(__name__)

_BEGINNING = b'{"activity_id":'
"""How every line begins: a tail that does not is not ours to cut."""


class FileSink:
    """One file in the directory. All calls to the file system are made in a thread of its own."""

    most_lines = 4_000
    most_bytes = 4 * 1024 * 1024
    linger_s = 0.05
    """A sync, a mark and two looks for a rotation are 0.5 ms of CPU a batch: under load segments share them."""
    repeats = False
    durable = True

    def __init__(self, directory: Path, name: str, life: str) -> None:
        self._path = directory / name
        self._mark_path = directory / f"{name}.position"
        self._life = life
        self._thread = OwnThread(f"siem {name}")
        self._lock = -1
        self._file = -1
        self._size = 0
        self._unfinished = False

    async def open(self, stored: Stored | None) -> Opened:
        """
        Raises:
            Parked: another target writes to this file.
            OSError: the file cannot be opened or read.
        """
        return await self._thread.call(self._open)

    async def send(self, lines: Sequence[Line]) -> int:
        """
        Raises:
            OSError: not written; the next call first takes away what this one left.
        """
        await self._thread.call(self._append, lines)
        return 0

    async def close(self) -> None:
        self._thread.last(self._close)

    # --- in the thread

    def _open(self) -> Opened:
        self._path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        self._lock = os.open(
            self._path.with_name(f".{self._path.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
        )
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Parked(f"another target or process writes to {self._path.name}: choose another file") from None
        mark = read_mark(self._mark_path)
        self._reopen()
        status = os.fstat(self._file)
        same = mark is not None and (status.st_dev, status.st_ino) == (mark.device, mark.inode)
        if mark is not None and same and status.st_size >= mark.offset and self._ends_line(mark.offset):
            self._size, found = whole_lines(self._file, mark.offset)
            self._cut(self._size, status.st_size)
        else:
            self._size, found = self._mend(status.st_size)
        floor = found or START
        begun = False
        if mark is not None:
            floor = max(floor, mark.place, START if same else self._in_rotated(mark))
            begun = mark.life == self._life and (mark.begun or floor > mark.place)
        self._mark(floor, begun=begun)
        return Opened(floor if begun else None, floor=floor)

    def _append(self, lines: Sequence[Line]) -> None:
        self._follow_rotation()
        if self._unfinished:
            # what the attempt before this one left must not become the beginning of a line, nor be there twice
            os.ftruncate(self._file, self._size)
        self._unfinished = True
        data = memoryview(b"".join([line.data for line in lines]))
        while data:
            data = data[os.write(self._file, data) :]
        os.fsync(self._file)
        self._unfinished = False
        self._size = os.fstat(self._file).st_size
        self._mark(lines[-1].place, begun=True)

    def _mark(self, place: Place, *, begun: bool) -> None:
        status = os.fstat(self._file)
        mark = Mark(
            life=self._life,
            begun=begun,
            place=place,
            device=status.st_dev,
            inode=status.st_ino,
            offset=self._size,
        )
        write_mark(self._mark_path, mark)

    def _close(self) -> None:
        for descriptor in (self._file, self._lock):
            if descriptor >= 0:
                os.close(descriptor)
        self._file = self._lock = -1

    def _follow_rotation(self) -> None:
        status = os.fstat(self._file)
        there: os.stat_result | None
        try:
            there = os.stat(self._path)
        except FileNotFoundError:
            there = None
        if there is None or (there.st_dev, there.st_ino) != (status.st_dev, status.st_ino):
            log.info("event=siem_file_rotated file=%s", self._path.name)
            self._reopen()
            status = os.fstat(self._file)
            self._size, _ = self._mend(status.st_size)
            self._unfinished = False
        elif status.st_size < self._size:
            log.info("event=siem_file_truncated file=%s", self._path.name)
            self._size = status.st_size

    def _reopen(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
        # append: after a truncation by others the next write begins at their new end
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
        self._file = os.open(self._path, flags, 0o640)
        sync_directory(self._path.parent)

    def _ends_line(self, offset: int) -> bool:
        return offset == 0 or os.pread(self._file, 1, offset - 1) == b"\n"

    def _mend(self, size: int) -> tuple[int, Place | None]:
        """Lets a file whose end is not known end with a whole line; its size then, and its last place."""
        complete, place = last_line(self._file, size)
        tail = os.pread(self._file, len(_BEGINNING), complete)
        if complete < size and not _BEGINNING.startswith(tail):
            log.warning("event=siem_file_foreign file=%s offset=%d", self._path.name, complete)
            os.write(self._file, b"\n")
            return size + 1, place
        self._cut(complete, size)
        return complete, place

    def _cut(self, complete: int, size: int) -> None:
        if complete < size:
            log.warning("event=siem_line_torn file=%s offset=%d cut=%d", self._path.name, complete, size - complete)
            os.ftruncate(self._file, complete)
            os.fsync(self._file)

    def _in_rotated(self, mark: Mark) -> Place:
        """What the file that the mark is about got after the mark, if it still lies beside this one."""
        for entry in os.scandir(self._path.parent):
            status = entry.stat(follow_symlinks=False)
            if (status.st_dev, status.st_ino) != (mark.device, mark.inode) or not entry.is_file(follow_symlinks=False):
                continue
            descriptor = os.open(entry.path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                _, place = whole_lines(descriptor, mark.offset)
            finally:
                os.close(descriptor)
            return place or START
        return START
