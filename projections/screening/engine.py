"""Runs the compiled databases over bytes. The only place that calls the scanner; knows nothing of verdicts."""

from __future__ import annotations

from collections.abc import Container
from typing import Any

import hyperscan

from projections.screening.compiled import CompiledPack, PackError
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
        if len(text) == len(data):
            return found
        return _in_characters(data, found)


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
