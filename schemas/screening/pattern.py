"""The subset of regular expressions that rules may use, and how wide a match can be. No matching here.

Everything in the subset is bounded and linear: no `*`, `+`, `{n,}`, anchors, look-around, groups that capture,
back-references. What grows (a token's tail) is said by a rule's `extend_right`; what must not touch the match by its
`boundary`. Bounded width is what lets a stream be scanned through a window.

Letters beyond ASCII may stand in a pattern as themselves; they are scanned for as their UTF-8 bytes, so a quantifier
after one must be written after a group, and a class cannot hold one.
"""

from __future__ import annotations

import re
from typing import NamedTuple

MAX_WIDTH = 400
"""Bytes that one pattern may span; the extensions of a rule come on top."""
MAX_REPEAT = 128
"""The scanner pays for a bounded repeat with memory for every step of it."""

GAP = r"[^A-Za-z0-9\x80-\xff]{1,3}"
"""What a space stands for in a pattern with the flag `words`: whatever parts words in prose, markup and lists."""

_CLASS_ESCAPES = frozenset("dDwWsS")
_CONTROL_ESCAPES = frozenset("nrtfv")
_ATOM = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|.", re.DOTALL)
_SPACE_OR_OTHER = re.compile(r" |\\.|\[\^?\]?(?:\\.|[^\]\\])*\]", re.DOTALL)


class Width(NamedTuple):
    """The least and the most bytes a match spans."""

    least: int
    most: int


class PatternError(ValueError):
    """The pattern is outside of the subset. The message says where and what to write instead."""


def width(pattern: str) -> Width:
    """Parse a pattern of the subset; PatternError says what is wrong with any other."""
    reader = _Reader(pattern)
    found = reader.alternatives()
    if reader.at < len(pattern):
        raise reader.error("unmatched )")
    if found.least == 0:
        raise PatternError(f"{pattern!r} can match nothing at all: make a part of it mandatory")
    if found.most > MAX_WIDTH:
        raise PatternError(f"{pattern!r} can span {found.most} bytes, more than {MAX_WIDTH}: use extend_right")
    return found


def spelled(pattern: str, flags: str) -> str:
    """The pattern as the scanner gets it: with the flag `words`, each space outside of a class becomes a gap."""
    if "words" not in flags.split():
        return pattern
    return _SPACE_OR_OTHER.sub(lambda found: GAP if found.group() == " " else found.group(), pattern)


class Heads(NamedTuple):
    """What all matches of a spelled pattern begin with: of each alternative, what stands before its first gap."""

    pattern: str
    words: bool
    """They are whole words: nothing but what parts words follows one, or the end of the match."""


def heads(pattern: str) -> Heads:
    """The heads of a spelled pattern."""
    found = [""]
    depth, past, words = 0, False, True
    for atom in _ATOM.findall(pattern):
        depth += (atom == "(") - (atom == ")")
        if not depth and atom == "|":
            found.append("")
            past = False
            continue
        if not depth and not past and atom.startswith("[^"):
            past = True
            words = words and GAP.startswith(atom)
        if not past:
            found[-1] += atom
    return Heads("|".join(f"(?:{head})" for head in found), words)


def check_class(inside: str) -> None:
    """PatternError unless `inside` can stand between the brackets of one character class."""
    reader = _Reader(f"[{inside}]")
    reader.atom()
    if reader.at < len(reader.pattern):
        raise reader.error("the class ends before this")


class _Reader:
    """A recursive-descent reader; depth is bounded by the pattern's own nesting."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.at = 0

    def error(self, reason: str) -> PatternError:
        return PatternError(f"{self.pattern!r} at {self.at}: {reason}")

    def peek(self) -> str:
        return self.pattern[self.at : self.at + 1]

    def take(self) -> str:
        taken = self.peek()
        if not taken:
            raise self.error("ends too early")
        self.at += 1
        return taken

    def alternatives(self) -> Width:
        found = self.sequence()
        while self.peek() == "|":
            self.at += 1
            other = self.sequence()
            found = Width(min(found.least, other.least), max(found.most, other.most))
        return found

    def sequence(self) -> Width:
        least = most = 0
        while self.peek() not in ("", "|", ")"):
            atom = self.atom()
            low, high = self.quantifier()
            least += atom.least * low
            most += atom.most * high
        return Width(least, most)

    def atom(self) -> Width:
        char = self.take()
        if char == "(":
            return self.group()
        if char == "[":
            return self.char_class()
        if char == "\\":
            return self.escape()
        if char in "^$":
            raise self.error("anchors are not for rules: use boundary")
        if char in "*+?{":
            raise self.error(f"{char} repeats nothing here")
        size = len(char.encode("utf-8", "surrogatepass"))
        if size > 1 and self.peek() and self.peek() in "?*+{":
            raise self.error(f"write (?:{char}): a quantifier counts bytes")
        return Width(size, size)

    def group(self) -> Width:
        if self.pattern[self.at : self.at + 2] != "?:":
            raise self.error("only (?:…) groups: no captures, look-around or inline flags")
        self.at += 2
        found = self.alternatives()
        if self.peek() != ")":
            raise self.error("missing )")
        self.at += 1
        return found

    def escape(self) -> Width:
        char = self.take()
        if char == "b":
            return Width(0, 0)
        if char in _CLASS_ESCAPES or char in _CONTROL_ESCAPES or not char.isalnum():
            return Width(1, 1)
        if char == "x" and re.match(r"[0-9a-fA-F]{2}", self.pattern[self.at :]):
            self.at += 2
            return Width(1, 1)
        raise self.error(f"\\{char} is not part of the subset")

    def char_class(self) -> Width:
        if self.peek() == "^":
            self.at += 1
        first = True
        while self.peek() != "]" or first:
            first = False
            char = self.take()
            if char == "\\":
                self.escape()
            elif not char.isascii():
                raise self.error(f"{char} is not ASCII: a class is of bytes, write (?:…|…)")
        self.at += 1
        return Width(1, 1)

    def quantifier(self) -> tuple[int, int]:
        char = self.peek()
        if char and char in "*+":
            raise self.error(f"{char} has no upper bound: use {{n}} or {{n,m}}, and extend_right for a tail")
        if char == "?":
            self.at += 1
            return self.once_more(0, 1)
        if char != "{":
            return 1, 1
        close = self.pattern.find("}", self.at)
        low, comma, high = self.pattern[self.at + 1 : max(close, 0)].partition(",")
        if close < 0 or not low.isdigit() or (comma and not high.isdigit()):
            raise self.error("write {n} or {n,m}: an open end is not bounded")
        self.at = close + 1
        least, most = int(low), int(high) if comma else int(low)
        if least > most or most > MAX_REPEAT:
            raise self.error(f"a repeat goes from 0 to {MAX_REPEAT}, the smaller number first")
        return self.once_more(least, most)

    def once_more(self, least: int, most: int) -> tuple[int, int]:
        if self.peek() and self.peek() in "?+*{":
            raise self.error("one quantifier at a time: lazy, possessive and stacked ones mean nothing here")
        return least, most
