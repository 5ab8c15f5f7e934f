"""Finds texts whose characters are written one by one: by their numbers, or as letters set apart. Pure; in pieces too.

Such a run is of bytes in hexadecimal (`68 65`, `0x68,0x65`, `=68=65`), of numbers in decimal or octal (`104, 101`,
`\\150\\145`), or of single letters (`h e l l o`, `h-e-l-l-o`). What undoes a notation that escapes a character by
itself (`%68`, `\\x68`, `&#104;`) is in `normalise`. Longer runs count as several that overlap, as in `segments`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from schemas.screening.segments import MAX_SEGMENT, OVERLAP, Segment, Shape

LEAST = 8
"""Tokens that a run of numbers has at least; one of letters has `LEAST_LETTERS`."""
LEAST_LETTERS = 10

BETWEEN = r"[\x00-$'-/:-@[-`{-\x7f]{1,3}"
"""What may part two of them: ASCII but letters, digits, `%` and `&`."""
PREFIX = r"(?:0[xX]|[uU]\+00)?"
BYTE = rf"{PREFIX}[0-9A-Fa-f]{{2}}"
NUMBER = r"[0-9]{2,3}"
LETTER = r"[0-9A-Za-z]"
_END = r"(?![0-9A-Za-z])"


def _run(token: str, least: int, most: str) -> str:
    return rf"{token}{_END}(?:{BETWEEN}{token}{_END}){{{least - 1},{most}}}"


_RUN = re.compile(
    rf"[^0-9A-Za-z](?:{_run(BYTE, LEAST, str(LEAST - 1))}|{_run(NUMBER, LEAST, str(LEAST - 1))}"
    rf"|{_run(LETTER, LEAST_LETTERS, str(LEAST_LETTERS - 1))})"
)
_WHOLE = re.compile(
    f"(?P<byte>{_run(BYTE, LEAST, '')})|(?P<number>{_run(NUMBER, LEAST, '')})"
    f"|(?P<letter>{_run(LETTER, LEAST_LETTERS, '')})"
)
_BYTES = re.compile(rf"{PREFIX}([0-9A-Fa-f]{{2}})")
_NUMBERS = re.compile(r"[0-9]+")
_TOKENS = re.compile(r"([0-9A-Za-z])([^0-9A-Za-z]*)")
_STARTS = re.compile(r"(?<![0-9A-Za-z])[0-9A-Za-z]")
_LAST_WORD = re.compile(r"(?s:.*)[0-9A-Za-z]{5}")
"""No run goes over a word of five."""
_DECIMAL = {text: chr(code) for code in range(9, 128) for text in (f"{code:02}", f"{code:03}")}
_OCTAL = {text: chr(code) for code in range(8, 128) for text in (f"{code:o}", f"{code:03o}")}
_AHEAD = 16
"""Characters behind a run that may still make it longer."""
_REACH = 80
"""Characters in which a run shows itself as one."""
_SAID = re.compile(r"[\t\n\r -~]{6}|[^\x00-\x7f]{4}")
"""So many characters in a row can be read where something is said."""
_UNREADABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffd]+")


def _after(text: str, start: int, *, final: bool) -> tuple[int, int] | None:
    """Where the run ends that begins at `start`, and where to go on; None if text that is to come decides that."""
    limit = start + MAX_SEGMENT
    whole = _WHOLE.match(text, start, limit)
    assert whole is not None, "a run begins here"
    end = whole.end()
    if len(text) < limit and not final and len(text) < end + _AHEAD:
        return None
    if end < limit - _AHEAD:
        return end, end
    again = _STARTS.search(text, end - OVERLAP)
    assert again is not None, "there are tokens within this"
    return end, again.start()


def _read(text: str, start: int, end: int) -> list[Segment]:
    """What a run says, and what else it may say."""
    shown = _WHOLE.match(text, start, min(end, start + _REACH))
    assert shown is not None, "a run was found here"
    readings = dict.fromkeys(filter(None, _READINGS[str(shown.lastgroup)](text[start:end])))
    return [Segment(start, end, reading) for reading in readings]


def _bytes_said(run: str) -> Iterator[str]:
    digits = "".join(_BYTES.findall(run))
    yield _readable(bytes.fromhex(digits).replace(b"\0", b"").decode("utf-8", "replace"))
    if digits.isdigit():
        yield from _numbers_said(run)


def _numbers_said(run: str) -> Iterator[str]:
    numbers = _NUMBERS.findall(run)
    for letters in (_DECIMAL, _OCTAL):
        yield _readable("".join([letters.get(number, "\ufffd") for number in numbers]))


def _letters_said(run: str) -> Iterator[str]:
    """Words are where more stands between letters than usually does, or something else."""
    found = _TOKENS.findall(run)
    usual = Counter(between for _, between in found[:-1]).most_common(1)[0][0]
    parts = []
    for letter, between in found:
        parts.append(letter)
        if between != usual:
            # of what stood between two words each sign was set apart as well
            parts.append(between[len(usual) : -len(usual)] if len(between) > 2 * len(usual) else between)
    yield "".join(parts)


def _readable(text: str) -> str:
    """Empty when nothing in it can be read."""
    plain = _UNREADABLE.sub(" ", text)
    return plain if _SAID.search(plain) else ""


def _tail(text: str, begin: int) -> int:
    """Before this no run begins that is not known yet."""
    begin = max(begin, len(text) - _REACH)
    word = _LAST_WORD.match(text, begin)
    return begin if word is None else word.end()


_READINGS = {"byte": _bytes_said, "number": _numbers_said, "letter": _letters_said}
CODES = Shape(_RUN, _after, _read, _tail, lead=1)
