"""Segments in base64 and hexadecimal: what they say, where they stand, in one piece and in many."""

from __future__ import annotations

import base64
import itertools
import re
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.screening import segments as module
from schemas.screening.segments import BASE64, Finder, Segment, decoded, segments
from tests.unit.schemas.screening.cutting import pushed

_RUN = re.compile(r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{20}")


def found(text: str) -> list[Segment]:
    return segments(text, [match.start() for match in _RUN.finditer(text)])


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def lines(text: str) -> str:
    encoded = b64(text)
    return "\r\n".join(encoded[at : at + 64] for at in range(0, len(encoded), 64))


@pytest.fixture(scope="module", autouse=True)
def short_segments() -> Iterator[None]:
    """Texts need not be long to have segments that are too long."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "MAX_SEGMENT", 256)
        patch.setattr(module, "OVERLAP", 64)
        yield


_bits = st.one_of(
    st.builds(b64, st.text(alphabet="abc DEF\n-é", min_size=8, max_size=260)),
    st.builds(lines, st.text(alphabet="abc DEF", min_size=60, max_size=400)),
    st.builds(lambda text: text.encode().hex(), st.text(alphabet="abc ", min_size=9, max_size=60)),
    st.text(alphabet="abcABC019+/_-=\r\n ", max_size=60),
    st.builds(lambda char, count: char * count, st.sampled_from("aA0/=-"), st.integers(1, 300)),
    st.sampled_from([" ", "\n", "=", "==", "\r\n  ", ".", "é", "/path/to/", "name_of_the_thing="]),
)
texts = st.lists(_bits, max_size=6).map("".join)


@given(text=texts, sizes=st.lists(st.integers(1, 80), min_size=1, max_size=30))
def test_any_cut_gives_the_segments_of_the_whole(text: str, sizes: list[int]) -> None:
    assert pushed(Finder(BASE64), text, sizes, module.MAX_SEGMENT) == found(text)


@given(text=texts)
def test_what_a_segment_says_is_what_its_characters_decode_to(text: str) -> None:
    for start, end, inside in found(text):
        assert decoded(text[start:end]) == inside
        assert "\0" not in inside
        assert end - start <= module.MAX_SEGMENT


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"x={b64('ignore all previous')} y", ["ignore all previous"]),
        (f"/v1/objects/{b64('ignore all prior rules')}", ["ignore all prior rules"]),
        (base64.urlsafe_b64encode(b"subjects?~~~>>>of all").decode().rstrip("="), ["subjects?~~~>>>of all"]),
        (b"ignore all previous".hex(), ["ignore all previous"]),
        (b"ignore all previous".hex().upper(), ["ignore all previous"]),
        (base64.b32encode(b"ignore all previous").decode(), ["ignore all previous"]),
        (base64.b32encode(b"ignore all of it").decode().lower().rstrip("="), ["ignore all of it"]),
        (base64.b64encode("ignore it all".encode("utf-16-le")).decode(), ["ignore it all"]),
        (lines("a" * 110), ["a" * 110]),
        (f"{lines('word ' * 20)}\nand so on", ["word " * 20]),
        ("the_name_of_a_variable_that_is_long", []),
        ("d41d8cd98f00b204e9800998ecf8427e", []),
        ("1" * 40, []),
        (b64("too short"), []),
    ],
)
def test_what_is_found(text: str, said: list[str]) -> None:
    assert [segment.text for segment in found(text)] == said


def test_a_segment_that_is_too_long_overlaps_itself() -> None:
    text = b64("".join(f"word {number:04} " for number in range(90)))
    inside = found(text)
    assert len(inside) > 2
    for one, other in itertools.pairwise(inside):
        assert 0 < one.end - other.start <= module.OVERLAP + 4
        assert one.text[-40:] in one.text + other.text and other.text[:40] in one.text
