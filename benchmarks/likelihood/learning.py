"""Learns weights from labelled texts: logistic regression, sparse, on each text's best window. No files here.

The label of a long text belongs to its best window: in an attack that is what makes it one, in an innocent text what
comes nearest to one. The learner is FTRL-Proximal (McMahan et al., "Ad Click Prediction", 2013): few weights remain.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate

import msgspec

from benchmarks.likelihood.texts import Text
from schemas.screening.likelihood import features, tokens


class Options(msgspec.Struct, frozen=True):
    """How to learn."""

    window: int = 48
    reach: int = 10
    epochs: int = 4
    rate: float = 0.15
    l1: float = 0.7
    l2: float = 0.1
    least_attacks: int = 4
    """Attacks that a feature must be in, to be learned of."""
    least_innocent: int = 12
    """Or innocent texts."""
    least_makers: int = 1
    """And so many makers' attacks, when it is in attacks. A maker is what a source's name begins with."""
    carried: float = 0.4
    """How often a short text is put into an ordinary one."""
    dropped: float = 0.3
    """Share of a text's features that are left out each time, so that no single one is relied on."""
    attack: float = 3.0
    """How much more an attack counts than an ordinary text."""
    near_miss: float = 2.0
    """And a near-miss."""
    each: int = 20
    """Texts of each template of our own."""
    seed: int = 20_251


class _Example(msgspec.Struct):
    words: list[str]
    attack: bool
    weight: float


class Learner:
    """Weights while they are learned."""

    def __init__(self, known: frozenset[str], classes: Mapping[str, str], options: Options) -> None:
        self.options = options
        self.classes = classes
        self.weights: dict[str, float] = {}
        self.bias = 0.0
        self._known = known
        self._sums: dict[str, float] = {}
        self._squares: dict[str, float] = {}

    def features(self, words: list[str]) -> set[str]:
        """Those of a window that may have a weight."""
        return {feature for feature, _, _ in features(words, self._known, self.classes, self.options.reach)}

    def margin(self, features: Iterable[str]) -> float:
        weights = self.weights
        return self.bias + sum(weights[feature] for feature in features if feature in weights)

    def best(self, words: list[str], rng: random.Random) -> list[str]:
        """The window of a long text that reads most like an attack; any, as long as all are equal."""
        size, weights = self.options.window, self.weights
        if len(words) <= size:
            return words
        at = rng.randrange(len(words) - size + 1)
        if weights:
            gains = [0.0] * len(words)
            for feature, _, last in features(words, weights, self.classes, self.options.reach):
                gains[last] += weights[feature]
            sums = [0.0, *accumulate(gains)]
            at = max(range(len(words) - size + 1), key=lambda start: sums[start + size] - sums[start])
        return words[at : at + size]

    def learn(self, features: list[str], attack: bool, weight: float) -> None:
        """One step."""
        margin = max(-30.0, min(30.0, self.margin(features)))
        slope = weight * (1.0 / (1.0 + math.exp(-margin)) - attack)
        self.bias -= 0.02 * slope
        if abs(slope) < 1e-4:
            return
        options, sums, squares, weights = self.options, self._sums, self._squares, self.weights
        square = slope * slope
        for feature in features:
            was = squares.get(feature, 0.0)
            now = was + square
            turn = (math.sqrt(now) - math.sqrt(was)) / options.rate
            total = sums.get(feature, 0.0) + slope - turn * weights.get(feature, 0.0)
            squares[feature] = now
            sums[feature] = total
            if abs(total) <= options.l1:
                weights.pop(feature, None)
            else:
                shrunk = total - math.copysign(options.l1, total)
                weights[feature] = -shrunk / ((1.0 + math.sqrt(now)) / options.rate + options.l2)


class _All:
    """Has every feature."""

    def __contains__(self, feature: object) -> bool:
        return True


def learned(texts: Sequence[Text], classes: Mapping[str, str], options: Options) -> Learner:
    """What texts teach."""
    rng = random.Random(options.seed)
    examples = [_example(text, options) for text in texts]
    learner = Learner(_known(texts, examples, classes, options), classes, options)
    innocent = [one.words for one in examples if not one.attack and len(one.words) >= 8]
    for _ in range(options.epochs):
        rng.shuffle(examples)
        for one in examples:
            words = one.words
            if len(words) < options.window and innocent and rng.random() < options.carried:
                words = _carried(words, rng.choice(innocent), options.window, rng)
            found = learner.features(learner.best(words, rng))
            kept = [feature for feature in sorted(found) if rng.random() >= options.dropped]
            learner.learn(kept, one.attack, one.weight)
    return learner


def _example(text: Text, options: Options) -> _Example:
    weight = options.attack if text.attack else options.near_miss if text.label == "near-miss" else 1.0
    return _Example(tokens(text.text), text.attack, weight)


def _carried(words: list[str], carrier: list[str], window: int, rng: random.Random) -> list[str]:
    most = rng.randrange(4, max(5, window - len(words) + 1))
    start = rng.randrange(max(1, len(carrier) - most))
    taken = carrier[start : start + most]
    cut = rng.choice((0, len(taken), rng.randrange(len(taken) + 1)))
    return taken[:cut] + words + taken[cut:]


def _known(
    texts: Sequence[Text], examples: list[_Example], classes: Mapping[str, str], options: Options
) -> frozenset[str]:
    """Features that enough texts have. What only the attacks of one maker share is a habit of theirs: none of those."""
    counts: dict[bool, Counter[str]] = {True: Counter(), False: Counter()}
    makers: dict[str, set[str]] = {}
    names = set(classes.values())
    for text, one in zip(texts, examples, strict=True):
        found = {feature for feature, _, _ in features(one.words, _All(), classes, options.reach)}
        counts[one.attack].update(found)
        if one.attack:
            for feature in found:
                makers.setdefault(feature, set()).add(text.source.partition("-")[0])
    return frozenset(
        feature
        for attack, side in counts.items()
        for feature, count in side.items()
        if count >= (options.least_attacks if attack else options.least_innocent)
        and (
            feature not in makers
            or len(makers[feature]) >= options.least_makers
            or names.issuperset(feature.split(" "))
        )
    )
