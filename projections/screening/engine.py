"""Runs the compiled databases over bytes. The only place that calls the scanner; knows nothing of verdicts."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Set
from typing import Any

import hyperscan

from projections.screening.compiled import CompiledPack, PackError, Part
from schemas.screening.examine import sought
from schemas.screening.model import DIRECTIONS, Rule
from schemas.screening.pattern import width
from schemas.screening.tally import MAX_CANDIDATES

Spans = list[tuple[int, int]]
Scan = Callable[..., Any]


def encoded(text: str) -> bytes:
    """UTF-8; lone surrogates, which JSON can carry, become three bytes that no pattern matches."""
    return text.encode("utf-8", "surrogatepass")


class Engine:
    """The databases of one pack with the scratch space of one thread. Not to be shared between threads."""

    def __init__(self, pack: CompiledPack, base: Engine | None = None) -> None:
        """
        Args:
            base: another one of the same thread, whose databases serve here as well, as far as they are the same.
        """
        self._base = base
        self._scans: dict[bytes, Scan | None] = dict.fromkeys(part.data for part in (*pack.detect, *pack.locate))
        """By their bytes, once they are loaded."""
        scans = [self._scan_of(part.data) for part in pack.detect]
        self._detect = {
            direction: [
                (scan, part.rules)
                for scan, part in zip(scans, pack.detect, strict=True)
                if direction in part.directions
            ]
            for direction in DIRECTIONS
        }
        self._parts: list[tuple[Part, frozenset[int], bool]] = [
            *((part, _all_of(part), False) for part in pack.detect if part.ends),
            *((part, _all_of(part), True) for part in pack.locate),
        ]
        """With the rules of each, and whether it is deflated."""
        ends = [scan for part, scan in zip(pack.detect, scans, strict=True) if part.ends]
        self._locate: dict[int, Scan] = dict(enumerate(ends))
        """Of the parts that were needed so far."""
        self._rules = pack.rules
        self._part_of = {number: at for at, (_, covered, _) in enumerate(self._parts) for number in covered}
        self._by_keyword = frozenset(number for number, rule in enumerate(pack.rules) if rule.trigger == "keywords")
        """Rules of which the first scan sees only the keywords."""
        self._keyword_parts = frozenset(self._part_of[number] for number in self._by_keyword)
        self._starts: dict[int, _Starts] = {}

    def detect(self, data: bytes, direction: str = "request") -> set[int]:
        """The numbers of the rules that can hit: a pattern occurs, or a keyword where that is the trigger.

        Args:
            direction: the way that the text goes; rules that are not for it may be missing, and may not.
        """
        found: set[int] = set()
        met: set[int] = set()
        for scan, rules in self._detect[direction]:
            scan(data, _note, 0, met)
            if met:
                for expression in met:
                    found.update(rules[expression])
                met.clear()
        return found

    def locate(self, text: str, data: bytes, rules: Set[int], *, keywords: bool = True) -> dict[int, Spans]:
        """Where the patterns of these rules occur, in characters of `text`, which `data` encodes.

        For each end the leftmost start; no more than `MAX_CANDIDATES` + 1 a rule.

        Args:
            keywords: false when a rule's keyword may be out of the text's sight, so that the first scan has not said
                which of the rules that start by keywords are meant: all of them are.
        """
        found: dict[int, Spans] = {}
        parts = {self._part_of[rule] for rule in rules}
        more: Set[int] = frozenset()
        if not keywords:
            parts |= self._keyword_parts
            more = self._by_keyword
        for at in sorted(parts):
            part, covered, _ = self._parts[at]
            met: dict[int, Spans] = {}
            self._located(at)(data, _place, 0, met)
            for expression, spans in met.items():
                for rule in part.rules[expression]:
                    if rule in rules or rule in more:
                        known = found.get(rule)
                        found[rule] = spans if known is None else _merged(known, spans)
            if part.ends:
                for rule in covered.intersection(found):
                    found[rule] = self._starts_of(rule).of(data, {end for _, end in found[rule]})
        for spans in found.values():
            del spans[MAX_CANDIDATES + 1 :]
        if not found or len(text) == len(data):
            return found
        return _in_characters(data, found)

    def _located(self, at: int) -> Scan:
        scan = self._locate.get(at)
        if scan is None:
            part, _, deflated = self._parts[at]
            scan = self._locate[at] = self._scan_of(part.data, deflated=deflated)
        return scan

    def _scan_of(self, data: bytes, *, deflated: bool = False) -> Scan:
        if self._base is not None and data in self._base._scans:
            return self._base._scan_of(data, deflated=deflated)
        scan = self._scans[data]
        if scan is None:
            scan = self._scans[data] = _scan(zlib.decompress(data) if deflated else data)
        return scan

    def _starts_of(self, rule: int) -> _Starts:
        starts = self._starts.get(rule)
        if starts is None:
            starts = self._starts[rule] = _Starts(self._rules[rule])
        return starts


def _scan(data: bytes) -> Scan:
    try:
        database = hyperscan.loadb(data, hyperscan.HS_MODE_BLOCK)
    except hyperscan.error as error:
        raise PackError(f"the pack does not run on this machine: compile it here ({error})") from error
    database.scratch = hyperscan.Scratch(database)
    scan: Scan = database.scan
    return scan


def _all_of(part: Part) -> frozenset[int]:
    return frozenset(number for numbers in part.rules for number in numbers)


class _Starts:
    """Where candidates begin whose ends the scanner has told. Looks back no further than a candidate is wide."""

    __slots__ = ("_at_end", "_inside", "_most")

    def __init__(self, rule: Rule) -> None:
        patterns, left, right = sought(rule)
        before = rf"(?:\A|[^{left}])" if left else ""
        after = f"[^{right}]" if right else ""
        flags = re.IGNORECASE if "caseless" in rule.flags.split() else re.NOFLAG
        flags |= re.DOTALL if "dotall" in rule.flags.split() else re.NOFLAG
        self._most = max(width(pattern).most for pattern in patterns) + 2
        either = "|".join(f"(?:{pattern})" for pattern in patterns)
        self._inside = re.compile(rf"{before}(?:{either}){after}\Z".encode(), flags)
        self._at_end = re.compile(rf"{before}(?:{either})(?:{after or '(?:)'}|\Z)\Z".encode(), flags)

    def of(self, data: bytes, ends: set[int]) -> Spans:
        """The leftmost start for each of the ends."""
        found: Spans = []
        for end in sorted(ends):
            fits = self._at_end if end == len(data) else self._inside
            candidate = fits.search(data, max(0, end - self._most), end)
            if candidate is not None:
                found.append(candidate.span())
        return found


def _merged(one: Spans, other: Spans) -> Spans:
    """For each end the leftmost start."""
    leftmost: dict[int, int] = {}
    for start, end in (*one, *other):
        leftmost[end] = min(start, leftmost.get(end, start))
    return [(start, end) for end, start in leftmost.items()]


def _note(expression: int, _start: int, _end: int, _flags: int, found: Any) -> None:
    found.add(expression)


def _place(expression: int, start: int, end: int, _flags: int, found: Any) -> None:
    spans = found.get(expression)
    if spans is None:
        found[expression] = [(start, end)]
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
