"""Secrets that are cut in two by the end of a message are found, and nothing else is made up of neighbours."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections.screening import Screener, redact, screen_step
from schemas.screening.model import Hit, ScreeningPolicy, Verdict
from tests.unit.projections.screening.texts import texts

KEY = "AKIAQ3EGRT7XK2LMNVB5"
RULE = "secret.aws-access-key-id"
POLICY = ScreeningPolicy()


def step(screener: Screener, parts: list[str], direction: str = "request") -> Verdict:
    return screen_step(screener, parts, direction, POLICY)


@given(cut=st.integers(1, len(KEY) - 1))
def test_a_key_in_two_messages_is_found_and_cut_from_both(screener: Screener, cut: int) -> None:
    parts = [f"use {KEY[:cut]}", f"{KEY[cut:]} until Friday"]
    verdict = step(screener, parts)
    assert verdict.action == "block"
    assert set(verdict.hits) >= {
        Hit(RULE, "block", 0, 4, 4 + cut, "hard"),
        Hit(RULE, "block", 1, 0, len(KEY) - cut, "hard"),
    }
    cut_out = redact(parts, verdict)
    assert KEY[:cut] not in cut_out[0].split() and KEY[cut:] not in cut_out[1].split()


def test_a_key_in_many_messages_is_found(screener: Screener) -> None:
    parts = ["first", f"is {KEY[:3]}", KEY[3:7], KEY[7:11], f"{KEY[11:]}, thanks", "last"]
    found = [(hit.text, hit.start, hit.end) for hit in step(screener, parts).hits if hit.rule == RULE]
    assert found == [(1, 3, 6), (2, 0, 4), (3, 0, 4), (4, 0, 9)]


@pytest.mark.parametrize(
    "parts",
    [
        [f"use {KEY[:9]} ", f"{KEY[9:]} now"],
        [f"use {KEY[:9]}", f" {KEY[9:]} now"],
        [f"use {KEY[:9]}", "between", f"{KEY[9:]} now"],
        ["pay 41111111", "11111111 now"],
        ["get_items", "list_users", "delete_everything", "Deletes all"],
        ["", "", ""],
    ],
)
def test_what_does_not_run_on_is_not_put_together(screener: Screener, parts: list[str]) -> None:
    assert step(screener, parts).action == "approve"


def test_answers_are_not_read_across(screener: Screener) -> None:
    assert step(screener, [KEY[:9], KEY[9:]], "response").action == "approve"


def test_a_policy_applies(screener: Screener) -> None:
    flagged = screen_step(screener, [KEY[:9], KEY[9:]], "request", ScreeningPolicy(overrides={RULE: "flag"}))
    assert {hit.action for hit in flagged.hits if hit.rule == RULE} == {"flag"}
    assert screen_step(screener, [KEY[:9], KEY[9:]], "request", ScreeningPolicy(enabled=False)).hits == ()


@given(parts=st.lists(texts, max_size=5))
def test_what_stands_in_one_text_is_told_as_before(screener: Screener, parts: list[str]) -> None:
    verdict = step(screener, parts)
    alone = screener.screen(parts, "request")
    assert set(alone.hits) <= set(verdict.hits)
    across = set(verdict.hits) - set(alone.hits)
    assert all(hit.rule.startswith(("secret.", "private-key.")) for hit in across)
    assert all(0 <= hit.start < hit.end <= len(parts[hit.text]) for hit in across)
