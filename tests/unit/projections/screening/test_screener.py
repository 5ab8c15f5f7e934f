"""Screening whole texts: actions, policies, offsets, independence, bounds."""

from __future__ import annotations

import re

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from projections.screening import CompiledPack, Screener, StreamScreener, compile_rules, redact
from schemas.screening.model import TOO_MANY_HITS, Hit, ScreeningPolicy, Verdict
from schemas.screening.redaction import IncompleteVerdict
from schemas.screening.tally import MAX_CANDIDATES, MAX_HITS
from tests.unit.projections.screening.texts import EXAMPLES, texts
from tests.unit.schemas.screening.sample import rule

KEY = "AKIAIOSFODNN7EXAMPL2"
CARD = "4111 1111 1111 1111"
MARK = re.compile(r"\[REDACTED:[a-z-]+\]")


def test_clean_texts_share_one_verdict(screener: Screener) -> None:
    assert screener.screen(["nothing to see"], "request") is screener.clean
    assert screener.screen(["a", "", "b"], "response") is screener.clean
    assert screener.screen([], "tool") is screener.clean
    assert screener.clean.pack == screener.pack.version


def test_the_strictest_hit_decides(screener: Screener) -> None:
    verdict = screener.screen([f"jane@example.org pays with {CARD}", f"and {KEY}"], "request")
    assert (verdict.action, verdict.rule) == ("block", "secret.aws-access-key-id")
    assert verdict.hits == (
        Hit("email.address", "flag", 0, 0, 16, "warn"),
        Hit("payment-card.number", "redact", 0, 27, 46, "hard"),
        Hit("secret.aws-access-key-id", "block", 1, 4, 24, "hard"),
    )


def test_a_policy_overrides_and_disables(screener: Screener) -> None:
    both = [f"{CARD} jane@example.org"]

    def under(action: str) -> Verdict:
        return screener.screen(both, "request", ScreeningPolicy(overrides={"payment-card.number": action}))

    assert under("block").action == "block"
    assert under("flag").action == "flag"
    assert under("approve").rule == "email.address"
    off = ScreeningPolicy(disabled=frozenset({"payment-card.number"}))
    assert screener.screen(both, "request", off).action == "flag"
    off = ScreeningPolicy(disabled=frozenset({"payment-card.number", "email.address"}))
    assert screener.screen(both, "request", off) is screener.clean
    assert screener.screen(["4111111111111112"], "request") is screener.clean


def test_a_policy_says_how_severe_a_hit_is_and_changes_no_action_by_it(screener: Screener) -> None:
    texts = [f"{CARD} jane@example.org {KEY}"]
    severities = {"secret": "warn", "secret.aws-access-key-id": "soft", "pii": "hard", "payment-card": "warn"}
    told = screener.screen(texts, "request", ScreeningPolicy(severities=severities))
    assert [hit.severity for hit in told.hits] == ["warn", "hard", "soft"]
    alone = screener.screen(texts, "request")
    assert [hit.severity for hit in alone.hits] == ["hard", "warn", "hard"]
    assert (told.action, told.rule) == (alone.action, alone.rule)
    stream = StreamScreener(screener, "request", ScreeningPolicy(severities=severities))
    assert stream.push(texts[0]).action in ("approve", "block")
    assert stream.finish() == told


def test_a_rule_looks_only_where_it_is_directed() -> None:
    one = Screener(compile_rules([rule(directions=("response",))]))
    assert one.screen(["tok-1234"], "request").action == "approve"
    assert one.screen(["tok-1234"], "response").action == "block"
    with pytest.raises(ValueError, match="direction must be"):
        one.screen(["tok-1234"], "sideways")


@pytest.mark.parametrize("before", ["", "é", "日本語 ", "😀😀 ", "a\ud800b ", "\0", "ü" * 300])
def test_offsets_count_characters(screener: Screener, before: str) -> None:
    text = f"{before}({KEY}) jané@example.org"
    verdict = screener.screen([text], "request")
    assert [text[hit.start : hit.end] for hit in verdict.hits] == [KEY, "jané@example.org"]


