"""The scan for marks: nothing that normalisation would change goes unmarked, and plain texts have none."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections.screening.engine import encoded
from projections.screening.marks import Marker
from schemas.screening import confusables
from schemas.screening.codes import CODES
from schemas.screening.normalise import fold
from schemas.screening.segments import Finder
from tests.unit.projections.screening.texts import texts

RUN = re.compile(rb"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{20}")


@pytest.fixture(scope="module")
def marker() -> Marker:
    return Marker()


_numbers = st.lists(st.sampled_from(["68", "0x65", "U+006c", " ", ", ", "x", "é", "108"]), max_size=40).map("".join)


@given(text=st.one_of(texts, st.text(), _numbers))
def test_whatever_would_change_is_marked(marker: Marker, text: str) -> None:
    data = encoded(text)
    marks = marker.marks(data)
    runs = [match.start() for match in RUN.finditer(data)]
    written = Finder(CODES).push(text, final=True)
    if marks is None:
        assert fold(text) == text and not runs and not written
    else:
        assert marks.codes or not written
        assert marks.folds or fold(text) == text
        assert marks.runs == runs


def test_every_character_that_folds_is_marked(marker: Marker) -> None:
    missed = [point for point in confusables.folds() if marker.marks(chr(point).encode()) is None]
    assert missed == []


@pytest.mark.parametrize("text", ["", "Plain words, 12 % of them.", "Le conseil se réunit à Zürich – “bald” … 日本 😀"])
def test_ordinary_texts_have_no_marks(marker: Marker, text: str) -> None:
    assert marker.marks(text.encode()) is None
