"""Candidates that the words around them decide: what counts as around, what is told, and how often a word is read."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from schemas.screening.examine import UNDECIDED, Examiner
from schemas.screening.passage import Passage, Weighed
from schemas.screening.surroundings import AFTER, ALIKE, BEFORE
from tests.unit.schemas.screening.sample import rule, weights

WEIGHTS = weights({"ignore": 2_000, "ignore rules": 2_000, "please": -3_000}, threshold=4_000, window=50)
RULE = rule(patterns=("ignore",), flags="caseless", boundary="A-Za-z0-9", likelihood="sample", weights=WEIGHTS)


def _found(text: str, passage: Passage | None = None) -> list[object]:
    passage = passage or Passage(text, final=True)
    examiner = Examiner(RULE)
    starts = [at for at in range(len(text)) if text.startswith("ignore", at)]
    return [examiner.examine(passage, at, at + 6) for at in starts]


def test_the_words_around_decide() -> None:
    assert _found("so ignore rules") == [(3, 15)]
    assert _found("so ignore it, please, and the rules") == [None]
    assert _found("so ignore rules please") == [None]


def test_a_rule_may_ask_for_more_than_the_weights_do() -> None:
    for least, hit in ((0, True), (4_000, True), (4_001, False)):
        examiner = Examiner(rule(patterns=("ignore",), likelihood="sample", weights=WEIGHTS, score=least))
        assert (examiner.examine(Passage("ignore rules", final=True), 0, 6) is not None) is hit


def test_what_is_told_ends_where_the_best_window_does() -> None:
    text = "ignore rules" + " word" * 100
    assert _found(text) == [(0, 12)]


def test_what_is_too_far_away_does_not_count() -> None:
    near, far = " " * (AFTER - 12), " " * (AFTER - 5)
    model = weights({"ignore": 2_000, "rules": 2_000}, threshold=4_000, window=50)
    examiner = Examiner(rule(patterns=("ignore",), likelihood="sample", weights=model))
    assert examiner.left_reach > BEFORE
    for gap, hit in ((near, True), (far, False)):
        text = f"ignore{gap}rules and so on"
        assert (examiner.examine(Passage(text, final=True), 0, 6) is not None) is hit
    for gap, hit in ((BEFORE - 5, True), (BEFORE - 4, False), (BEFORE - 1, False)):
        text = "obey rules" + " " * gap + "ignore"
        at = text.index("ignore")
        assert (examiner.examine(Passage(text, final=True), at, at + 6) is not None) is hit


def test_more_text_may_change_the_answer() -> None:
    text = "ignore rules" + " " * AFTER
    for size, decided in ((12, False), (AFTER, False), (AFTER + 1, True)):
        (answer,) = _found(text[:size], Passage(text[:size], final=False))
        assert (answer is not UNDECIDED) is decided


def test_one_candidate_stands_for_those_around_it() -> None:
    assert _found("ignore rules, ignore rules, ignore") == [(0, 34), None, None]
    for gap, second in ((ALIKE, (ALIKE, ALIKE + 12)), (ALIKE - 1, None)):
        text = ("ignore rules" + " word" * ALIKE)[: gap - 1] + " ignore rules"
        assert _found(text) == [(0, 12), second]


def test_what_scores_too_little_for_one_rule_is_not_weighed_again_for_another() -> None:
    text = "ignore it, rules"
    for least, hit in ((2_000, True), (2_001, False)):
        fields: dict[str, Any] = {"likelihood": "sample", "weights": WEIGHTS, "score": least}
        passage = Passage(text, final=True)
        assert Examiner(RULE).examine(passage, 0, 6) is None
        other = Examiner(rule(id="test.other", patterns=("rules",), **fields))
        assert (other.examine(passage, 11, 16) is not None) is hit
        assert passage.cleared("sample", ALIKE - 1) is not None
        assert passage.cleared("sample", ALIKE) is None


def test_what_was_weighed_of_a_stream_is_known_when_it_goes_on() -> None:
    weighed: Weighed = {}
    assert _found("ignore rules", Passage("ignore rules", final=True, base=100, weighed=weighed)) == [(0, 12)]
    later = "ignore rules"
    assert _found(later, Passage(later, final=True, base=100 + ALIKE - 1, weighed=weighed)) == [None]
    assert _found(later, Passage(later, final=True, base=100 + ALIKE, weighed=weighed)) == [(0, 12)]


@given(st.lists(st.sampled_from(["ignore", "rules", "word " * 40, "." * 300, "ignorerules"]), max_size=40))
def test_nothing_is_missed_beside_a_candidate_that_stands_for_others(words: list[str]) -> None:
    text = " ".join(words)
    starts = [at for at in range(len(text)) if text.startswith("ignore ", at)]
    alone = any(WEIGHTS.likely(_cut(text, at - BEFORE, at + BEFORE)) for at in starts)
    assert not alone or any(isinstance(found, tuple) for found in _found(text))


def _cut(text: str, begin: int, end: int) -> str:
    """Some of a text, without the halves of words."""
    part = text[max(0, begin) : max(0, end)]
    if begin > 0:
        part = part.partition(" ")[2]
    return part.rpartition(" ")[0] if end < len(text) else part
