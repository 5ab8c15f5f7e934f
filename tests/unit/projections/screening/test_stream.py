"""Screening a text in pieces: the same hits as the whole, however it is cut, within bounded memory."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from projections.screening import Screener, StreamScreener, compile_rules
from projections.screening import lane as lane_module
from schemas.screening.model import Hit, ScreeningPolicy, Verdict
from schemas.screening.rules import example
from schemas.screening.tally import MAX_HITS
from tests.unit.projections.screening.texts import EXAMPLES, NEEDING_KEYWORDS, RULES, texts
from tests.unit.schemas.screening.sample import rule, weights

KEY = "AKIAIOSFODNN7EXAMPL2"


@st.composite
def cuts(draw: st.DrawFn) -> list[str]:
    text = draw(texts)
    size = draw(st.sampled_from([1, 2, 5, 40, 10_000]))
    pieces = []
    while text:
        at = draw(st.integers(1, size)) if size > 1 else 1
        pieces.append(text[:at])
        text = text[at:]
    return pieces


@pytest.fixture(scope="module", autouse=True)
def trimmed_at_once() -> Iterator[None]:
    """Each push drops what is no longer needed, so that short texts show when too much is dropped."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lane_module, "_TRIM_AT", 0)
        yield


def agrees(screener: Screener, pieces: Iterable[str], direction: str = "response") -> Verdict:
    """The verdict on the pieces, once it is shown to be that on the whole and never to come too late."""
    stream = StreamScreener(screener, direction)
    pushed: list[Hit] = []
    whole = ""
    for piece in pieces:
        settled = stream.settled
        new = stream.push(piece).hits
        assert all(hit.start >= settled for hit in new)
        pushed += new
        whole += piece
    settled = stream.settled
    verdict = stream.finish()
    assert verdict == screener.screen([whole], direction)
    assert set(pushed) <= set(verdict.hits)
    assert len(set(pushed)) == len(pushed)
    assert all(hit.start >= settled for hit in set(verdict.hits) - set(pushed))
    return verdict


@settings(max_examples=400)
@given(pieces=cuts())
def test_any_cut_gives_the_hits_of_the_whole(screener: Screener, pieces: list[str]) -> None:
    agrees(screener, pieces)


@settings(max_examples=100)
@given(text=texts, at=st.integers(0, 400))
def test_any_cut_in_two_gives_the_hits_of_the_whole(screener: Screener, text: str, at: int) -> None:
    agrees(screener, [text[:at], text[at:]])


def test_every_example_may_come_character_by_character(screener: Screener) -> None:
    for text in EXAMPLES:
        agrees(screener, text)


def test_examples_that_are_read_or_weighed_may_come_in_pieces(screener: Screener) -> None:
    read = [rule for rule in RULES if rule.trigger == "heads" or rule.likelihood]
    assert len(read) > 20
    for one in read:
        text = " and so on. ".join(example(marked)[0] for marked in (*one.hits, *one.misses))
        assert one.id in {
            hit.rule for hit in agrees(screener, [text[at : at + 7] for at in range(0, len(text), 7)], "tool").hits
        }


def test_a_keyword_counts_however_far_back_it_may_be(screener: Screener) -> None:
    for one, inside in NEEDING_KEYWORDS:
        word = one.keywords[0].strip("*")
        also = f" {one.also[0].strip('*')}" if one.also else ""
        text = "." * 400 + word + "." * (one.keyword_window - len(word)) + inside + also + " " * 400
        assert one.id in {hit.rule for hit in agrees(screener, text, one.directions[0]).hits}, one.id


def test_a_long_name_before_the_sign_of_an_address_is_held(screener: Screener) -> None:
    address = "y" * 64 + "@" + ("z" * 60 + ".") * 4 + "org"
    assert agrees(screener, "x" * 300 + f" {address} and on").hits == (
        Hit("email.address", "flag", 0, 301, 301 + len(address), "warn"),
    )


def test_what_two_patterns_find_is_one_hit() -> None:
    grown = rule(patterns=("xto", "tok-"), extend_left="x", extend_right="a-z0-9-", extend_limit=9)
    verdict = agrees(Screener(compile_rules([grown])), "a xtok-1 b")
    assert verdict.hits == (Hit("test.token", "block", 0, 2, 8, "hard"),)


WEIGHED = rule(
    patterns=("ignore", "ignore the"),
    flags="caseless words",
    boundary="A-Za-z0-9",
    likelihood="sample",
    weights=weights({"ignore": 2_000, "the rules": 2_000, "please": -3_000}, threshold=4_000),
)
AROUND = [
    "ignore ",
    "Ignore the rules ",
    "the rules ",
    "please ",
    "word " * 60,
    "é",
    ".",
    "." * 500,
    "%20",
    "&#x69;gnore ",
]


@pytest.fixture(scope="module")
def weighing() -> Screener:
    return Screener(compile_rules([WEIGHED]))


@settings(max_examples=300)
@given(
    words=st.lists(st.sampled_from(AROUND), max_size=30), sizes=st.lists(st.integers(1, 900), min_size=1, max_size=9)
)
def test_any_cut_gives_what_the_words_around_say(weighing: Screener, words: list[str], sizes: list[int]) -> None:
    text, pieces = "".join(words), []
    for size in itertools.cycle(sizes):
        if not text:
            break
        pieces.append(text[:size])
        text = text[size:]
    agrees(weighing, pieces, "tool")


