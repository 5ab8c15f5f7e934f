"""Cursors come back as they were given out, and nothing else is one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections.postgres import cursor
from schemas.errors import InvalidRequest

PLACES = st.tuples(st.integers(0, 2**63 - 1), st.integers(0, 2**31 - 1))


@given(PLACES, st.binary(max_size=50))
def test_round_trip(place: tuple[int, int], query: bytes) -> None:
    text = cursor.encode(place, query)
    assert cursor.decode(text, query) == place
    assert text.isascii() and not set(text) & set("+/= ")


@given(PLACES, st.binary(max_size=20), st.binary(max_size=20))
def test_it_belongs_to_its_query(place: tuple[int, int], query: bytes, other: bytes) -> None:
    if query != other:
        with pytest.raises(InvalidRequest):
            cursor.decode(cursor.encode(place, query), other)


@given(st.one_of(st.text(), st.binary().map(lambda raw: raw.decode("latin-1"))))
def test_whatever_else_is_refused_in_words(text: str) -> None:
    with pytest.raises(InvalidRequest) as raised:
        cursor.decode(text, b"")
    assert raised.value.param == "cursor"
