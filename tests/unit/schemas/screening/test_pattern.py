"""The subset of expressions: what it measures and what it refuses."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.screening.pattern import GAP, MAX_REPEAT, MAX_WIDTH, PatternError, Width, spelled, width


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("abc", Width(3, 3)),
        ("AKIA[A-Z0-9]{16}", Width(20, 20)),
        ("a?b{2,5}", Width(2, 6)),
        ("(?:ab|c|defg)x", Width(2, 5)),
        (r"\bgh[pousr]_\d{36}\b", Width(40, 40)),
        (r"[\]\-a]{3}", Width(3, 3)),
        ("[]a]{2}", Width(2, 2)),
        ("[^]a]", Width(1, 1)),
        ("é忽", Width(5, 5)),
        ("(?:é)?a", Width(1, 3)),
        (r"\x22\.\$", Width(3, 3)),
        ("(?:(?:a{2}|b)?c){1,3}", Width(1, 9)),
    ],
)
def test_measures_the_least_and_the_most_bytes(pattern: str, expected: Width) -> None:
    assert width(pattern) == expected


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("a*", "no upper bound"),
        ("a+", "no upper bound"),
        ("a{3,}", "not bounded"),
        ("a{,3}", "not bounded"),
        ("^a", "anchors"),
        ("a$", "anchors"),
        (r"\Aa", "not part of the subset"),
        ("(a)", "only (?:"),
        ("(?=a)b", "only (?:"),
        ("(?i:a)", "only (?:"),
        (r"(?:a)\1", "not part of the subset"),
        ("a{2}?", "one quantifier"),
        ("a??", "one quantifier"),
        ("a{5,2}", "smaller number first"),
        (f"a{{{MAX_REPEAT + 1}}}", "repeat"),
        ("(?:a{100}){5}", str(MAX_WIDTH)),
        ("a?", "nothing at all"),
        ("", "nothing at all"),
        ("(?:a|)", "nothing at all"),
        ("(?:a", "missing )"),
        ("a)", "unmatched )"),
        ("[a", "ends too early"),
        ("a\\", "ends too early"),
        ("{2}", "repeats nothing"),
        ("[é]", "not ASCII"),
        ("é?", "counts bytes"),
        ("忽{2}", "counts bytes"),
    ],
)
def test_refuses_what_is_not_bounded_and_linear(pattern: str, reason: str) -> None:
    with pytest.raises(PatternError, match=re.escape(reason)):
        width(pattern)


@given(st.text(alphabet="ab[](){}?:|\\^$*+-,0123456789dwx.", max_size=24))
def test_what_it_accepts_compiles_and_matches_within_the_width(pattern: str) -> None:
    try:
        found = width(pattern)
    except PatternError:
        return
    try:
        compiled = re.compile(pattern)
    except re.error:
        return  # the scanner's compiler is the judge of ranges such as [b-a]
    for text in ("ab", "abab01-", "x" * 8, "-,:0123456789"):
        if match := compiled.match(text):
            assert found.least <= match.end() <= found.most


def test_words_may_be_parted_by_anything_that_parts_words() -> None:
    assert spelled("a b", "caseless") == "a b"
    assert spelled(r"a b[ c]\ d[\]e ]", "caseless words") == rf"a{GAP}b[ c]\ d[\]e ]"
    assert width(spelled("a b", "words")) == Width(3, 5)
