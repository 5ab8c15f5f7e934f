"""Phrases of which only the heads are looked for: what the heads are, and what is read from them on."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.screening.examine import UNDECIDED, Examiner, sought
from schemas.screening.passage import Passage
from schemas.screening.pattern import heads, spelled
from schemas.screening.phrase import Phrase
from tests.unit.schemas.screening.sample import rule

DROP = "(?:ignore|never mind) (?:[a-z]{1,9} ){0,2}(?:rule|rules|orders)"


@pytest.mark.parametrize(
    ("pattern", "found", "words"),
    [
        ("ignore (?:all )?rules", "(?:ignore)", True),
        ("(?:ignore|never mind) it|drop it", "(?:(?:ignore|never[^A-Za-z0-9\\x80-\\xff]{1,3}mind))|(?:drop)", True),
        (r"ignor[^\n]{0,9}rules", "(?:ignor)", False),
        (r"a\|[|(]b|c d", r"(?:a\|[|(]b)|(?:c)", True),
        ("pwned", "(?:pwned)", True),
    ],
)
def test_a_head_ends_before_the_first_gap(pattern: str, found: str, words: bool) -> None:
    assert heads(spelled(pattern, "words")) == (found, words)


def test_heads_that_are_words_may_not_be_part_of_others() -> None:
    fields: dict[str, Any] = {"flags": "words", "boundary": "a-z", "trigger": "heads"}
    assert sought(rule(patterns=("so it",), **fields)).right == "a-z"
    assert sought(rule(patterns=("so it", r"so[^\n]{0,9}it"), **fields)).right == ""


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("ignore the rules", ["ignore the rules"]),
        ("ignore the rule, rules", ["ignore the rule, rules", "ignore the rule"]),
        ("IGNORE all those rules and orders", ["IGNORE all those rules"]),
        ("never mind orders", ["never mind orders"]),
        ("ignore rulesets", []),
        ("ignore the rules2", []),
        ("ignore one two three rules", []),
    ],
)
def test_what_follows_a_head_is_read(text: str, found: list[str]) -> None:
    phrase = Phrase(rule(patterns=(DROP,), flags="caseless words", boundary="A-Za-z0-9", trigger="heads"))
    assert [text[:end] for end in phrase.ends(text, 0)] == found


def test_bytes_beyond_ascii_are_read_as_characters() -> None:
    phrase = Phrase(rule(patterns=(r"指示を (?:[\x80-\xff]{6,12} )?無視",), flags="words", trigger="heads"))
    assert [*phrase.ends("指示を すべて 無視", 0)] == [10]
    assert [*phrase.ends("指示を abc 無視", 0)] == []


def _examined(text: str, at: str, *, final: bool = True, **changes: Any) -> object:
    start = text.index(at)
    whole = rule(patterns=(DROP,), flags="caseless words", boundary="A-Za-z0-9", trigger="heads", **changes)
    return Examiner(whole).examine(Passage(text, final=final), start, start + len(at))


def test_of_several_ends_the_first_that_holds_counts() -> None:
    text = "ignore the rule, orders"
    assert _examined(text, "ignore ") == (0, 23)
    assert _examined(text, "ignore ", keywords=("orders",)) == (0, 15)
    assert _examined(text, "ignore ", keywords=("nothing",)) is None


def test_more_text_may_make_it_a_phrase() -> None:
    assert _examined("now ignore the", " ignore", final=False) is UNDECIDED
    assert _examined("now ignore them" + "." * 99, " ignore", final=False) is None
    assert _examined("now ignore rules" + "." * 99, " ignore", final=False) == (4, 16)


def test_what_a_hit_has_told_is_not_told_again() -> None:
    examiner = Examiner(rule(patterns=("a (?:a )?b",), flags="words", trigger="heads"))
    passage = Passage("a a b a b", final=True)
    assert [examiner.examine(passage, at, at + 1) for at in (0, 2, 6)] == [(0, 5), None, (6, 9)]
