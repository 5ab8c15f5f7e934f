"""Patterns that are matched in linear time mean what Python's mean, and nothing makes them slow."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.linear_pattern import LinearPattern, PatternError

_ATOMS = st.sampled_from(["a", "b", "-", ".", "[ab]", "[^a]", "[a-c-]", r"\d", r"\W", r"\.", r"[\d.]", "4"])
_PATTERNS = st.recursive(
    _ATOMS,
    lambda inner: st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(inner, inner).map(lambda both: f"(?:{both[0]}|{both[1]})"),
        st.tuples(inner, st.sampled_from(["?", "*", "+", "{2}", "{1,3}", "{2,}"])).map(lambda b: f"({b[0]}){b[1]}"),
    ),
    max_leaves=6,
)


@given(_PATTERNS, st.text("ab-c4.\n", max_size=8))
def test_it_matches_what_python_matches(pattern: str, text: str) -> None:
    assert LinearPattern(pattern).matches(text) == (re.fullmatch(pattern, text) is not None)


@pytest.mark.parametrize(
    "pattern",
    [r"(a)\1", "(?=a)b", "(?!a)b", "(?<=a)b", "(?P<n>a)", "a**", "a+?", "(a", "a)", "[a", "a{", "{2}", "^a", "a$",
     "*a", r"\b", "[b-a]", "a{3,2}", "a" * 201, "(((a{99}){99}){99})", "a\\", "(" * 30 + "a" + ")" * 30],
)  # fmt: skip
def test_what_is_not_in_the_subset_is_refused(pattern: str) -> None:
    with pytest.raises(PatternError):
        LinearPattern(pattern)


def test_what_makes_others_slow_takes_a_step_a_character_and_state() -> None:
    steps = 0

    def counted(character: str) -> bool:
        nonlocal steps
        steps += 1
        return character == "a"

    pattern = LinearPattern("(a+)+b")
    for state in pattern._states:
        if state.test is not None and state.test("a"):
            state.test = counted
    assert not pattern.matches("a" * 2_000)
    assert steps <= 2_000 * len(pattern._states)
