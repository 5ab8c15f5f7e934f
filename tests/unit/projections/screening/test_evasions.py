"""Which ways around the patterns are caught and which are not: what the table says is held to."""

from __future__ import annotations

import pytest

from benchmarks.corpus.evading import SPLITS, ways
from benchmarks.corpus.evasions import WAYS
from projections.screening import Screener
from schemas.screening.model import Hit

OPEN = {
    "base64 four times",
    "quoted-printable, as mail does",
    "ROT13",
    "bold words",
    "tags inside of words",
    "letters with accents",
    "leetspeak",
    "reversed",
    *SPLITS[:3],
}
"""Not caught, or not always: what is decoded is bounded, and what stands in one text says nothing about another."""
KEY = "AKIAQ3EGRT7XK2LMNVB5"


def test_all_other_ways_are_caught(screener: Screener) -> None:
    for way in ways(screener):
        if way.name not in OPEN:
            assert way.verdict == "caught", way


@pytest.mark.parametrize("name", ["base64", "hexadecimal", "URL, every byte", "HTML entities, decimal", "JSON escapes"])
def test_the_span_is_what_encodes_it_in_the_text_that_came(screener: Screener, name: str) -> None:
    encoded = WAYS[name](KEY if name in ("URL, every byte", "HTML entities, decimal", "JSON escapes") else f"use {KEY}")
    hits = [hit for hit in screener.screen([f"é ({encoded}) end"], "request").hits if hit.action == "block"]
    assert hits == [Hit("secret.aws-access-key-id", "block", 0, 3, 3 + len(encoded), "hard")]


@pytest.mark.parametrize("name", ["zero-width spaces", "full width", "Cyrillic look-alikes", "invisible tags"])
def test_the_span_is_what_reads_as_it(screener: Screener, name: str) -> None:
    written = WAYS[name](KEY)
    hits = screener.screen([f"\u200b{written} end"], "request").hits
    assert Hit("secret.aws-access-key-id", "block", 0, 1, 1 + len(written), "hard") in hits


def test_what_is_found_as_it_stands_is_not_told_again(screener: Screener) -> None:
    text = f"{KEY} and 100%25 of caf\u0435s"
    assert screener.screen([text], "request").hits == (Hit("secret.aws-access-key-id", "block", 0, 0, 20, "hard"),)


def test_an_encoded_secret_is_found_far_inside_of_a_long_segment(screener: Screener) -> None:
    encoded = WAYS["base64"]("harmless words, " * 2_000 + KEY + " and so on" * 200)
    verdict = screener.screen([f"file: {encoded}"], "request")
    assert verdict.action == "block"
    assert all(hit.end - hit.start <= 8_192 for hit in verdict.hits)
