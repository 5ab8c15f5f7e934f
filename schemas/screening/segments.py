"""Finds segments in base64, in base32 and in hexadecimal, and what they say. Pure; a text may come in pieces.

A segment is a run of letters of base64, over several lines if they are long. Longer ones than `MAX_SEGMENT` count as
several that overlap, so that what is held of a stream is bounded: a secret that needs more than `OVERLAP` encoded
characters and stands across two of them is not found.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from typing import NamedTuple

LEAST = 20
"""Letters that a segment has at least: 15 bytes."""
MAX_SEGMENT = 8_192
OVERLAP = 1_024
_AHEAD = 64
"""Characters behind a segment that may still make it longer."""

_LETTERS = "A-Za-z0-9+/_-"
_RUN = re.compile(f"[{_LETTERS}]{{{LEAST}}}")
_SEGMENT = re.compile(
    rf"(?:[{_LETTERS}]{{40,}}+(?:\r?\n[ \t]{{0,8}}[{_LETTERS}]{{40,}}+)*+"
    rf"(?:\r?\n[ \t]{{0,8}}[{_LETTERS}]{{4,39}}+(?=={{0,2}}(?:[\r\n]|\Z)))?|[{_LETTERS}]{{20,39}}+)={{0,2}}"
)
_PART = re.compile(r"[A-Za-z0-9+]{20,}+={0,2}")
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2})+")
_BASE32 = re.compile(r"[A-Z2-7]+|[a-z2-7]+")
_BEYOND_32 = (0, 1, 0, 1, 0, 0, 1, 0)
"""Letters of base32 that are too many, by how many there are beyond groups of eight (RFC 4648, 6)."""
_INSIDE = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/_-")
_URL_SAFE = str.maketrans("-_", "+/", "\r\n\t =")
_CONTROLS = bytes([*range(9), 11, 12, *range(14, 32), 127])


class Segment(NamedTuple):
    """What the characters from `start` to `end` say once decoded."""

    start: int
    end: int
    text: str


class Shape(NamedTuple):
    """How segments of one kind look."""

    run: re.Pattern[str]
    """Where one begins, behind `lead` characters."""
    after: Callable[..., tuple[int, int] | None]
    """(text, start, final): where the one ends that begins at `start`, and where to go on; None if text that is to
    come decides that."""
    read: Callable[[str, int, int], list[Segment]]
    """(text, start, end): what it says."""
    tail: Callable[[str, int], int]
    """(text, begin): before this character none begins that has not shown itself."""
    lead: int = 0
    """Characters before one that tell that it begins; what stands before a text does."""


class Finder:
    """Finds the segments of one text in pieces; any cut gives the same."""

    __slots__ = ("_base", "_buffer", "_shape")

    def __init__(self, shape: Shape) -> None:
        self._shape = shape
        self._buffer = "\n" * shape.lead
        self._base = -shape.lead

    @property
    def open(self) -> int:
        """No segment still to come begins before this character."""
        return self._base + self._shape.lead

    @property
    def held(self) -> int:
        """Characters that are kept."""
        return len(self._buffer)

    @property
    def seen(self) -> int:
        """Characters that came."""
        return self._base + len(self._buffer)

    def copy(self) -> Finder:
        """Another one that has seen the same."""
        other = Finder(self._shape)
        other._buffer, other._base = self._buffer, self._base
        return other

    def push(self, text: str, *, final: bool = False) -> list[Segment]:
        """The segments that are known to have ended."""
        shape = self._shape
        buffer = self._buffer + text
        base, lead = self._base, shape.lead
        at = lead
        found: list[Segment] = []
        while (run := shape.run.search(buffer, at - lead)) is not None:
            start = run.start() + lead
            after = shape.after(buffer, start, final=final)
            if after is None:
                at = start
                break
            end, at = after
            found += (Segment(base + one.start, base + one.end, one.text) for one in shape.read(buffer, start, end))
        else:
            at = max(at, shape.tail(buffer, at))
        self._buffer = buffer[at - lead :]
        self._base = base + at - lead
        return found


def segments(text: str, runs: list[int]) -> list[Segment]:
    """The segments of a whole text, of which is known where runs of `LEAST` letters begin."""
    found: list[Segment] = []
    at = 0
    for begin in runs:
        if begin < at:
            continue
        start = begin
        while True:
            after = _after(text, start, final=True)
            if after is None:
                break
            end, at = after
            found += _read(text, start, end)
            if at == end or not _RUN.match(text, at):
                break
            start = at
    return found


def _after(text: str, start: int, *, final: bool) -> tuple[int, int] | None:
    """Where the segment ends that begins at `start`, and where to go on; None if text that is to come decides that."""
    limit = start + MAX_SEGMENT
    match = _SEGMENT.match(text, start, limit)
    if match is None:
        return None
    end = match.end()
    if len(text) < limit and not final and (end == len(text) or text[end] in "=\r\n") and len(text) < end + _AHEAD:
        return None
    if end < limit - _AHEAD:
        return end, end
    return end, _again(text, start, end)


def _again(text: str, start: int, end: int) -> int:
    """Where the segment after one that was too long begins: `OVERLAP` before its end, at a group of four letters."""
    again = end - OVERLAP
    letters = again - start - sum(text.count(blank, start, again) for blank in "\r\n\t ")
    while letters % 4 or text[again] not in _INSIDE:
        letters += text[again] in _INSIDE
        again += 1
    return again


def _read(text: str, start: int, end: int) -> list[Segment]:
    whole = decoded(text[start:end])
    if whole is not None:
        return [Segment(start, end, whole)]
    # something else may be glued to it: a path before it, a name
    found = []
    for part in _PART.finditer(text, start, end):
        inner = decoded(part.group()) if part.end() - part.start() < end - start else None
        if inner is not None:
            found.append(Segment(part.start(), part.end(), inner))
    return found


def decoded(segment: str) -> str | None:
    """What a segment says, if that is a text: UTF-8, or UTF-16 of ASCII, without control characters."""
    letters = segment.translate(_URL_SAFE)
    if _HEX.fullmatch(letters):
        inside = _text(bytes.fromhex(letters))
        if inside is not None:
            return inside
    if _BASE32.fullmatch(letters):
        even = letters[: len(letters) - _BEYOND_32[len(letters) % 8]].upper()
        inside = _text(base64.b32decode(even + "=" * (-len(even) % 8)))
        if inside is not None:
            return inside
    whole = len(letters) - (len(letters) % 4 == 1)
    return _text(binascii.a2b_base64(letters[:whole] + "=" * (-whole % 4)))


def _text(data: bytes) -> str | None:
    if b"\0" in data:
        data = data.replace(b"\0", b"")
    if not data or len(data.translate(None, _CONTROLS)) != len(data):
        return None
    if data.isascii():
        return data.decode("ascii")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _tail(text: str, begin: int) -> int:
    """Where the letters begin at the end of a text that may become a run."""
    at = len(text)
    while at > begin and text[at - 1] in _INSIDE:
        at -= 1
    return at


BASE64 = Shape(_RUN, _after, _read, _tail)
"""Segments in base64, base32 and hexadecimal."""