@pytest.mark.parametrize("parts", [["AKIAIOSFOD", "NN7EXAMPL2"], ["4111 1111 ", "1111 1111"], ["ssn", "536228412"]])
def test_nothing_is_found_across_texts(screener: Screener, parts: list[str]) -> None:
    assert screener.screen(["".join(parts) if parts[0] != "ssn" else "ssn 536228412"], "request").hits
    assert screener.screen(parts, "request") is screener.clean


def test_several_threads_may_use_one_pack(builtin_pack: CompiledPack) -> None:
    one, two = Screener(builtin_pack), Screener(builtin_pack)
    assert one.screen([KEY], "request") == two.screen([KEY], "request")


@settings(max_examples=150)
@given(parts=st.lists(texts, min_size=1, max_size=5))
def test_a_text_is_judged_by_itself_whatever_stands_beside_it(screener: Screener, parts: list[str]) -> None:
    together = screener.screen(parts, "request")
    alone = [
        msgspec.structs.replace(hit, text=index)
        for index, part in enumerate(parts)
        for hit in screener.screen([part], "request").hits
    ]
    assert list(together.hits) == alone


@settings(max_examples=150)
@given(parts=st.lists(texts, min_size=1, max_size=3))
def test_redaction_leaves_nothing_of_a_hit(screener: Screener, parts: list[str]) -> None:
    verdict = screener.screen(parts, "request")
    cut = redact(parts, verdict)
    for index, (before, after) in enumerate(zip(parts, cut, strict=True)):
        spans = [(hit.start, hit.end) for hit in verdict.hits if hit.text == index and hit.action != "flag"]
        covered = {at for span in spans for at in range(*span)}
        kept = "".join(char for at, char in enumerate(before) if at not in covered)
        assert MARK.sub("", after) == kept
        assert (MARK.search(after) is not None) == bool(spans)


@given(example=st.sampled_from(EXAMPLES), before=st.text(max_size=30), after=st.text(max_size=30))
def test_hits_lie_inside_of_their_text_and_in_order(screener: Screener, example: str, before: str, after: str) -> None:
    text = f"{before} {example} {after}"
    hits = screener.screen([text], "request").hits
    assert all(0 <= hit.start < hit.end <= len(text) for hit in hits)
    assert list(hits) == sorted(hits, key=lambda hit: (hit.start, -hit.end, hit.rule))
    assert len(set(hits)) == len(hits)


def test_more_hits_than_are_recorded_keep_the_action_right(screener: Screener) -> None:
    mails = " ".join(f"user{number}@example.org" for number in range(MAX_HITS + 50))
    verdict = screener.screen([mails], "request")
    assert (verdict.action, verdict.rule, len(verdict.hits)) == ("flag", "email.address", MAX_HITS)
    assert screener.screen([f"{mails} {KEY}"], "request").action == "block"
    cards = f"{CARD}, " * (MAX_HITS + 1)
    verdict = screener.screen([cards], "request")
    assert (verdict.action, verdict.rule, len(verdict.hits)) == ("block", TOO_MANY_HITS, MAX_HITS)
    with pytest.raises(IncompleteVerdict):
        redact([cards], verdict)
    assert screener.screen([f"{CARD}, " * MAX_HITS], "request").action == "redact"


def test_more_candidates_than_are_checked_count_as_a_hit(screener: Screener) -> None:
    wrong = "4111111111111112 "
    assert screener.screen([wrong * MAX_CANDIDATES], "request") is screener.clean
    verdict = screener.screen([wrong * MAX_CANDIDATES, wrong], "request")
    assert (verdict.action, verdict.rule, verdict.hits) == ("block", TOO_MANY_HITS, ())
    flag = ScreeningPolicy(overrides={"payment-card.number": "flag"})
    flagged = screener.screen([wrong * (MAX_CANDIDATES + 1)], "request", flag)
    assert (flagged.action, flagged.rule) == ("flag", TOO_MANY_HITS)


@pytest.mark.parametrize(
    "unit", ["a", "0", "A", "a@", "1 ", "eyJ", "AKIA", "sk-", "+1 ", "password=", "-----BEGIN ", "aé", "\0", "GB82 "]
)
def test_a_long_run_of_anything_ends(screener: Screener, unit: str) -> None:
    text = unit * (300_000 // len(unit))
    verdict = screener.screen([text], "request")
    assert len(verdict.hits) <= 3 * MAX_HITS
    assert screener.screen([text[:-1] + " " + KEY], "request").action == "block"
