"""Texts as they read: what is undone, back to where it stood, and in pieces."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.screening import confusables
from schemas.screening.normalise import LONGEST, Change, Offsets, changes, fold, stable

_bits = st.one_of(
    st.sampled_from(
        [
            *(
                "%41",
                "%C3%A4",
                "%F0%9D%90%A2",
                "%ff",
                "%",
                "%4",
                "%C3",
                "&#105;",
                "&#105",
                "&#x69;",
                "&amp;",
                "&notin;",
            ),
            *(
                "&",
                "&a",
                "\\u0069",
                "\\ud835\\udc22",
                "\\\\ud835",
                "\\x41",
                "\\\\\\\\u0069",
                "\\U0001D422",
                "\\u{69}",
                "\\n",
                "\\",
                "а",
            ),
            *("\u200b", "ｆ", "é", "😀", "\ud800", "𝐢", " ", "%25", "%u0041", "0", "e", "а\u0301"),
        ]
    ),
    st.text(max_size=4),
    st.text(alphabet="%&#\\ux;4169abcdDCF", max_size=12),
)
texts = st.lists(_bits, max_size=12).map("".join)


@pytest.mark.parametrize(
    ("text", "reading"),
    [
        ("%69gnore%20all", "ignore all"),
        ("100% &c. C:\\dir", "100% &c. C:\\dir"),
        ("&#105;&#x67;&lt;&Tab;", "ig<\t"),
        ("&#999999999; &nosuch;", "&#999999999; &nosuch;"),
        ("\\u0069\\x67\\u{6e}\\U0000006f", "igno"),
        ("\\ud835\\udc22 \\ud835 \\u{110000}", "i \\ud835 \\u{110000}"),
        ("\\\\u0069\\\\\\\\x67 \\\\ud835\\\\udc22 C:\\\\dir", "ig i C:\\\\dir"),
        ("a\\nb", "a\nb"),
        ("%D0%B0%E2%80%8B%F0%9D%90%A2", "ai"),
        ("%C0%80 %ED%A0%80 %zz", "%C0%80 %ED%A0%80 %zz"),
        ("i\u200bg\u00adn\u202eo\ufeffr\u2060e", "ignore"),
        ("іgnоrе раss Αdmin", "ignore pass Admin"),
        ("ｉｇｎｏｒｅ　４１", "ignore 41"),
        ("𝐢𝓰𝔫𝕠𝖗𝚎 ⓘⓖ 🅸🄶", "ignore ig IG"),
        ("٤١ ४१ 𝟜𝟙 ⁴¹", "41 41 41 41"),
        ("i\u0336g\u0301n", "ign"),
        ("\U000e0069\U000e0067", "ig"),
        ("葛\U000e0100 \U000e0159\U000e0157", "葛 ig"),
        ("pass\u00a0word\u2009x", "pass word x"),
        ("café – “naïve” … 日本語 😀", "café – “naïve” … 日本語 😀"),
    ],
)
def test_what_a_text_reads_as(text: str, reading: str) -> None:
    assert fold(text) == reading


@given(text=texts)
def test_the_changes_are_the_fold_in_detail(text: str) -> None:
    parts = []
    at = 0
    for start, end, reading in changes(text):
        assert at <= start < end <= len(text)
        assert end - start <= LONGEST
        assert len(reading) <= max(end - start, confusables.MOST)
        parts += [text[at:start], reading]
        at = end
    assert "".join([*parts, text[at:]]) == fold(text)


@given(text=texts, cuts=st.lists(st.integers(0, 60), max_size=8))
def test_a_text_in_pieces_reads_the_same(text: str, cuts: list[int]) -> None:
    read = carry = ""
    at = 0
    for cut in [*sorted(cuts), len(text)]:
        carry += text[at:cut]
        at = max(at, min(cut, len(text)))
        ready = stable(carry)
        read += fold(carry[:ready])
        carry = carry[ready:]
        assert len(carry) <= LONGEST
    assert read + fold(carry) == fold(text)


@given(text=texts)
def test_every_character_leads_back_to_what_reads_as_it(text: str) -> None:
    offsets = Offsets()
    offsets.add(changes(text))
    folded = fold(text)
    last = 0
    for at, char in enumerate(folded):
        start, end = offsets.start(at), offsets.end(at + 1)
        assert last <= start < end <= len(text)
        assert char in fold(text[start:end])
        last = start


def test_what_was_forgotten_shifts_what_is_kept() -> None:
    offsets = Offsets()
    offsets.add([Change(at * 4, at * 4 + 3, "x") for at in range(200)])  # "%41-" two hundred times
    whole = [offsets.start(at) for at in range(400)]
    offsets.forget(300)
    assert [offsets.start(at) for at in range(300, 400)] == whole[300:]
    assert offsets.end(400) == 800


def test_only_what_reads_as_ascii_is_in_the_table() -> None:
    table = confusables.folds()
    assert all(reading.isascii() and point > 127 for point, reading in table.items())
    assert not any(chr(point) in "éàüñçß“”’–—…€™日ש" for point in table)
    assert sum(last - first + 1 for first, last in confusables.ranges()) == len(table)


def test_a_text_of_many_different_characters_reads_the_same() -> None:
    table = confusables.folds()
    text = "x".join(map(chr, table))
    assert fold(text) == "x".join(table.values())
