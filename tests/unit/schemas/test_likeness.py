"""The likeliest names are found among many as among few, and only few are compared in full."""

from __future__ import annotations

import difflib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.likeness import LOOKED_AT, MOST, likeliest

VENDORS = ("gpt", "claude", "llama", "qwen")
MANY = [f"vendor-{VENDORS[number % 4]}-{number % 9}.{number}-instruct" for number in range(2_000)]


@given(st.text(max_size=8), st.lists(st.text(max_size=8), max_size=LOOKED_AT, unique=True))
def test_among_few_it_is_the_standard_library_s(wanted: str, names: list[str]) -> None:
    assert likeliest(wanted, names, cutoff=0.5) == difflib.get_close_matches(wanted, names, cutoff=0.5)


@pytest.mark.parametrize("number", [0, 777, 1_999])
def test_a_slip_is_found_among_many(number: int) -> None:
    assert likeliest(MANY[number][:-1] + "x", MANY, cutoff=0.6)[0] == MANY[number]
    assert likeliest(MANY[number].replace("vendor", "vendro"), MANY, cutoff=0.6)[0] == MANY[number]


def test_what_is_like_nothing_is_like_none_of_many() -> None:
    assert likeliest("###", MANY, cutoff=0.6) == []


@pytest.mark.parametrize("times", [1, 60])
def test_few_of_very_many_are_compared(times: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Comparing takes a fifth of a millisecond each: a wrong name must not hold up every other request for seconds."""
    compared: list[int] = []

    def matches(word: str, possibilities: Any, **more: Any) -> list[str]:
        compared.append(len(possibilities))
        return []

    monkeypatch.setattr("difflib.get_close_matches", matches)
    names = [f"{each}{time}" for time in range(times) for each in MANY]
    likeliest("vendor-gtp-1", names, cutoff=0.6)
    assert compared == [LOOKED_AT] and (times == 1 or len(names) > MOST)
