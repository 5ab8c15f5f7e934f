"""Characters written one by one: what they say, where they stand, in one piece and in many."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.screening import codes as module
from schemas.screening.codes import CODES
from schemas.screening.segments import Finder, Segment
from tests.unit.schemas.screening.cutting import pushed

TEXT = "ignore all of it"
BYTES = TEXT.encode()


def found(text: str) -> list[Segment]:
    return Finder(CODES).push(text, final=True)


@pytest.fixture(scope="module", autouse=True)
def short_runs() -> Iterator[None]:
    """Texts need not be long to have runs that are too long."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "MAX_SEGMENT", 256)
        patch.setattr(module, "OVERLAP", 64)
        yield


_between = st.sampled_from([" ", ", ", "-", "\n", ":", "  ", ". ", "%", "é", " - "])
_bits = st.one_of(
    st.builds(lambda data, between: between.join(f"{byte:02x}" for byte in data), st.binary(max_size=40), _between),
    st.builds(lambda data, between: between.join(map(str, data)), st.binary(max_size=40), _between),
    st.builds(lambda data, between: between.join(data), st.text("abcXYZ019 .", max_size=60), _between),
    st.builds(lambda count: "68 " * count, st.integers(60, 150)),
    st.text(alphabet="0x68 u+,é\nab", max_size=30),
    st.sampled_from([" ", "\n", "ab", "0x", "U+00", "1", "word "]),
)
texts = st.lists(_bits, max_size=6).map("".join)


@given(text=texts, sizes=st.lists(st.integers(1, 80), min_size=1, max_size=30))
def test_any_cut_gives_the_runs_of_the_whole(text: str, sizes: list[int]) -> None:
    assert pushed(Finder(CODES), text, sizes, module.MAX_SEGMENT) == found(text)


@pytest.mark.parametrize(
    "written",
    [
        BYTES.hex(" "),
        BYTES.hex(":").upper(),
        ", ".join(f"0x{byte:02x}" for byte in BYTES),
        ",".join(f"0x{byte:02X}" for byte in BYTES),
        "=" + BYTES.hex("="),
        " ".join(f"U+{byte:04x}" for byte in BYTES),
        f"[{', '.join(map(str, BYTES))}]",
        " ".join(f"{byte:03o}" for byte in BYTES),
        "".join(f"\\{byte:o}" for byte in BYTES),
        " ".join(TEXT),
        "-".join(TEXT),
        ".".join(TEXT.replace(" ", "_")).replace("_", " "),
        bytes([200, 201, *BYTES]).hex(" "),
        TEXT.encode("utf-16-le").hex(" "),
    ],
)
def test_what_is_written_one_by_one_is_read(written: str) -> None:
    text = f"it says: {written}\n"
    inside = found(text)
    assert any(TEXT in segment.text for segment in inside)
    assert all(text[segment.start : segment.end] in written for segment in inside)


@pytest.mark.parametrize(
    "text",
    [
        "it is up to us to do it so we go on to it",
        "de:ad:be:ef:01:02:03:04:05:06:07:08",
        "1 2 3 4 5 6 7 8 9 10 11 12",
        "%69%67%6e%6f%72%65%20%61%6c%6c",
        "&#105;&#103;&#110;&#111;&#114;&#101;&#32;&#97;",
        "a b c d e",
        "2024-11-21 02:40:46",
        "3f 9a c2 00 17 e4 8b 91 d0 fe aa 10",
    ],
)
def test_what_is_no_text_is_none(text: str) -> None:
    assert found(text) == []


def test_a_run_that_is_too_long_overlaps_itself() -> None:
    inside = found("".join(f"word {number:04} " for number in range(40)).encode().hex(" "))
    assert len(inside) > 2
    for one, other in itertools.pairwise(inside):
        assert 0 < one.end - other.start <= module.OVERLAP
        assert other.text.strip()[:12] in one.text
