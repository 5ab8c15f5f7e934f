"""Which URLs may be configured: any text gets an answer, and secrets in it are not repeated."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.aggregates.urls import problems_of_url


@pytest.mark.parametrize(
    "text", ["http://h", "https://api.example.com/v1", "http://127.0.0.1:3062/v1", "http://[::1]:80/v1"]
)
def test_urls_that_can_be_called(text: str) -> None:
    assert problems_of_url(text, "url") == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "h",
        "ftp://h",
        "http://",
        "http:///v1",
        "http://[",
        "http://[::",
        "http://h:x",
        "http://h:99999",
        "http://h:0",
    ],
)
def test_texts_that_are_no_url(text: str) -> None:
    assert problems_of_url(text, "url") == ["url must be an http or https URL"]


@pytest.mark.parametrize("text", ["http://h/a b", "http://h/\n", "file:///etc/passwd"])
def test_texts_that_only_look_like_one(text: str) -> None:
    assert problems_of_url(text, "url") == ["url must be an http or https URL"]


@pytest.mark.parametrize(
    "text", ["http://u:pass@h", "http://u@h", "http://:pass@h", "http://h?key=pass", "http://h#pass"]
)
def test_secrets_have_no_place_in_it(text: str) -> None:
    (problem,) = problems_of_url(text, "url")
    assert problem.startswith("url must not carry")
    assert "pass" not in problem.removeprefix("url must not carry")


def test_a_query_is_allowed_where_it_is() -> None:
    assert problems_of_url("http://h/in?source=nexus", "url", query=True) == []
    assert problems_of_url("http://u:p@h/in?source=nexus", "url", query=True) == [
        "url must not carry credentials or a fragment"
    ]


@given(st.text(max_size=20) | st.from_regex(r"\Ahttps?://[\[\]:@/?#a1.%]{0,12}\Z"))
def test_any_text_gets_an_answer(text: str) -> None:
    assert isinstance(problems_of_url(text, "url"), list)
