"""Runs the compiled databases over bytes. The only place that calls the scanner; knows nothing of verdicts."""

from __future__ import annotations

import re
from collections.abc import Container
from typing import Any

import hyperscan

from projections.screening.compiled import CompiledPack, PackError, only_ends
from schemas.screening.model import Rule
from schemas.screening.pattern import spelled, width
from schemas.screening.tally import MAX_CANDIDATES

Spans = list[tuple[int, int]]


def encoded(text: str) -> bytes:
    """UTF-8; lone surrogates, which JSON can carry, become three bytes that no pattern matches."""
    return text.encode("utf-8", "surrogatepass")


class Engine:
    """The databases of one pack with the scratch space of one thread. Not to be shared between threads."""

    def __init__(self, pack: CompiledPack) -> None:
        try:
            self._detect_db = hyperscan.loadb(pack.detect, hyperscan.HS_MODE_BLOCK)
            self._locate_db = hyperscan.loadb(pack.locate, hyperscan.HS_MODE_BLOCK)
        except hyperscan.error as error:
            raise PackError(f"the pack does not run on this machine: compile it here ({error})") from error
        self._detect_db.scratch = hyperscan.Scratch(self._detect_db)
        self._locate_db.scratch = hyperscan.Scratch(self._locate_db)
        self._detect = self._detect_db.scan
        self._locate = self._locate_db.scan
        self._rules = pack.rules
        self._ends_only = frozenset(number for number, rule in enumerate(pack.rules) if only_ends(rule))
        self._starts: dict[int, _Starts] = {}

    def detect(self, data: bytes) -> list[int]:
        """The numbers of the rules that can hit: a pattern occurs, or a keyword where that is the trigger."""
        found: list[int] = []
        self._detect(data, _note, 0, found)
        return found

    def locate(self, text: str, data: bytes, rules: Container[int] | None = None) -> dict[int, Spans]:
        """Where the patterns of these rules (of all by default) occur, in characters of `text`, which `data` encodes.

        For each end the leftmost start; no more than `MAX_CANDIDATES` + 1 a rule.
        """
        found: dict[int, Spans] = {}
        self._locate(data, _place, 0, found)
        if not found:
            return found
        if rules is not None:
            found = {rule: spans for rule, spans in found.items() if rule in rules}
        for rule in self._ends_only.intersection(found):
            starts = self._starts.get(rule)
            if starts is None:
                starts = self._starts[rule] = _Starts(self._rules[rule])
            found[rule] = starts.of(data, {end for _, end in found[rule]})
        if len(text) == len(data):
            return found
        return _in_characters(data, found)


class _Starts:
    """Where candidates begin whose ends the scanner has told. Looks back no further than a candidate is wide."""

    __slots__ = ("_at_end", "_inside", "_most")

    def __init__(self, rule: Rule) -> None:
        edge = f"[^{rule.boundary}]" if rule.boundary else ""
        before = rf"(?:\A|{edge})" if edge and not rule.extend_left else ""
        after = edge if not rule.extend_right else ""
        flags = re.IGNORECASE if "caseless" in rule.flags.split() else re.NOFLAG
        flags |= re.DOTALL if "dotall" in rule.flags.split() else re.NOFLAG
        patterns = [spelled(pattern, rule.flags) for pattern in rule.patterns]
        self._most = max(width(pattern).most for pattern in patterns) + 2
        either = "|".join(f"(?:{pattern})" for pattern in patterns)
        self._inside = re.compile(f"{before}(?:{either}){after}".encode(), flags)
        self._at_end = re.compile(f"{before}(?:{either})(?:{after or '(?:)'}|\\Z)".encode(), flags)

    def of(self, data: bytes, ends: set[int]) -> Spans:
        """The leftmost start for each of the ends."""
        found: Spans = []
        for end in sorted(ends):
            fits = (self._at_end if end == len(data) else self._inside).fullmatch
            begin = max(0, end - self._most)
            start = next((at for at in range(begin, end) if fits(data, at, end)), None)
            if start is not None:
                found.append((start, end))
        return found


def _note(rule: int, _start: int, _end: int, _flags: int, found: Any) -> None:
    found.append(rule)


def _place(rule: int, start: int, end: int, _flags: int, found: Any) -> None:
    spans = found.get(rule)
    if spans is None:
        found[rule] = [(start, end)]
    elif len(spans) <= MAX_CANDIDATES:
        spans.append((start, end))


def _in_characters(data: bytes, found: dict[int, Spans]) -> dict[int, Spans]:
    """Byte offsets to character offsets; a span that cuts a character is widened to the whole of it."""
    whole = {rule: [(_back(data, start), _forward(data, end)) for start, end in spans] for rule, spans in found.items()}
    at: dict[int, int] = {0: 0}
    characters = previous = 0
    for offset in sorted({offset for spans in whole.values() for span in spans for offset in span}):
        characters += len(data[previous:offset].decode("utf-8", "surrogatepass"))
        at[offset] = characters
        previous = offset
    return {rule: [(at[start], at[end]) for start, end in spans] for rule, spans in whole.items()}


def _continues(data: bytes, offset: int) -> bool:
    return offset < len(data) and data[offset] & 0xC0 == 0x80


def _back(data: bytes, offset: int) -> int:
    while _continues(data, offset):
        offset -= 1
    return offset


def _forward(data: bytes, offset: int) -> int:
    while _continues(data, offset):
        offset += 1
    return offset
