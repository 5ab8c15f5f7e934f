"""Cuts hits out of texts. Pure: what was cut is kept nowhere."""

from __future__ import annotations

from collections.abc import Sequence

from schemas.screening.model import TOO_MANY_HITS, Hit, Verdict, strictness


class IncompleteVerdict(ValueError):
    """The verdict does not name every hit, or is about other texts: cutting by it would leave some in the clear."""


def redact(texts: Sequence[str], verdict: Verdict) -> list[str]:
    """The texts with every hit that redacts or blocks replaced by `[REDACTED:<category>]`.

    Hits that overlap are cut as one and named after the strictest of them. IncompleteVerdict if the verdict stands for
    more hits than it names, or does not fit the texts.
    """
    cut = list(texts)
    for index, spans in spans_of(texts, verdict).items():
        cut[index] = _cut(cut[index], spans)
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


def _cut(text: str, spans: list[tuple[int, int, str]]) -> str:
    parts: list[str] = []
    at = 0
    for start, end, category in spans:
        parts += (text[at:start], _marker(category))
        at = end
    parts.append(text[at:])
    return "".join(parts)


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
