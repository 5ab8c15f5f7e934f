"""Ceilings hold for every tokenizer of whole bytes; estimates follow what providers count."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.tokens import (
    FAMILIES,
    IMAGE,
    PER_TURN,
    TOOLS,
    Calibration,
    Sizes,
    family_of,
    has_media,
    measure,
    most_beside_texts,
    most_tokens,
    probable_tokens,
)


@given(st.lists(st.text(st.characters(exclude_categories=()))))
def test_sizes_add_up_to_the_bytes(texts: list[str]) -> None:
    sizes = measure(texts)
    assert sizes.total == sum(len(text.encode("utf-8", "surrogatepass")) for text in texts)
    assert min(getattr(sizes, name) for name in sizes.__struct_fields__) >= 0


def test_sizes_know_their_classes() -> None:
    assert measure(["Ab 12", "!é世😀"]) == Sizes(words=3, digits=2, marks=1, two=2, three=3, four=4)


@given(st.text(), st.integers(0, 50))
def test_no_tokenizer_of_bytes_finds_more_than_the_ceiling(text: str, turns: int) -> None:
    """The worst there can be makes a token of every byte, and an eightfold frame around every message."""
    raw = text.encode()
    assert most_tokens(measure([text]).total, turns) >= len(raw) + PER_TURN * turns


@given(st.text(), st.integers(1, 50), st.sampled_from(sorted(FAMILIES)))
def test_what_is_probable_is_never_above_the_ceiling(text: str, turns: int, family: str) -> None:
    sizes = measure([text])
    assert 1 <= probable_tokens(sizes, family, turns) <= most_tokens(sizes.total, turns)


@pytest.mark.parametrize(
    ("upstream", "family"),
    [
        ("gpt-4o-mini-2024-07-18", "o200k"), ("o3", "o200k"), ("openai/gpt-oss-120b", "o200k"),
        ("gpt-4-turbo", "cl100k"),
        ("text-embedding-3-small", "cl100k"), ("text-embedding-004", "gemini"), ("claude-sonnet-4-5", "claude"),
        ("us.anthropic.claude-3-5-sonnet-20241022-v2:0", "claude"), ("models/gemini-2.5-flash", "gemini"),
        ("meta-llama/Llama-3.3-70B-Instruct", "llama"), ("mistral-large-latest", "other"),
    ],
)  # fmt: skip
def test_families(upstream: str, family: str) -> None:
    assert family_of(upstream) == family


def test_english_prose_is_about_right() -> None:
    """A sentence of which OpenAI's own documentation says that it has about 30 to 40 tokens for 30 words."""
    prose = (
        "As a rule of thumb, one token generally corresponds to four characters of common English text, so that "
        "one hundred tokens are roughly seventy-five words of ordinary prose in a document."
    )
    assert len(prose) / 5.5 <= probable_tokens(measure([prose]), "o200k", 0) <= len(prose) / 3.5


def user(*parts: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": list(parts)}]}


URL = {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}
SOUND = {"type": "input_audio", "input_audio": {"data": "A" * 32_000, "format": "wav"}}


@pytest.mark.parametrize(
    ("body", "least", "most"),
    [
        (user({"type": "text", "text": "hello"}), 0, 0),
        ({"messages": [{"role": "user", "content": "see image_url https://x"}]}, 0, 0),
        (user(URL, URL), 2 * IMAGE, 2 * IMAGE),
        (user({"type": "image", "source": {"media_type": "image/png", "data": "A" * 999}}), IMAGE, IMAGE),
        ({"contents": [{"parts": [{"inlineData": {"mimeType": "image/png", "data": "A" * 999}}]}]}, IMAGE, IMAGE),
        (user(SOUND), 2_000, 2_200),
        (user({"type": "tool_use", "name": "fetch", "input": {"url": "https://example.org/file"}}), 0, 0),
        (user({"type": "redacted_thinking", "data": "A" * 999}), 0, 0),
        (user({"type": "document", "source": {"type": "url", "url": "https://example.org/a.pdf"}}), 128_000, 128_000),
        (user({"type": "file", "file": {"file_id": "file-1"}}), 128_000, 128_000),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, TOOLS + 40, TOOLS + 60),
    ],
)  # fmt: skip
def test_what_is_beside_the_texts(body: dict[str, Any], least: int, most: int) -> None:
    assert least <= most_beside_texts(body, "gpt-4o", 128_000) <= most
    assert has_media(body) == (least > 0 and "tools" not in body)


def test_pictures_are_dear_at_one_model() -> None:
    assert most_beside_texts(user(URL), "gpt-4o-mini", 128_000) == 48_169


def test_calibration_learns_the_factor_and_its_error() -> None:
    calibration, chance = Calibration(), random.Random(7)
    assert calibration.of("t", "a/m").requests == 0
    for _ in range(300):
        estimated = chance.randrange(50, 5_000)
        counted = round(estimated * 1.4 * chance.uniform(0.95, 1.05))
        calibration.learn("t", "a/m", estimated, counted, most=10**9)
    fit = calibration.of("t", "a/m")
    assert 1.36 < fit.factor < 1.44 and fit.error < 0.06 and fit.requests == 300
    assert calibration.of("t", "a/other").factor == calibration.of("other", "a/m").factor == 1.0
    assert calibration.errors() == {"other": fit.error} and calibration.passed == 0


def test_one_of_some_requests_is_learnt_from() -> None:
    calibration = Calibration()
    due = [calibration.due() for _ in range(3 * Calibration.EVERY)]
    assert due[0] and sum(due) == 3


def test_calibration_takes_nothing_that_says_nothing_and_forgets() -> None:
    calibration = Calibration()
    calibration.learn("t", "a/m", 5, 500, most=499)
    calibration.learn("t", "a/m", 500, 0, most=499)
    assert calibration.errors() == {} and calibration.passed == 1
    for number in range(Calibration.MODELS + 5):
        calibration.learn("t", f"a/{number}", 100, 100_000_000, most=10**9)
    known = [number for number in range(Calibration.MODELS + 5) if calibration.of("t", f"a/{number}").requests]
    assert known == list(range(5, Calibration.MODELS + 5)) and calibration.of("t", "a/4100").factor == 10.0


def test_a_count_beyond_all_measure_teaches_nothing() -> None:
    calibration = Calibration()
    calibration.learn("acme", "mock/m", 100, 10**400, most=10**500)
    assert calibration.of("acme", "mock/m").requests == 0
