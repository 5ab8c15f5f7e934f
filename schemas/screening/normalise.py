"""Reads a text as a person or a decoder would: escapes undone, look-alikes and what is not seen turned to ASCII. Pure.

Everything here is local: what a character becomes depends on at most `LONGEST` characters, so a text may come in
pieces. Nothing grows: each unit is read as at most as many characters as it has, or as `confusables.MOST`. Segments
in base64 and in hexadecimal are in `segments`, characters written one by one in `codes`.
"""

from __future__ import annotations

import html
import re
from bisect import bisect_right
from typing import NamedTuple

from schemas.screening import confusables

MAX_DEPTH = 3
"""How many encodings within each other are undone."""
LONGEST = 33
"""Characters that one unit may have."""

_PERCENT = (
    r"%[0-7][0-9A-Fa-f]|%[CDcd][0-9A-Fa-f]%[89ABab][0-9A-Fa-f]|%[Ee][0-9A-Fa-f](?:%[89ABab][0-9A-Fa-f]){2}"
    r"|%[Ff][0-7](?:%[89ABab][0-9A-Fa-f]){3}"
)
_ENTITY = r"&(?:#(?:[0-9]{1,7}(?:;|(?![0-9]))|[xX][0-9A-Fa-f]{1,6}(?:;|(?![0-9A-Fa-f])))|[A-Za-z][A-Za-z0-9]{1,30};)"
_ESCAPE = (
    r"\\{1,8}(?:u(?:[dD][89abAB][0-9A-Fa-f]{2}\\{1,8}u[dD][c-fC-F][0-9A-Fa-f]{2}|(?![dD][89a-fA-F])[0-9A-Fa-f]{4}"
    r"|\{[0-9A-Fa-f]{1,6}\})|x[0-9A-Fa-f]{2}|U00(?:0[0-9A-Fa-f]|10)[0-9A-Fa-f]{4})|\\[nrt\"/]"
)
"""Each time that a string is quoted within another one doubles what stands before the escape."""
_UNIT = re.compile(f"{_PERCENT}|{_ENTITY}|{_ESCAPE}")
_ASCII = bytes(range(128))
_MANY = 64
"""Different characters of a text from which on they are looked up one by one."""
_UNIT_OR_BEYOND = re.compile(f"{_PERCENT}|{_ENTITY}|{_ESCAPE}|[^\\x00-\\x7f]")
_PARTIAL = re.compile(
    r"(?:%(?:[0-9A-Fa-f]|[CDcd][0-9A-Fa-f](?:%[89ABab]?)?|[Ee][0-9A-Fa-f](?:%[89ABab][0-9A-Fa-f])?(?:%[89ABab]?)?"
    r"|[Ff][0-7](?:%[89ABab][0-9A-Fa-f]){0,2}(?:%[89ABab]?)?)?"
    r"|&(?:#(?:[0-9]{0,7}|[xX][0-9A-Fa-f]{0,6})|[A-Za-z][A-Za-z0-9]{0,30})?"
    r"|\\{1,8}(?:u(?:[dD][89abAB][0-9A-Fa-f]{2}(?:\\{1,8}(?:u(?:[dD](?:[c-fC-F][0-9A-Fa-f]?)?)?)?)?|[0-9A-Fa-f]{0,3}"
    r"|\{[0-9A-Fa-f]{0,6})|x[0-9A-Fa-f]?|U[0-9A-Fa-f]{0,7})?)\Z"
)
"""What may become a unit, or a longer one, with the characters that follow."""
_PLAIN_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "/": "/"}


class Change(NamedTuple):
    """The characters of a text from `start` to `end` read as `reading`."""

    start: int
    end: int
    reading: str


def fold(text: str) -> str:
    """The text as it reads: the text itself when nothing in it reads differently."""
    if "%" in text or "&" in text or "\\" in text:
        text = _UNIT.sub(lambda found: _unit(found.group()), text)
    return text if text.isascii() else _folded(text)


