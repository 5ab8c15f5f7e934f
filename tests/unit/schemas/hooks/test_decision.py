"""From a finding to a decision: caps, failures, cuts, and reasons that quote nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.hooks.decision import (
    WITHHELD,
    WITHHELD_ENCODED,
    BadCuts,
    Cut,
    Finding,
    cut,
    failed,
    fit_reason,
    ordered,
    settle,
    strictest,
)  # fmt: skip
from schemas.hooks.hook import Hook, HookOptions, problems_of_hooks
from schemas.screening.model import ACTIONS, strictness
from tests.unit.schemas.hooks.given import hook


@given(st.sampled_from(ACTIONS), st.sampled_from(ACTIONS), st.booleans())
def test_no_hook_does_more_than_its_cap(action: str, cap: str, soft: bool) -> None:
    decided = settle(hook("rule_pack", cap=cap, soft=soft), Finding(action), 7)
    assert strictness(decided.action) == min(strictness(action), strictness(cap))
    words = {"approve": "approve", "flag": "approve", "redact": "modify", "block": "soft-block" if soft else "reject"}
    assert (decided.decision, decided.microseconds) == (words[decided.action], 7)


@pytest.mark.parametrize(("fail", "action"), [("open", "approve"), ("closed", "block")])
def test_a_hook_that_fails_abstains_and_is_open_or_closed(fail: str, action: str) -> None:
    decided = failed(hook("rule_pack", fail=fail), "it did not answer", 5)
    assert (decided.decision, decided.action, decided.reason) == ("abstain", action, "it did not answer")


@given(st.lists(st.sampled_from(ACTIONS), max_size=6))
def test_the_strictest_wins_and_the_first_of_equals(actions: list[str]) -> None:
    made = [settle(hook("rule_pack"), Finding(action), at) for at, action in enumerate(actions)]
    top = strictest(made)
    if top is None:
        assert not made
    else:
        assert top == next(each for each in made if strictness(each.action) == max(map(strictness, actions)))


def test_hooks_are_asked_by_priority_then_id() -> None:
    made = [Hook(id=name, kind="rule_pack", priority=rank) for name, rank in (("b", 0), ("c", 5), ("a", 0))]
    assert [each.id for each in ordered(made)] == ["c", "a", "b"]


@given(
    st.lists(st.text(max_size=12), min_size=1, max_size=3),
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 12), st.integers(0, 12)), max_size=5),
)
def test_cuts_take_out_what_they_cover_and_nothing_else(texts: list[str], spans: list[tuple[int, int, int]]) -> None:
    cuts = [Cut(text, start, end, "#") for text, start, end in spans]
    sound = all(each.text < len(texts) and each.start < each.end <= len(texts[each.text]) for each in cuts)
    if not sound:
        with pytest.raises(BadCuts):
            cut(texts, cuts)
        return
    for index, (before, after) in enumerate(zip(texts, cut(texts, cuts), strict=True)):
        covered = {at for each in cuts if each.text == index for at in range(each.start, each.end)}
        left = "".join(char for at, char in enumerate(before) if at not in covered)
        # what is left is there in its order, and nothing of what was covered but the marks
        assert after.replace("#", "") == left.replace("#", "")


def test_the_arguments_of_a_tool_stay_json_or_nothing_is_cut() -> None:
    arguments = '{"to": "jane", "pin": 4711}'
    assert cut([arguments], [Cut(0, 8, 12, "[X]"), Cut(0, 22, 26, "[Y]")]) == ['{"to": "[X]", "pin": "[Y]"}']
    for replacement in ('say "hi"', "two\nlines"):
        with pytest.raises(BadCuts):
            cut([arguments], [Cut(0, 8, 12, replacement)])


def test_cuts_of_two_that_overlap_become_one() -> None:
    cuts = [Cut(0, 4, 9, "[B]"), Cut(0, 2, 6, "[A]"), Cut(0, 9, 10, "[C]")]
    assert cut(["0123456789"], cuts) == ["01[A][C]"]


@pytest.mark.parametrize(
    ("reason", "text"),
    [
        ("the PIN 4711 was seen", "my pin is 4711."),
        ("it says Hunter2!", "password: hunter2!"),
        ("card 4539-1488-0343-6467", "pay with 4539 1488 0343 6467"),
        ("an address jane@x.io", "write to Jane@x.io"),
    ],
)
def test_a_reason_quotes_no_short_value_either(reason: str, text: str) -> None:
    assert fit_reason(reason, [text]) == WITHHELD


def test_a_reason_in_words_stays_though_the_text_has_the_same_words() -> None:
    reason = "a password was shared with more than 3 people"
    assert fit_reason(reason, ["we shared a pass, chapter 3: people, and more"]) == reason


def test_a_reason_from_outside_quotes_nothing() -> None:
    texts = ["my card is 4111 1111 1111 1111"]
    assert fit_reason("card 4111 1111 1111 1111 seen", texts) == WITHHELD
    assert fit_reason("a card\r\nnumber\x00 was seen", texts) == "a card number was seen"
    assert len(fit_reason("x" * 10_000, texts)) == 200


@pytest.mark.parametrize("run", ["bXkgY2FyZCBpcyA0MTExIDE", "6d792063617264206973", "bXkgY2FyZCBpcyBhIGNhcmQ="])
def test_a_reason_holds_nothing_that_may_be_encoded(run: str) -> None:
    assert fit_reason(f"saw {run}", ["something else"]) == WITHHELD_ENCODED
    for words in ("Misclassification", "see internationalisation", "UNCHARACTERISTICALLY", "rule secret.aws-key-id-0"):
        assert fit_reason(words, ["something else"]) == words


BAD: list[tuple[Hook, str]] = [
    (Hook(id="", kind="rule_pack"), "id must be"),
    (Hook(id="a", kind="oracle"), "kind must be one of"),
    (Hook(id="a", kind="ip_access"), "stage of ip_access must be connection"),
    (Hook(id="a", kind="rule_pack", fail="ajar"), "fail must be"),
    (Hook(id="a", kind="rule_pack", timeout_ms=5_001), "timeout_ms must be from 1 to 5000"),
    (Hook(id="a", kind="rule_pack", cap="maim"), "cap must be one of"),
    (Hook(id="a", kind="rule_pack", options=HookOptions(url="http://x")), "options.url is none of rule_pack's"),
    (Hook(id="a", kind="keyword_filter"), "options.words must name"),
    (Hook(id="a", kind="data_residency"), "options.allowed must say"),
    (Hook(id="a", kind="data_residency", options=HookOptions(allowed={"secret": ()})), "must be one of public"),
    (Hook(id="a", kind="data_residency", options=HookOptions(allowed={"public": ("eu",)})), "must hold provider:ID"),
    (Hook(id="a", kind="rate_limiter", stage="connection"), "per_minute must be"),
    (Hook(id="a", kind="request_size", stage="connection"), "must be given"),
    (Hook(id="a", kind="ip_access", stage="connection", options=HookOptions(allow=("x",))), "must hold networks"),
    (Hook(id="a", kind="response_quality", stage="response"), "must be given"),
    (Hook(id="a", kind="webhook_forward", options=HookOptions(url="ftp://x")), "http or https"),
    (Hook(id="a", kind="webhook_forward", options=HookOptions(url="http://x")), "options.credential must name"),
    (Hook(id="a", kind="model_classifier"), "options.model must be given"),
]


@pytest.mark.parametrize(("bad", "words"), BAD, ids=[words for _, words in BAD])
def test_a_bad_hook_is_refused_in_words(bad: Hook, words: str) -> None:
    assert any(words in problem for problem in problems_of_hooks((bad,)))


def test_ids_are_unique() -> None:
    one = hook("rule_pack")
    assert problems_of_hooks((one,)) == []
    assert problems_of_hooks((one, one)) == ["hooks must have ids of their own"]
