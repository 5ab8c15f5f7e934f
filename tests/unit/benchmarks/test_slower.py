"""Slower or not is told from pairs of stretches; what they differ by without a cause is not taken for one."""

from __future__ import annotations

import random

from benchmarks.chaos.slower import PAIRS, Pair, compare


def pairs(count: int, slower: float, seed: int = 1, drift: float = 1.0) -> list[Pair]:
    """Each pair at a speed of its own, as on a machine with other work; the second half `slower` times that."""
    dice = random.Random(seed)
    found = []
    for _ in range(count):
        speed = 0.005 * dice.uniform(1.0, drift)
        calm, hung = ([speed * dice.uniform(0.9, 1.1) * by for _ in range(50)] for by in (1.0, slower))
        found.append((calm, hung))
    return found


def test_alike_is_held_and_slower_is_broken() -> None:
    alike, slower = compare(pairs(40, 1.0)), compare(pairs(40, 1.3))
    assert alike.decided and alike.held
    assert slower.decided and not slower.held and "ratio=1.3" in slower.detail


def test_work_that_meets_both_halves_of_a_pair_is_no_cause() -> None:
    verdict = compare(pairs(60, 1.0, drift=8.0))
    assert verdict.decided and verdict.held


def test_noise_is_not_taken_for_a_judgement() -> None:
    dice = random.Random(3)
    noisy = [([dice.expovariate(20) for _ in range(40)], [dice.expovariate(20) for _ in range(40)]) for _ in range(8)]
    verdict = compare(noisy)
    assert verdict.held and not verdict.decided


def test_too_few_pairs_or_none_decide_nothing() -> None:
    none: list[Pair] = []
    lame: list[Pair] = [([], [0.1])] * 20
    for few in (none, pairs(PAIRS - 1, 1.0), lame):
        verdict = compare(few)
        assert verdict.held and not verdict.decided
