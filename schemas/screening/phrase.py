"""Patterns of which the scanner looks for the heads only: what follows a head is read here. Pure and bounded.

A head is a plain list of words, which costs the scanner next to nothing; phrases with gaps cost most of what compiling
takes. What is read is what the pattern says of bytes, said of characters.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator

from schemas.screening.model import Rule
from schemas.screening.pattern import spelled, width

_MOST_ENDS = 8
_CLASS = re.compile(r"\[(\^?)([^\]]*)\\x80-\\xff\](?:\{(\d+),(\d+)\})?")
"""A class with the bytes of letters beyond ASCII, which patterns write at its end."""


class Phrase:
    """The patterns of one rule, from where one of their heads begins."""

    def __init__(self, rule: Rule) -> None:
        self._patterns = [spelled(pattern, rule.flags) for pattern in rule.patterns]
        self._flags = rule.flags.split()
        self._boundary = rule.boundary
        self.reach = max(width(pattern).most for pattern in self._patterns) + 1
        """Characters from where a head begins that decide."""

    def ends(self, text: str, start: int) -> Iterator[int]:
        """Where phrases end that begin at `start`: longer ones first, as far as the order of their words says."""
        read, edge = self._compiled
        limit = min(len(text), start + self.reach)
        for _ in range(_MOST_ENDS):
            found = read.match(text, start, limit)
            if found is None:
                return
            yield found.end()
            limit = found.end() - 1
            while edge is not None and limit > start and edge.match(text, limit):
                limit -= 1

    @functools.cached_property
    def _compiled(self) -> tuple[re.Pattern[str], re.Pattern[str] | None]:
        case = re.IGNORECASE if "caseless" in self._flags else re.NOFLAG
        flags = re.ASCII | case | (re.DOTALL if "dotall" in self._flags else re.NOFLAG)
        read = [_CLASS.sub(lambda found: _of_characters(found, case), pattern) for pattern in self._patterns]
        either = "|".join(f"(?:{pattern})" for pattern in read)
        if not self._boundary:
            return re.compile(either, flags), None
        return re.compile(f"(?:{either})(?![{self._boundary}])", flags), re.compile(f"[{self._boundary}]", re.ASCII)


def _of_characters(found: re.Match[str], case: int) -> str:
    """A class that has all bytes beyond ASCII, as one of characters; as few of them as so many bytes can be."""
    negated, inside, least, most = found.groups()
    others = _outside(inside, case)
    one = f"[{others}]" if negated else f"[^{others}]"
    return one if least is None else f"{one}{{{-(-int(least) // 4)},{most}}}"


@functools.cache
def _outside(inside: str, case: int) -> str:
    """The ASCII characters that are not in a class: a class as small as that of all the others would be large."""
    belongs = re.compile(f"[{inside}]" if inside else "(?!)", re.ASCII | case)
    return "".join(rf"\x{code:02x}" for code in range(128) if not belongs.match(chr(code)))
