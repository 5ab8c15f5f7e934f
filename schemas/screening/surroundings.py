"""Weighs what stands around a candidate: whether its words are those of what the rule is about. Pure and bounded.

Attacks are put in too many ways for phrases, but with words of a kind. So a rule may look for words that such texts
seldom do without, and have all the words around decide. However many candidates a text has, each character of it is
weighed three times at most.
"""

from __future__ import annotations

import re

from schemas.screening.likelihood import Likelihood, tokens
from schemas.screening.passage import Passage

Span = tuple[int, int]

BEFORE = 400
"""Characters before a candidate that are weighed."""
AFTER = 1_000
"""Characters that are weighed from where a candidate begins."""
ALIKE = AFTER - BEFORE
"""A candidate that begins less than this behind another one has whatever it could be near to weighed with the other's
surroundings, so it has none weighed itself."""

_TELLING = 4
"""A word tells much that weighs at least a fourth of the heaviest one of its window."""

_LETTER = re.compile(r"\w")
_PIECE = re.compile(r"\S*\w|\S+")


def decidable(passage: Passage, start: int) -> bool:
    """Whether all that is weighed with a candidate that begins at `start` is there."""
    return passage.final or len(passage.text) > start + AFTER


def likely(weights: Likelihood, least: int, rule: str, passage: Passage, start: int, end: int) -> Span | None:
    """The hit's span for a decidable candidate: the words that tell much, from the candidate on.

    Candidates of one rule are to come in the order of where they begin. The first stands for all whose surroundings
    are weighed with its own, and what a hit has told is not told again.

    Args:
        least: the score from which on it is a hit; 0 for the weights' own threshold.
        rule: its id, by which candidates that were weighed before are known.
    """
    text = passage.text
    least = least or weights.threshold
    known = passage.cleared(weights.name, start)
    if known is not None and known < least:
        return None
    told = passage.told(rule)
    begin, limit = _whole_words(text, max(0, start - BEFORE, told), start, min(start + AFTER, len(text)))
    around = text[begin:limit]
    score = weights.score(around)
    if score < least:
        passage.weigh(rule, start + ALIKE)
        if told <= start - BEFORE or told <= 0:
            passage.clear(weights.name, start + ALIKE, score)
        return None
    best = weights.best(around)
    first, last = _telling(weights, text, begin + best.start, begin + best.end)
    span = (start, end) if last <= start else (max(start, first), last)
    passage.weigh(rule, max(start + ALIKE, last), told=last)
    return span


def _telling(weights: Likelihood, text: str, begin: int, limit: int) -> Span:
    """Where in a window the first word begins that tells much, and the last one ends."""
    words: list[str] = []
    places: list[Span] = []
    for piece in _PIECE.finditer(text, begin, limit):
        inside = tokens(piece.group())
        words += inside
        places += [piece.span()] * len(inside)
    features = [(weights.weights[feature], first, last) for feature, first, last in weights.features(words)]
    least = max((weight for weight, _, _ in features), default=0) / _TELLING
    telling = [(first, last) for weight, first, last in features if weight >= least > 0]
    if not telling:
        return begin, limit
    return places[min(first for first, _ in telling)][0], places[max(last for _, last in telling)][1]


def _whole_words(text: str, begin: int, start: int, limit: int) -> Span:
    """What is weighed around `start`, without the part of a word at either end: nothing is read that is not there."""
    if begin and _LETTER.match(text, begin - 1):
        while begin < start and _LETTER.match(text, begin):
            begin += 1
    if limit < len(text) and _LETTER.match(text, limit):
        while limit > start and _LETTER.match(text, limit - 1):
            limit -= 1
    return begin, limit
