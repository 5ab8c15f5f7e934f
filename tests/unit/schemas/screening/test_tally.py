"""Adding up hits: the strictest wins, and too many never make a verdict milder or a redaction incomplete."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.screening.model import ACTIONS, TOO_MANY_HITS, Hit, Verdict, strictness
from schemas.screening.tally import MAX_HITS, Tally, effective_action
from tests.unit.schemas.screening.sample import rule


def _tally(action: str, count: int) -> Tally:
    tally = Tally()
    for number in range(count):
        tally.add(Hit(f"test.{action}", action, 0, number * 2, number * 2 + 1))
    return tally


def test_nothing_is_approved() -> None:
    assert Tally().verdict("v1") == Verdict(action="approve", hits=(), rule="", pack="v1")


@given(
    st.lists(st.tuples(st.sampled_from(ACTIONS[1:]), st.integers(0, 3), st.integers(0, 50)), min_size=1, max_size=40)
)
def test_the_strictest_wins_and_the_first_of_it_names_the_rule(hits: list[tuple[str, int, int]]) -> None:
    tally = Tally()
    for number, (action, text, start) in enumerate(hits):
        tally.add(Hit(f"test.r{number}", action, text, start, start + 1))
    verdict = tally.verdict("v1")
    assert strictness(verdict.action) == max(strictness(action) for action, _, _ in hits)
    assert verdict.rule == next(hit.rule for hit in verdict.hits if hit.action == verdict.action)
    assert [(hit.text, hit.start) for hit in verdict.hits] == sorted((text, start) for _, text, start in hits)


@pytest.mark.parametrize(("action", "becomes"), [("flag", "flag"), ("redact", "block"), ("block", "block")])
def test_one_hit_too_many(action: str, becomes: str) -> None:
    assert _tally(action, MAX_HITS).verdict("v1").action == action
    verdict = _tally(action, MAX_HITS + 1).verdict("v1")
    assert verdict.action == becomes
    assert len(verdict.hits) == MAX_HITS
    assert (verdict.rule == TOO_MANY_HITS) == (action == "redact")


@pytest.mark.parametrize(("action", "becomes"), [("flag", "flag"), ("redact", "block"), ("block", "block")])
def test_what_was_left_out_counts_as_a_hit(action: str, becomes: str) -> None:
    tally = Tally()
    tally.leave_out(action)
    assert tally.verdict("v1") == Verdict(action=becomes, hits=(), rule=TOO_MANY_HITS, pack="v1")


def test_what_was_left_out_never_hides_something_stricter() -> None:
    tally = _tally("block", 1)
    tally.leave_out("flag")
    assert (tally.verdict("v1").action, tally.verdict("v1").rule) == ("block", "test.block")
    tally.leave_out("redact")
    tally.leave_out("flag")
    assert (tally.verdict("v1").action, tally.verdict("v1").rule) == ("block", TOO_MANY_HITS)


def test_an_action_is_full_once_a_further_hit_changes_nothing() -> None:
    assert not _tally("flag", MAX_HITS - 1).full("flag")
    assert _tally("flag", MAX_HITS).full("flag")
    assert not _tally("flag", MAX_HITS).full("block")
    assert not _tally("redact", MAX_HITS).full("redact")
    assert _tally("redact", MAX_HITS + 1).full("redact")


def test_what_a_rule_does_under_a_policy() -> None:
    one = rule(directions=("request",))
    nobody: frozenset[str] = frozenset()
    assert effective_action(one, "request", {}, nobody) == "block"
    assert effective_action(one, "response", {}, nobody) == ""
    assert effective_action(one, "request", {"test.token": "flag", "test.other": "approve"}, nobody) == "flag"
    assert effective_action(one, "request", {"test.token": "approve"}, nobody) == ""
    assert effective_action(one, "request", {}, frozenset({"test.token"})) == ""


def test_what_is_said_of_a_rule_counts_before_its_category_and_that_before_its_pack() -> None:
    one = rule(pack="keys")
    nobody: frozenset[str] = frozenset()
    assert effective_action(one, "request", {"keys": "flag"}, nobody) == "flag"
    assert effective_action(one, "request", {"keys": "flag", "test": "redact"}, nobody) == "redact"
    assert effective_action(one, "request", {}, frozenset({"keys"})) == ""
    assert effective_action(one, "request", {"test.token": "block"}, frozenset({"keys"})) == "block"
    assert effective_action(one, "request", {"keys": "block"}, frozenset({"test"})) == ""