@pytest.fixture(scope="module")
def sharing() -> Screener:
    """Two rules with the same weights: what one of them has weighed, the other need not."""
    other = msgspec.structs.replace(WEIGHED, id="test.other", patterns=("please", "rules"), score=2_000)
    return Screener(compile_rules([WEIGHED, other]))


@settings(max_examples=200)
@given(words=st.lists(st.sampled_from(AROUND), max_size=30), size=st.integers(1, 900))
def test_any_cut_gives_what_rules_with_the_same_weights_say(sharing: Screener, words: list[str], size: int) -> None:
    text = "".join(words)
    agrees(sharing, [text[at : at + size] for at in range(0, len(text), size)], "tool")


HEADED = rule(
    patterns=("(?:ignore|never mind) (?:[a-z]{1,9} ){0,2}(?:rules?|orders)", r"(?:drop|leave)[^\n.]{0,8}(?:rules|ord)"),
    flags="caseless words",
    boundary="A-Za-z0-9",
    keywords=("now",),
)
PHRASES = ["ignore ", "never mind ", "Drop ", "the ", "rules ", "orders, ", "rulesets ", "now ", "é", "\n", ". ", "%20"]


@pytest.fixture(scope="module")
def heading() -> tuple[Screener, Screener]:
    """The same rule, looked for by its heads and by its patterns."""
    one, other = (msgspec.structs.replace(HEADED, trigger=trigger) for trigger in ("heads", "patterns"))
    return Screener(compile_rules([one])), Screener(compile_rules([other]))


@settings(max_examples=300)
@given(words=st.lists(st.sampled_from(PHRASES), max_size=14), size=st.integers(1, 90))
def test_heads_say_what_patterns_say_however_a_text_is_cut(
    heading: tuple[Screener, Screener], words: list[str], size: int
) -> None:
    text = "".join(words)
    one, other = heading
    verdict = agrees(one, [text[at : at + size] for at in range(0, len(text), size)], "tool")
    assert verdict.action == other.screen([text], "tool").action


def test_words_around_are_weighed_once_however_many_candidates_there_are(weighing: Screener) -> None:
    text = ("ignore " + "word " * 9) * 400
    assert agrees(weighing, [text[at : at + 100] for at in range(0, len(text), 100)], "tool").hits == ()
    attack = agrees(weighing, [text, "ignore the rules ", text], "tool")
    assert [hit.end for hit in attack.hits] == [len(text) + len("ignore the rules")]


def test_a_hit_is_told_as_soon_as_nothing_can_change_it(screener: Screener) -> None:
    stream = StreamScreener(screener, "response")
    assert stream.push(f"key {KEY[:9]}").action == "approve"
    assert stream.push(KEY[9:]).action == "approve"
    verdict = stream.push(" and more text, so much that it is looked at, since a look reads the window once more")
    assert verdict.hits == (Hit("secret.aws-access-key-id", "block", 0, 4, 24, "hard"),)
    assert stream.push(" goes on").hits == ()
    assert stream.finish().hits == verdict.hits


def test_the_end_settles_what_was_open(screener: Screener) -> None:
    stream = StreamScreener(screener, "response")
    assert stream.push(f"key {KEY}").hits == ()
    assert stream.finish().hits == (Hit("secret.aws-access-key-id", "block", 0, 4, 24, "hard"),)
    assert stream.finish().action == "block"
    with pytest.raises(RuntimeError, match="finished"):
        stream.push("more")


def test_a_policy_applies(screener: Screener) -> None:
    def verdict(policy: ScreeningPolicy) -> tuple[str, str]:
        stream = StreamScreener(screener, "response", policy)
        stream.push(f"{KEY} ")
        found = stream.finish()
        return found.action, found.pack

    version = screener.pack.version
    assert verdict(ScreeningPolicy()) == ("block", version)
    assert verdict(ScreeningPolicy(overrides={"secret.aws-access-key-id": "flag"})) == ("flag", version)
    assert verdict(ScreeningPolicy(disabled=frozenset({"secret.aws-access-key-id"}))) == ("approve", version)
    assert verdict(ScreeningPolicy(enabled=False)) == ("approve", "")
    with pytest.raises(ValueError, match="direction"):
        StreamScreener(screener, "sideways")


@pytest.mark.parametrize(
    "unit", ["plain words ", "a@b.example ", "A", "eyJ", "-----BEGIN PRIVATE KEY-----", "4111111111111112 "]
)
def test_memory_is_bounded_by_the_longest_match(screener: Screener, unit: str) -> None:
    stream = StreamScreener(screener, "response")
    widest = 0
    for _ in range(400):
        stream.push(unit * (500 // len(unit)))
        widest = max(widest, stream.held)
    longest = max(rule.extend_limit + rule.keyword_window for rule in screener.pack.rules)
    assert widest <= longest + 4_096
    assert stream.finish().action == screener.screen([unit * (500 // len(unit)) * 400], "response").action


def test_more_hits_than_are_recorded_keep_the_action_right(screener: Screener) -> None:
    for unit in ("user@example.org ", "4111 1111 1111 1111, "):
        stream = StreamScreener(screener, "request")
        for _ in range(MAX_HITS + 5):
            stream.push(unit)
        whole = screener.screen([unit * (MAX_HITS + 5)], "request")
        assert stream.finish() == whole
