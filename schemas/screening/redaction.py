"""Cuts hits out of texts. Pure: what was cut is kept nowhere."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from schemas.screening.model import TOO_MANY_HITS, Hit, Verdict, strictness


class IncompleteVerdict(ValueError):
    """The verdict does not name every hit, or is about other texts: cutting by it would leave some in the clear."""


class BrokenJson(ValueError):
    """A text was JSON and would be none any more: it must not go on, neither as it was nor as it would be."""


_STRING_OR_NUMBER = re.compile(r'"(?:[^"\\]|\\.)*"|-?[0-9][0-9.eE+-]*')


def replaced(text: str, spans: Sequence[tuple[int, int, str]]) -> str:
    """The text with each span, in order, replaced by what it says. JSON stays JSON: a number becomes a string.

    Raises:
        BrokenJson: neither is possible, as where a span is part of what JSON itself needs.
    """
    plain = _joined(text, spans)
    if not _is_json(text) or _is_json(plain):
        return plain
    whole = _joined(text, _strings(text, spans))
    if not _is_json(whole):
        raise BrokenJson("a redaction would leave no JSON of a text that is JSON: block it")
    return whole


def _strings(text: str, spans: Sequence[tuple[int, int, str]]) -> list[tuple[int, int, str]]:
    """The same, but that what lies in numbers of a JSON text replaces each as a whole, by a string."""
    found: list[tuple[int, int, str]] = []
    values = _STRING_OR_NUMBER.finditer(text)
    value = next(values, None)
    for start, end, instead in spans:
        while value is not None and value.end() <= start:
            value = next(values, None)
        if value is None or value[0][0] == '"' or not value.start() <= start:
            found.append((start, end, instead))
        elif not found or found[-1][1] <= value.start():
            found.append((value.start(), max(end, value.end()), f'"{instead}"'))
    return found


def _joined(text: str, spans: Sequence[tuple[int, int, str]]) -> str:
    parts: list[str] = []
    at = 0
    for start, end, instead in spans:
        parts += (text[at:start], instead)
        at = end
    parts.append(text[at:])
    return "".join(parts)


def _is_json(text: str) -> bool:
    """Whether it is an object or an array."""
    if not text.lstrip().startswith(("{", "[")):
        return False
    try:
        msgspec.json.decode(text)
    except (msgspec.MsgspecError, UnicodeEncodeError, RecursionError):
        return False
    return True


class JsonPieces:
    """A JSON text that comes in pieces: whether what follows stands in a string of it, or is a value by itself."""

    __slots__ = ("_begun", "_escaped", "_inside", "_json")

    def __init__(self) -> None:
        self._begun = self._json = self._inside = self._escaped = False

    @property
    def bare(self) -> bool:
        """Whether what takes the place of what follows needs quotation marks."""
        return self._json and not self._inside

    def past(self, piece: str) -> None:
        """Takes in the text as it came."""
        if not self._begun and piece.strip():
            self._begun, self._json = True, piece.lstrip().startswith(("{", "["))
        for char in piece if self._json else "":
            if self._escaped:
                self._escaped = False
            elif char == "\\":
                self._escaped = self._inside
            elif char == '"':
                self._inside = not self._inside


def redact(texts: Sequence[str], verdict: Verdict) -> list[str]:
    """The texts with every hit that redacts or blocks replaced by `[REDACTED:<category>]`.

    Hits that overlap are cut as one and named after the strictest of them. IncompleteVerdict if the verdict stands for
    more hits than it names, or does not fit the texts; BrokenJson as `replaced`.
    """
    cut = list(texts)
    for index, spans in spans_of(texts, verdict).items():
        cut[index] = replaced(cut[index], [(start, end, _marker(category)) for start, end, category in spans])
    return cut


def spans_of(texts: Sequence[str], verdict: Verdict) -> dict[int, list[tuple[int, int, str]]]:
    """(start, end, category) of what is to be cut out, by text and in order; none overlaps another.

    Raises:
        IncompleteVerdict: as `redact`.
    """
    if verdict.rule == TOO_MANY_HITS and strictness(verdict.action) >= strictness("redact"):
        raise IncompleteVerdict("not every hit is known: block these texts, they cannot be redacted")
    by_text: dict[int, list[Hit]] = {}
    for hit in verdict.hits:
        if strictness(hit.action) >= strictness("redact"):
            by_text.setdefault(hit.text, []).append(hit)
    for index, hits in by_text.items():
        if not 0 <= index < len(texts) or any(hit.end > len(texts[index]) for hit in hits):
            raise IncompleteVerdict("the verdict is about other texts: screen these texts first")
    return {index: _merged(hits) for index, hits in by_text.items()}


def marker(hit: Hit) -> str:
    """What stands in a text where a hit was."""
    return _marker(hit.rule.partition(".")[0])


def _marker(category: str) -> str:
    return f"[REDACTED:{category}]"


def _merged(hits: list[Hit]) -> list[tuple[int, int, str]]:
    spans: list[tuple[int, int, Hit]] = []
    for hit in sorted(hits, key=lambda hit: (hit.start, -hit.end)):
        if spans and hit.start < spans[-1][1]:
            start, end, named = spans[-1]
            stricter = hit if strictness(hit.action) > strictness(named.action) else named
            spans[-1] = (start, max(end, hit.end), stricter)
        else:
            spans.append((hit.start, hit.end, hit))
    return [(start, end, hit.rule.partition(".")[0]) for start, end, hit in spans]
