"""How much a text reads like an attack: a sum of weights of words and of pairs of words. Pure; no files, no training.

A text counts as much as its best window of so many words. All numbers are whole, so that the same text gets the same
score on every machine.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Container, Iterator, Mapping

import msgspec

MOST_WORDS = 20_000
"""Words of a text that are looked at."""
_WORD = re.compile(r"[^\W_]{1,32}(?:'[^\W_]{1,8})?|#{2,9}|<\||\|>|</|-{3,9}|={3,9}")
"""A word, or one of the marks that part roles and sections of a prompt."""


class Source(msgspec.Struct, frozen=True):
    """A set of texts that weights were learned from."""

    name: str
    licence: str
    texts: int


class Best(msgspec.Struct, frozen=True):
    """The window with the highest score, and the characters that it spans."""

    score: int
    start: int
    end: int


class Likelihood(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A linear model. Weights, bias and threshold are in thousandths; a text is likely an attack from the threshold on.

    Every feature counts once in a window, however often it is there.
    """

    name: str
    about: str
    """What was learned, in a sentence."""
    learned_from: tuple[Source, ...]
    seed: int
    measured: dict[str, float] = {}
    """Rates on sets that nothing was learned from, by the set's name: the share that reaches the threshold."""
    window: int
    """Words in a window."""
    bias: int
    threshold: int
    reach: int = 0
    """Words within which two words of classes make a pair, whatever stands between them."""
    classes: dict[str, str] = {}
    """Words that say much the same, in any language, to the name of their class, which begins with `@`."""
    weights: dict[str, int]
    """By word, by two neighbouring words, by class and by two classes within reach; in lower case, a space between."""

    def score(self, text: str) -> int:
        """The score of the best window. Linear in the text's length."""
        return max(self.scores(tokens(text)))

    def likely(self, text: str) -> bool:
        """Whether the score reaches the threshold."""
        return self.score(text) >= self.threshold

    def best(self, text: str) -> Best:
        """The first of the best windows, from its first word to its last."""
        spans = [found.span() for found in _found(text)]
        if not spans:
            return Best(self.bias, 0, 0)
        words = [text[start:end].casefold() for start, end in spans]
        scores = self.scores(words)
        score = max(scores)
        first = scores.index(score)
        return Best(score, spans[first][0], spans[min(first + self.window, len(words)) - 1][1])

    def reasons(self, text: str, most: int = 10) -> list[tuple[str, int]]:
        """The heaviest features of the best window: for whoever tunes rules, never for a log."""
        best = self.best(text)
        found = {feature for feature, _, _ in self.features(tokens(text[best.start : best.end]))}
        weighed = [(feature, self.weights[feature]) for feature in found]
        return sorted(weighed, key=lambda one: (-abs(one[1]), one[0]))[:most]

    def features(self, words: list[str]) -> list[tuple[str, int, int]]:
        """Those that have a weight, each with the numbers of its first and its last word."""
        return features(words, self.weights, self.classes, self.reach)

    def scores(self, words: list[str]) -> list[int]:
        """Of each window, in order. The first ends with word number `window`, or with the last one there is."""
        size, weights = self.window, self.weights
        changes = [0] * (len(words) + size + 1)
        changes[0] = self.bias
        leaves: dict[str, int] = {}
        """By feature, with what window it is gone."""
        for feature, first, last in self.features(words):
            weight = weights[feature]
            gone = leaves.get(feature, 0)
            changes[gone if gone > last else last] += weight
            leaves[feature] = gone = first + size
            changes[gone] -= weight
        return list(itertools.accumulate(changes[: max(1, len(words))]))[min(size, max(1, len(words))) - 1 :]


def tokens(text: str) -> list[str]:
    """The words of a text in lower case, and the marks that part roles and sections; at most `MOST_WORDS`."""
    text = text.replace("’", "'")
    if text.isascii():
        return _WORD.findall(text.lower())[:MOST_WORDS]
    return [word.casefold() for word in _WORD.findall(text)[:MOST_WORDS]]


def features(
    words: list[str], known: Container[str], classes: Mapping[str, str], reach: int
) -> list[tuple[str, int, int]]:
    """The features of words that are known, each with the numbers of its first and its last word.

    Those of one name come in order, of both numbers.
    """
    found = [(word, number, number) for number, word in enumerate(words) if word in known]
    pairs = map(" ".join, itertools.pairwise(words))
    found += [(pair, number, number + 1) for number, pair in enumerate(pairs) if pair in known]
    near: list[tuple[int, str]] = []
    for number, kind in [(number, classes[word]) for number, word in enumerate(words) if word in classes]:
        if kind in known:
            found.append((kind, number, number))
        # Of one class only the nearest counts: the first words of a pair come in order then.
        kept = []
        for one in near:
            first, other = one
            if number - first <= reach:
                pair = f"{other} {kind}"
                if pair in known:
                    found.append((pair, first, number))
                if other != kind:
                    kept.append(one)
        kept.append((number, kind))
        near = kept
    return found


def decoded(raw: bytes) -> Likelihood:
    """The model that a file of weights holds. ValueError says what is wrong with it."""
    model = msgspec.json.decode(raw, type=Likelihood)
    if not max(1, model.reach) < model.window:
        raise ValueError("a window has at least two words, and more than a pair reaches")
    names = set(model.classes.values())
    if not all(name.startswith("@") for name in names):
        raise ValueError("the name of a class begins with @")
    for feature in model.weights:
        parts = feature.split(" ")
        if len(parts) > 2 or not (tokens(feature) == parts or names.issuperset(parts)):
            raise ValueError(f"no word, no class and no pair of them: {feature!r}")
    return model


def _found(text: str) -> Iterator[re.Match[str]]:
    return itertools.islice(_WORD.finditer(text.replace("’", "'")), MOST_WORDS)
