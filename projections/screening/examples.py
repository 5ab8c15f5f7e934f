"""Holds a rule against its own examples. What is wrong is told by the example's number: its text may be a secret."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from projections.screening.screener import Screener
from schemas.screening.model import Rule, ScreeningPolicy
from schemas.screening.rules import example


def failures(screener: Screener, rule: Rule) -> Iterator[str]:
    """What is wrong with a rule's examples, a line each; nothing when all pass."""
    for name, examples in (("hit", rule.hits), ("miss", rule.misses)):
        for number, marked in enumerate(examples, 1):
            text, span = example(marked)
            spans = _spans(screener, rule, text)
            if name == "miss" and spans:
                yield f"{name} {number} is found at {_places(spans)}"
            elif name == "hit" and not spans:
                yield f"{name} {number} is not found"
            elif name == "hit" and span is not None and spans != [span]:
                yield f"{name} {number} is found at {_places(spans)}, not at {_places([span])}"


def _spans(screener: Screener, rule: Rule, text: str) -> list[tuple[int, int]]:
    verdict = screener.screen([text], rule.directions[0], ScreeningPolicy(overrides={rule.id: "flag"}))
    return [(hit.start, hit.end) for hit in verdict.hits if hit.rule == rule.id]


def _places(spans: Sequence[tuple[int, int]]) -> str:
    return ", ".join(f"{start}-{end}" for start, end in spans)
