"""From a candidate to a hit: boundaries, growth, checks, keywords, and when more text could change the answer."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.screening.examine import UNDECIDED, Examiner
from schemas.screening.passage import Passage
from schemas.screening.rules import MAX_LEFT
from tests.unit.schemas.screening.sample import rule


def _examined(text: str, candidate: str, *, final: bool = True, **changes: Any) -> str | None:
    start = text.index(candidate)
    passage = Passage(text, final=final)
    span = Examiner(rule(**changes)).examine(passage, start, start + len(candidate))
    if span is UNDECIDED:
        return "undecided"
    assert span is None or isinstance(span, tuple)
    return None if span is None else text[slice(*span)]


def test_characters_beside_the_match_are_cut_off() -> None:
    assert _examined("a (tok-1234) b", "(tok-1234)", boundary="a-z0-9") == "tok-1234"
    assert _examined("tok-1234", "tok-1234", boundary="a-z0-9") == "tok-1234"
    assert _examined("é" + "tok-1234é", "étok-1234é", boundary="a-z0-9") == "tok-1234"


def test_growth_takes_its_characters_up_to_the_limit() -> None:
    grow: dict[str, Any] = {"extend_right": "a-z", "extend_limit": 4}
    assert _examined("tok-1234abc def", "tok-1234", **grow) == "tok-1234abc"
    assert _examined("tok-1234abcdefgh", "tok-1234", **grow) == "tok-1234abcd"
    assert _examined("tok-1234", "tok-1234", **grow) == "tok-1234"


def test_growth_to_the_left_is_bounded() -> None:
    assert _examined("x yztok-1234", "tok-1234", extend_left="a-z") == "yztok-1234"
    assert _examined("y" * 200 + "tok-1234", "tok-1234", extend_left="a-z") == "y" * MAX_LEFT + "tok-1234"


def test_growth_ends_after_its_end_mark() -> None:
    grow: dict[str, Any] = {"extend_right": r"\s\S", "extend_limit": 50, "extend_until": "END"}
    assert _examined("tok-1234 a b END more END", "tok-1234", **grow) == "tok-1234 a b END"
    assert _examined("tok-1234 a b", "tok-1234", **grow) == "tok-1234 a b"


def test_a_validator_decides_and_may_narrow() -> None:
    assert _examined("tok-1234", "tok-1234", validator="entropy:2") == "tok-1234"
    assert _examined("tok-1234", "tok-1234", validator="entropy:4") is None
    url = "https://u:fak3@h/x"
    assert _examined(url, url, validator="url-password") == "fak3"


@pytest.mark.parametrize(
    ("text", "near"),
    [
        ("key tok-1234", True),
        ("tok-1234 is the KEY", True),
        ("my_key: tok-1234", True),
        ("keyring tok-1234", False),
        ("monkey tok-1234", False),
        ("keys1 tok-1234", False),
        ("tok-1234" + " " * 13 + "key", True),
        ("tok-1234" + " " * 13 + "keys", False),
        ("tok-1234" + " " * 14 + "key", False),
        ("key" + " " * 13 + "tok-1234", True),
        ("akey" + " " * 13 + "tok-1234", False),
        ("keytok-1234", False),
        ("tok-1234key", False),
        ("wordy tok-1234", True),
        ("reword tok-1234", False),
        ("key" + " " * 20 + "tok-1234", False),
        ("tok-1234" + " " * 20 + "key", False),
    ],
)
def test_a_keyword_must_be_near_as_a_word(text: str, near: bool) -> None:
    found = _examined(text, "tok-1234", keywords=("key", "word*"), keyword_window=16)
    assert found == ("tok-1234" if near else None)


@pytest.mark.parametrize(
    ("text", "both"),
    [
        ("key tok-1234 code", True),
        ("tok-1234 code key", True),
        ("key tok-1234", False),
        ("code tok-1234", False),
        ("key tok-1234" + " " * 20 + "code", False),
    ],
)
def test_a_word_of_each_group_must_be_near(text: str, both: bool) -> None:
    found = _examined(text, "tok-1234", keywords=("key",), also=("code",), keyword_window=16)
    assert found == ("tok-1234" if both else None)


def test_a_keyword_inside_of_the_match_does_not_count() -> None:
    assert _examined("tok-1234", "tok-1234", keywords=("tok",)) is None


def test_more_text_may_change_the_answer() -> None:
    grow: dict[str, Any] = {"extend_right": "a-z", "extend_limit": 4}
    assert _examined("tok-1234ab", "tok-1234", final=False, **grow) == "undecided"
    assert _examined("tok-1234ab ", "tok-1234", final=False, **grow) == "tok-1234ab"
    assert _examined("tok-1234abcd", "tok-1234", final=False, **grow) == "tok-1234abcd"
    until: dict[str, Any] = {"extend_right": "a-zE", "extend_limit": 9, "extend_until": "E"}
    assert _examined("tok-1234abE", "tok-1234", final=False, **until) == "tok-1234abE"
    words: dict[str, Any] = {"keywords": ("key",), "keyword_window": 8}
    assert _examined("key tok-1234", "tok-1234", final=False, **words) == "tok-1234"
    assert _examined("tok-1234 key", "tok-1234", final=False, **words) == "undecided"
    assert _examined("tok-1234 keyword", "tok-1234", final=False, **words) == "undecided"
    assert _examined("tok-1234 keywords", "tok-1234", final=False, **words) is None
