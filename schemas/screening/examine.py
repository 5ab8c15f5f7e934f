"""From a candidate that the scanner found to a hit: boundary, growth, validator, keywords, surroundings. Pure, bounded.

The answer depends on a bounded neighbourhood of the candidate only, which is why a stream can be screened through a
window and why one text can never change what is found in another.
"""

from __future__ import annotations

import enum
import re
from typing import NamedTuple

from schemas.screening.checks import resolve
from schemas.screening.model import Rule
from schemas.screening.passage import Passage
from schemas.screening.pattern import heads, spelled, width
from schemas.screening.phrase import Phrase
from schemas.screening.rules import MAX_LEFT
from schemas.screening.surroundings import BEFORE, decidable, likely

Span = tuple[int, int]


class Sought(NamedTuple):
    """What the scanner looks for to find candidates of a rule."""

    patterns: list[str]
    left: str
    """Inside of a character class: none of these may touch a candidate at its left."""
    right: str


def sought(rule: Rule) -> Sought:
    """The patterns of a rule, or their heads where those say enough."""
    patterns = [spelled(pattern, rule.flags) for pattern in rule.patterns]
    left = "" if rule.extend_left else rule.boundary
    if rule.trigger == "heads":
        found = [heads(pattern) for pattern in patterns]
        return Sought([one.pattern for one in found], left, rule.boundary if all(one.words for one in found) else "")
    return Sought(patterns, left, "" if rule.extend_right else rule.boundary)


class Undecided(enum.Enum):
    """More text may still change the answer."""

    UNDECIDED = 0


UNDECIDED = Undecided.UNDECIDED


class Examiner:
    """One rule, ready to examine candidates."""

    __slots__ = ("_check", "_edge", "_keywords", "_left", "_phrase", "_right", "left_reach", "most", "rule")

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.most = max(width(pattern).most for pattern in sought(rule).patterns) + 2
        """Characters that a raw candidate may span, its two boundary characters included."""
        grows = MAX_LEFT if rule.extend_left else 0
        reads = max(rule.keyword_window if rule.keywords else 0, BEFORE if rule.weights is not None else 0)
        self.left_reach = grows + reads + 1
        """Characters before a candidate that its examination may read."""
        self._edge = _ascii_class(rule.boundary)
        self._left = re.compile(f"[{rule.extend_left}]{{0,{MAX_LEFT}}}") if rule.extend_left else None
        self._right = re.compile(f"[{rule.extend_right}]*") if rule.extend_right else None
        self._phrase = Phrase(rule) if rule.trigger == "heads" else None
        self._check = resolve(rule.validator)
        self._keywords = [_words(group) for group in (rule.keywords, rule.also) if group]

    def examine(self, passage: Passage, start: int, end: int) -> Span | Undecided | None:
        """The hit's span for a candidate from `start` to `end`, or None when it is none.

        UNDECIDED only if the passage is not final, that is, if more text may follow.
        """
        rule, text = self.rule, passage.text
        if self._edge:
            if not rule.extend_left and text[start] not in self._edge:
                start += 1
            if not rule.extend_right and text[end - 1] not in self._edge:
                end -= 1
        if self._phrase:
            return self._read(self._phrase, passage, start)
        if self._right:
            grown = passage.grown(rule.id, self._right, rule.extend_until, end, rule.extend_limit)
            if grown is None:
                return UNDECIDED
            end = grown
        if self._left:
            before = text[max(0, start - MAX_LEFT) : start][::-1]
            grown_left = self._left.match(before)
            start -= grown_left.end() if grown_left else 0
        return self._held(passage, start, end)

    def _read(self, phrase: Phrase, passage: Passage, start: int) -> Span | Undecided | None:
        """The first of the phrases from here on that holds; what a hit has told is not told again."""
        if start < passage.told(self.rule.id):
            return None
        if not passage.final and len(passage.text) <= start + phrase.reach:
            return UNDECIDED
        for end in phrase.ends(passage.text, start):
            held = self._held(passage, start, end)
            if held is not None:
                if held is not UNDECIDED:
                    passage.weigh(self.rule.id, end, told=end)
                return held
        return None

    def _held(self, passage: Passage, start: int, end: int) -> Span | Undecided | None:
        """The validator, the keywords and the surroundings."""
        rule, text = self.rule, passage.text
        near = (start, end)
        if self._check:
            span = self._check(text[start:end])
            if span is None:
                return None
            start, end = start + span[0], start + span[1]
        for words in self._keywords:
            found = self._near(words, passage, near)
            if found is not True:
                return UNDECIDED if found is UNDECIDED else None
        if rule.weights is None:
            return start, end
        if passage.weighed(rule.id, start):
            return None
        if not decidable(passage, start):
            return UNDECIDED
        return likely(rule.weights, rule.score, rule.id, passage, start, end)

    def _near(self, words: re.Pattern[str], passage: Passage, near: Span) -> bool | Undecided:
        window = self.rule.keyword_window
        start, end = near
        if _word(words, passage.text, max(0, start - window), start):
            return True
        if not passage.final and len(passage.text) <= end + window:
            return UNDECIDED
        return _word(words, passage.text, end, end + window)


def _word(words: re.Pattern[str], text: str, begin: int, limit: int) -> bool:
    # One character more than the window, so that a word that goes on beyond it is not taken for a whole one.
    return any(found.end() <= limit for found in words.finditer(text, begin, limit + 1))


def _ascii_class(inside: str) -> frozenset[str]:
    if not inside:
        return frozenset()
    one = re.compile(f"[{inside}]", re.ASCII)
    return frozenset(char for char in map(chr, range(128)) if one.match(char))


def _words(keywords: tuple[str, ...]) -> re.Pattern[str]:
    """Any keyword as a whole word; a `*` lifts that at its end. `_` and `-` part words, as in settings' names."""
    choices = []
    for keyword in keywords:
        left = "" if keyword.startswith("*") else "(?<![A-Za-z0-9])"
        right = "" if keyword.endswith("*") else "(?![A-Za-z0-9])"
        choices.append(left + re.escape(keyword.strip("*")) + right)
    return re.compile("|".join(choices), re.IGNORECASE | re.ASCII)
