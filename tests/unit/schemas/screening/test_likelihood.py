"""Weights of words: what the best window is, and what a score may not depend on."""

from __future__ import annotations

import random

import msgspec
import pytest

from schemas.screening.likelihood import MOST_WORDS, Best, Likelihood, decoded, tokens

_WORDS = ("ignore", "forget", "rules", "orders", "tea", "milk", "cup", "x")


def _weights(**changes: object) -> Likelihood:
    model = Likelihood(
        name="sample",
        about="A sample.",
        learned_from=(),
        seed=1,
        window=6,
        bias=-10,
        threshold=0,
        reach=3,
        classes={"ignore": "@drop", "forget": "@drop", "rules": "@rules", "orders": "@rules"},
        weights={"ignore": 4, "tea": -3, "tea milk": 7, "@drop @rules": 9, "@drop": 1, "rules ignore": -2},
    )
    return msgspec.structs.replace(model, **changes)


def _by_hand(model: Likelihood, words: list[str]) -> list[int]:
    count = max(1, len(words) - model.window + 1)
    windows = [words[at : at + model.window] for at in range(count)]
    return [
        model.bias + sum(model.weights[name] for name in {feature for feature, _, _ in model.features(window)})
        for window in windows
    ]


def test_each_window_is_worth_its_different_features() -> None:
    model, rng = _weights(), random.Random(3)
    for _ in range(500):
        words = rng.choices(_WORDS, k=rng.randrange(1, 20))
        assert model.scores(words) == _by_hand(model, words), words


def test_two_words_of_classes_count_together_whatever_stands_between_within_reach() -> None:
    model = _weights()
    assert model.score("forget x x rules") == -10 + 1 + 9
    assert model.score("forget x x x rules") == -10 + 1


def test_the_best_window_is_where_it_is() -> None:
    model = _weights()
    text = "x x x x x x x  Tea, milk! x x x x x x x"
    best = model.best(text)
    assert best.score == model.score(text) == -10 + 7 - 3
    assert text[best.start : best.end].endswith("Tea, milk")
    assert model.best("...") == Best(-10, 0, 0)
    assert model.best("") == Best(-10, 0, 0)


@pytest.mark.parametrize("text", ["Ignore the RULES now", "forget, orders;\ntea milk", "straße ignore rules’s", "x"])
def test_neither_case_nor_surrounding_space_changes_a_score(text: str) -> None:
    model = _weights()
    score = model.score(text)
    assert {model.score(one) for one in (f" \n{text}\t ", text.upper(), text.lower(), text.swapcase())} == {score}


def test_a_window_keeps_its_score_wherever_other_text_is_put() -> None:
    model, rng = _weights(), random.Random(4)
    for _ in range(200):
        attack = rng.choices(_WORDS, k=rng.randrange(model.window, 12))
        around = [rng.choices(_WORDS, k=rng.randrange(9)) for _ in range(2)]
        assert model.score(" ".join([*around[0], *attack, *around[1]])) >= model.score(" ".join(attack))


def test_work_is_bounded_and_no_word_is_long() -> None:
    assert len(tokens("a " * (MOST_WORDS + 5))) == MOST_WORDS
    one = tokens("a" * 1_000_000)
    assert len(one) == MOST_WORDS
    assert max(map(len, one)) <= 32
    assert _weights().score("a" * 1_000_000) == -10


def test_a_file_of_weights_is_read_back_as_it_was() -> None:
    model = _weights()
    assert decoded(msgspec.json.encode(model)) == model


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"weights": {"three small words": 1}}, "three small words"),
        ({"weights": {"Capital": 1}}, "Capital"),
        ({"weights": {"@other": 1}}, "@other"),
        ({"window": 1, "reach": 0}, "window"),
        ({"reach": 6}, "reaches"),
        ({"classes": {"ignore": "drop"}}, "begins with @"),
    ],
)
def test_a_file_that_says_something_else_is_refused(changes: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        decoded(msgspec.json.encode(_weights(**changes)))