def _folded(text: str) -> str:
    # Most texts have a handful of such characters, each many times: replacing one by one is ten times faster there.
    table = confusables.folds()
    beyond = text.encode("utf-8", "surrogatepass").translate(None, _ASCII).decode("utf-8", "surrogatepass")
    found = [char for char in set(beyond) if ord(char) in table]
    if len(found) > _MANY:
        return text.translate(table)
    for char in found:
        text = text.replace(char, table[ord(char)])
    return text


def changes(text: str, begin: int = 0) -> list[Change]:
    """What reads differently, in order: `fold` in detail."""
    found = []
    table = confusables.folds()
    for match in _UNIT_OR_BEYOND.finditer(text, begin):
        char = match.group()
        reading = (_unit(char) if char.isascii() else char).translate(table)
        if reading != char:
            found.append(Change(match.start(), match.end(), reading))
    return found


def stable(text: str) -> int:
    """How much of a text that goes on can be read already: what follows changes nothing before this character."""
    begin = max(0, len(text) - LONGEST)
    if max(text.rfind("%", begin), text.rfind("&", begin), text.rfind("\\", begin)) < 0:
        return len(text)
    # Where the last whole units are can only be told from where units began: from any character that is none's inside.
    end = 0
    for match in _UNIT.finditer(text):
        if match.end() == len(text) and match.group().startswith("&#") and match.group()[-1] != ";":
            return match.start()
        end = match.end()
    partial = _PARTIAL.search(text, max(end, begin))
    return partial.start() if partial else len(text)


class Offsets:
    """From a folded text back to the text it was folded from."""

    def __init__(self) -> None:
        self._begins: list[int] = []
        self._changed: list[tuple[int, int, int]] = []
        """Ends in the folded text, begins and ends in the other."""
        self._shift = 0
        """What to add to a character of the folded text behind the last change."""
        self._dropped = 0

    def add(self, changed: list[Change], base: int = 0) -> None:
        """Further changes, behind all before; `base` is where the text that they are of begins."""
        for start, end, reading in changed:
            folded = base + start - self._shift
            self._begins.append(folded)
            self._changed.append((folded + len(reading), base + start, base + end))
            self._shift = base + end - folded - len(reading)

    def start(self, folded: int) -> int:
        """Where in the other text the unit begins that this character is of."""
        number = bisect_right(self._begins, folded) - 1
        if number < 0:
            return folded + self._dropped
        end, began, ended = self._changed[number]
        return began if folded < end else ended + folded - end

    def end(self, folded: int) -> int:
        """Where in the other text the unit ends that the character before this is of."""
        number = bisect_right(self._begins, folded - 1) - 1
        if number < 0:
            return folded + self._dropped
        end, _, ended = self._changed[number]
        return ended if folded <= end else ended + folded - end

    def forget(self, folded: int) -> None:
        """Nothing before this character of the folded text will be asked about."""
        number = bisect_right(self._begins, folded) - 1
        if number >= 64:
            end, _, ended = self._changed[number - 1]
            self._dropped = ended - end
            del self._begins[:number], self._changed[:number]


def _unit(unit: str) -> str:
    kind = unit[0]
    if kind == "%":
        try:
            return bytes.fromhex(unit.replace("%", "")).decode("utf-8")
        except UnicodeDecodeError:
            return unit
    if kind == "&":
        return html.unescape(unit)
    plain = _PLAIN_ESCAPES.get(unit[1])
    if plain is not None:
        return plain
    escape = unit.lstrip("\\")
    if "\\" in escape:  # a pair of surrogates
        return chr(0x10000 + ((int(escape[1:5], 16) & 0x3FF) << 10) + (int(escape[-4:], 16) & 0x3FF))
    point = int(escape[1:].strip("{}"), 16)
    return chr(point) if point <= 0x10FFFF and not 0xD800 <= point < 0xE000 else unit
