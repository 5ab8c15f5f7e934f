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
    if verdict.rule == TOO_MANY_HITS and strictness(verdict.action) >= strictness("redact"):
        raise IncompleteVerdict("not every hit is known: block these texts, they cannot be redacted")
    by_text: dict[int, list[Hit]] = {}
    for hit in verdict.hits:
        if strictness(hit.action) >= strictness("redact"):
            by_text.setdefault(hit.text, []).append(hit)
    cut = list(texts)
    for index, hits in by_text.items():
        if not 0 <= index < len(cut) or any(hit.end > len(cut[index]) for hit in hits):
            raise IncompleteVerdict("the verdict is about other texts: screen these texts first")
        cut[index] = _cut(cut[index], hits)
    return cut


def _cut(text: str, hits: list[Hit]) -> str:
    parts: list[str] = []
    at = 0
    for start, end, category in _merged(hits):
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
