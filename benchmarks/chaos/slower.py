"""Whether one kind of stretch is slower than the stretches beside it, and whether that can be told at all. Pure."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

SLOWER = 1.10
PAIRS = 5
"""Fewer of them tell nothing about what pairs differ by without any cause."""
SHARE = 0.99
_DRAWS = 1_000
EDGE = 0.025
"""Of the draws, at either side, lie outside of the interval that is told: 95 % lie within."""
LOOKED_AT = 0.005
"""The same for who looks again and again, and stops when it is decided: chance has more than one try there."""

Pair = tuple[list[float], list[float]]
"""Latencies (seconds) of a calm stretch and of the one after it."""


@dataclass(frozen=True)
class Verdict:
    """How the p99 of all second stretches stands to that of all calm ones."""

    held: bool
    """Not slower by more than `SLOWER`, as far as can be told."""
    decided: bool
    """The whole interval lies at one side of `SLOWER`."""
    detail: str


def compare(pairs: Sequence[Pair], *, edge: float = EDGE) -> Verdict:
    """Bootstrap over whole pairs (Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13), because
    latencies of one stretch are not independent of each other: the machine's other work meets both halves of a pair."""
    pairs = [pair for pair in pairs if all(pair)]
    answers = f"pairs={len(pairs)} answers={sum(len(calm) for calm, _ in pairs)}+{sum(len(hung) for _, hung in pairs)}"
    if len(pairs) < PAIRS:
        return Verdict(True, False, f"too few pairs to tell anything; {answers}")
    calm, hung = (p99([took for pair in pairs for took in pair[side]]) for side in (0, 1))
    dice = random.Random(len(pairs))
    ratios = []
    for _ in range(_DRAWS):
        drawn = dice.choices(pairs, k=len(pairs))
        usual, slow = (p99([took for pair in drawn for took in pair[side]]) for side in (0, 1))
        ratios.append(slow / usual)
    ratios.sort()
    low, high = ratios[int(_DRAWS * edge)], ratios[-int(_DRAWS * edge) - 1]
    return Verdict(
        low <= SLOWER,
        low > SLOWER or high <= SLOWER,
        f"p99 calm={calm * 1e3:.1f} ms hung={hung * 1e3:.1f} ms ratio={hung / calm:.2f} "
        f"({100 - 200 * edge:.0f} %: {low:.2f} to {high:.2f}) {answers}",
    )


def p99(values: Sequence[float]) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * SHARE))]
