"""Deciders that need nothing but what they are shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.hooks.bounds import data_residency, ip_access, rate_limiter, request_size
from schemas.hooks.decision import NOTHING, cut
from schemas.hooks.rule_hits import by_rules, data_classification, tool_call_guard
from schemas.hooks.wording import keyword_filter, response_quality
from schemas.rates import Bucket
from tests.unit.schemas.hooks.given import hit, hook, seen

PACKS = {"email.address": "pii", "secret.aws": "secrets", "tool-safety.rm-root": "tool-safety", "jailbreak.dan": "jailbreak"}  # fmt: skip  # noqa: E501


def pack_of(rule: str) -> str:
    return PACKS[rule]


def test_a_keyword_is_found_whole_in_any_case_and_not_told() -> None:
    wanted = hook("keyword_filter", words=("project falcon", "falcon"), action="redact")
    found = keyword_filter(wanted, seen("ok", "Project FALCON and falconry"))
    assert (found.action, found.reason) == ("redact", "1 of the listed words")
    assert cut(["ok", "Project FALCON and falconry"], found.cuts) == ["ok", "[REDACTED:keyword] and falconry"]
    assert "falcon" not in found.reason


@pytest.mark.parametrize(
    ("options", "text", "count"),
    [
        ({"whole_words": False}, "falconry", 1),
        ({"case_sensitive": True}, "FALCON", 0),
        ({"at_least": 2}, "falcon", 0),
        ({"at_least": 2}, "falcon falcon", 2),
        ({}, "fal\nfalcon_x", 0),
    ],
)
def test_options_of_a_keyword_filter(options: dict[str, object], text: str, count: int) -> None:
    assert len(keyword_filter(hook("keyword_filter", words=("falcon",), **options), seen(text)).cuts) == count


@given(st.lists(st.text(max_size=30), max_size=4), st.lists(st.text(min_size=1, max_size=5).filter(str.strip), min_size=1, max_size=4))  # fmt: skip  # noqa: E501
def test_a_keyword_that_was_cut_is_not_there_any_more(texts: list[str], words: list[str]) -> None:
    wanted = hook("keyword_filter", words=tuple(words), whole_words=False, case_sensitive=True, action="redact")
    found = keyword_filter(wanted, seen(*texts))
    for before, after in zip(texts, cut(texts, found.cuts), strict=True):
        assert (before == after) == (not any(word in before for word in words))
        kept = after.split("[REDACTED:keyword]")
        assert sum(map(len, kept)) <= len(before)


@pytest.mark.parametrize(
    ("options", "texts", "why"),
    [
        ({"min_characters": 3}, ("ab",), "less than 3"),
        ({"max_characters": 3}, ("ab", "cd"), "more than 3"),
        ({"json": True}, ("{}", "no"), "not JSON"),
        ({"max_repeats": 2}, ("a\nb\na\n a",), "more than 2 times"),
        ({"json": True}, ('{"a": 1}',), ""),
        ({"max_repeats": 3}, ("a\na\na",), ""),
    ],
)
def test_an_answer_is_fit_to_be_given_or_not(options: dict[str, object], texts: tuple[str, ...], why: str) -> None:
    found = response_quality(hook("response_quality", "response", **options), seen(*texts, stage="response"))
    assert (found.action == "block") == bool(why) and why in found.reason


@pytest.mark.parametrize(
    ("address", "options", "passes"),
    [
        ("10.1.2.3", {"allow": ("10.0.0.0/8",)}, True),
        ("11.1.2.3", {"allow": ("10.0.0.0/8",)}, False),
        ("10.1.2.3", {"allow": ("10.0.0.0/8",), "deny": ("10.1.0.0/16",)}, False),
        ("::ffff:10.1.2.3", {"allow": ("10.0.0.0/8",)}, True),
        ("2001:db8::1", {"deny": ("2001:db8::/32",)}, False),
        ("", {"allow": ("10.0.0.0/8",)}, False),
        ("", {"deny": ("10.0.0.0/8",)}, True),
        ("not an address", {"allow": ("0.0.0.0/0",)}, False),
    ],
)
def test_an_address_is_in_the_networks_that_are_allowed_and_in_none_that_is_denied(
    address: str, options: dict[str, tuple[str, ...]], passes: bool
) -> None:
    found = ip_access(hook("ip_access", "connection", **options), seen(address=address))
    assert (found == NOTHING) == passes


def test_a_request_has_a_size() -> None:
    limits = hook("request_size", "connection", max_bytes=100, max_characters=5, max_messages=2)
    assert request_size(limits, seen("abc", "de", size=100, messages=2)) == NOTHING
    assert "characters" in request_size(limits, seen("abc", "def")).reason
    assert "bytes" in request_size(limits, seen(size=101)).reason
    assert "messages" in request_size(limits, seen(messages=3)).reason


@given(st.integers(1, 600), st.lists(st.floats(0, 5), max_size=60))
def test_no_more_pass_than_the_rate_and_one_burst(rate: int, gaps: list[float]) -> None:
    limit = hook("rate_limiter", "connection", per_minute=rate)
    bucket: Bucket | None = None
    now, passed = 0.0, 0
    for gap in gaps:
        now += gap
        finding, bucket = rate_limiter(limit, bucket, now)
        passed += finding == NOTHING
        if finding != NOTHING:
            # whoever waits as long as they are told is let in
            assert finding.retry_after is not None
            again, _ = rate_limiter(limit, bucket, now + finding.retry_after)
            assert again == NOTHING
    assert passed <= rate + now * rate / 60 + 1e-6
    assert passed >= min(len(gaps), rate)


def test_rules_count_by_id_category_or_pack() -> None:
    shown = seen("a@b.c", hits=(hit("email.address", 0, 0, 5), hit("secret.aws")))
    assert by_rules(hook("pii_detector", action="redact"), shown, pack_of).rule == "email.address"
    assert by_rules(hook("rule_pack", rules=("secrets",)), shown, pack_of).rule == "secret.aws"
    assert by_rules(hook("rule_pack", rules=("secret",)), shown, pack_of).rule == "secret.aws"
    assert by_rules(hook("rule_pack", rules=("secret.aws",), at_least=2), shown, pack_of) == NOTHING
    assert by_rules(hook("content_safety"), shown, pack_of) == NOTHING
    redacted = by_rules(hook("pii_detector", action="redact"), shown, pack_of)
    assert cut(["a@b.c"], redacted.cuts) == ["[REDACTED:email]"]
    more = seen("a@b.c", hits=shown.hits, all_hits=False)
    assert by_rules(hook("pii_detector", action="redact"), more, pack_of).action == "block"


def test_tools_are_guarded_by_name_and_by_what_they_are_given() -> None:
    rm = hit("tool-safety.rm-root", 1)
    guard = hook("tool_call_guard")
    assert tool_call_guard(guard, seen("x", "rm -rf /", hits=(rm,), tools=(1,)), pack_of).rule == "tool-safety.rm-root"
    assert tool_call_guard(guard, seen("x", "rm -rf /", hits=(rm,)), pack_of) == NOTHING
    named = hook("tool_call_guard", allow=("get_*",), deny=("get_secret",))
    assert tool_call_guard(named, seen(tool_names=("get_time",)), pack_of) == NOTHING
    assert tool_call_guard(named, seen(tool_names=("get_secret",)), pack_of).rule == "tool.denied"
    assert tool_call_guard(named, seen(tool_names=("sh",)), pack_of).rule == "tool.not-allowed"


@pytest.mark.parametrize(
    ("options", "rules", "label"),
    [
        ({}, (), "internal"),
        ({}, ("email.address",), "confidential"),
        ({}, ("email.address", "secret.aws"), "restricted"),
        ({}, ("jailbreak.dan",), "internal"),
        ({"labels": {"public": (), "confidential": ("secrets",)}}, (), "public"),
        ({"labels": {"public": (), "confidential": ("secrets",)}}, ("email.address",), "internal"),
        ({"labels": {"public": (), "confidential": ("secrets",)}}, ("secret.aws",), "confidential"),
    ],
)
def test_a_text_has_the_strictest_label(options: dict[str, object], rules: tuple[str, ...], label: str) -> None:
    found = data_classification(hook("data_classification", **options), seen(hits=tuple(map(hit, rules))), pack_of)
    assert (found.action, found.label) == ("approve", label)


@pytest.mark.parametrize(
    ("label", "provider", "region", "may"),
    [
        ("restricted", "own", "", True),
        ("restricted", "east", "eu-west-1", False),
        ("confidential", "east", "eu-west-1", True),
        ("confidential", "east", "us-east-1", False),
        ("confidential", "east", "", False),
        ("public", "anywhere", "", True),
        ("", "anywhere", "", True),
    ],
)
def test_a_label_says_where_a_text_may_go(label: str, provider: str, region: str, may: bool) -> None:
    rule = hook("data_residency", allowed={"restricted": ("provider:own",), "confidential": ("region:eu-*",)})
    assert data_residency(rule, label, provider, region) == may
