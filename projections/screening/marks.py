"""Says in one scan whether a text may read differently from what it is, so that plain texts pay next to nothing."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import hyperscan

from schemas.screening import codes, confusables
from schemas.screening.segments import LEAST

_LETTER = "A-Za-z0-9+/_-"
_UNITS = (rb"%[0-9A-Fa-f]{2}", rb"&#[0-9xX]", rb"&[A-Za-z][A-Za-z0-9]", rb"\\[uUxnrt\"/]")
"""Where `normalise` may find a unit; more than it does."""
_LETTERS = rf"[{_LETTER}]{{{LEAST}}}".encode()
_CODES = tuple(
    rf"(?:{token}{codes.BETWEEN}){{{least - 1}}}".encode()
    for token, least in ((codes.BYTE, codes.LEAST), (codes.NUMBER, codes.LEAST), (codes.LETTER, codes.LEAST_LETTERS))
)
"""More than `codes` takes for a run."""
_RUNS = rf"(?:\A|[^{_LETTER}])[{_LETTER}]{{{LEAST}}}".encode()
"""Says where each run begins, and costs six times what `_LETTERS` does."""


class Marks(NamedTuple):
    """What normalisation has to look at in a text."""

    folds: bool
    """Characters or units may read differently."""
    runs: list[int]
    """Bytes at which runs of letters begin that may be segments."""
    codes: bool = False
    """Characters may be written one by one."""


class Marker:
    """The scanner's databases for marks, with the scratch space of one thread.

    Five small ones, since each by itself is faster by far than they are together.
    """

    def __init__(self) -> None:
        self._characters, self._units, self._letters, self._runs, self._codes = map(_scan, _databases())

    def marks(self, data: bytes) -> Marks | None:
        """The marks of a text in UTF-8, None if it has none."""
        found: list[int] = []
        self._units(data, _note, 0, found)
        if not found and not data.isascii():
            self._characters(data, _note, 0, found)
        folds = bool(found)
        found.clear()
        self._codes(data, _note, 0, found)
        codes = bool(found)
        found.clear()
        self._letters(data, _note, 0, found)
        if found:
            found.clear()
            self._runs(data, _note, 0, found)
        elif not folds and not codes:
            return None
        return Marks(folds, [end - LEAST for end in found], codes)


def _note(_number: int, _start: int, end: int, _flags: int, found: Any) -> None:
    found.append(end)


def _scan(data: bytes) -> Callable[..., Any]:
    database = hyperscan.loadb(data, hyperscan.HS_MODE_BLOCK)
    database.scratch = hyperscan.Scratch(database)
    scan: Callable[..., Any] = database.scan
    return scan


@functools.cache
def _databases() -> tuple[bytes, ...]:
    once = hyperscan.HS_FLAG_SINGLEMATCH
    singly = ((_characters(),), _UNITS, (_LETTERS,))
    return *(_compiled(each, once) for each in singly), _compiled((_RUNS,)), _compiled(_CODES, once)


def _compiled(expressions: tuple[bytes, ...], flags: int = 0) -> bytes:
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    count = len(expressions)
    database.compile(expressions=list(expressions), ids=[0] * count, elements=count, flags=[flags] * count)
    return bytes(hyperscan.dumpb(database))


def _characters() -> bytes:
    """An expression for the UTF-8 of every character that folds."""
    by_lead: dict[bytes, set[int]] = {}
    for point in confusables.folds():
        encoded = chr(point).encode()
        by_lead.setdefault(encoded[:-1], set()).add(encoded[-1])
    by_trail: dict[tuple[int, bytes, tuple[int, ...]], set[int]] = {}
    for lead, trails in by_lead.items():
        by_trail.setdefault((len(lead), lead[:-1], tuple(sorted(trails))), set()).add(lead[-1])
    choices = [
        b"".join(rb"\x%02x" % byte for byte in head) + _class(sorted(lasts)) + _class(trails)
        for (_, head, trails), lasts in sorted(by_trail.items())
    ]
    return b"|".join(choices)


def _class(values: list[int] | tuple[int, ...]) -> bytes:
    return b"[" + b"".join(rb"\x%02x" % value for value in values) + b"]"
