"""Where a SIEM file ends and what its last line is, on disk. No threads, no event loop."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import msgspec

from processors.siem.lines import Place
from schemas.ocsf.lines import place_of

log = logging.getLogger(__name__)

_BLOCK = 1024 * 1024


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """Kept beside the file, in `<file>.position`: after a rotation the file itself no longer tells."""

    life: str
    begun: bool
    """Whether any line is of this life of the target."""
    place: Place
    """Of the last line."""
    device: int
    inode: int
    offset: int
    """Bytes of the file that are complete and synced."""


def read_mark(path: Path) -> Mark | None:
    """The mark at this path; None when there is none that can be read."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Mark)
    except FileNotFoundError:
        return None
    except (msgspec.MsgspecError, UnicodeDecodeError):
        log.warning("event=siem_mark_unreadable file=%s", path.name)
        return None


def write_mark(path: Path, mark: Mark) -> None:
    """Replaces the mark as a whole."""
    draft = path.with_name(path.name + ".new")
    draft.write_bytes(msgspec.json.encode(mark))
    os.replace(draft, path)


def whole_lines(descriptor: int, start: int) -> tuple[int, Place | None]:
    """Reads on from a line's beginning for as long as whole lines of events follow, in order.

    Returns:
        The offset behind the last of them, and its place; None when there is none.
    """
    good, place = start, None
    rest = b""
    position = start
    while block := os.pread(descriptor, _BLOCK, position):
        position += len(block)
        *lines, rest = (rest + block).split(b"\n")
        for line in lines:
            found = place_of(line)
            if found is None or (place is not None and found <= place):
                return good, place
            good, place = good + len(line) + 1, found
    return good, place


def last_line(descriptor: int, end: int) -> tuple[int, Place | None]:
    """Looks back from `end` for whole lines.

    Returns:
        The offset behind the last line feed, and the place of the last line that is an event; None when none is.
    """
    size = _BLOCK
    while True:
        begin = max(0, end - size)
        *lines, rest = _read(descriptor, begin, end).split(b"\n")
        complete = end - len(rest) if lines else begin
        for line in reversed(lines[1:] if begin > 0 else lines):
            place = place_of(line)
            if place is not None:
                return complete, place
        if begin == 0:
            return complete, None
        size *= 4


def _read(descriptor: int, begin: int, end: int) -> bytes:
    parts = []
    while begin < end and (part := os.pread(descriptor, end - begin, begin)):
        parts.append(part)
        begin += len(part)
    return b"".join(parts)
