"""Positions come back from their text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.envelope import Position, parse_position


@given(st.sampled_from(["TRAFFIC", "CONFIG", "OPS"]), st.integers(0, 2**63))
def test_a_position_comes_back(stream: str, sequence: int) -> None:
    position = Position(stream, sequence)
    assert parse_position(str(position)) == position


@pytest.mark.parametrize(
    "text", ["", "TRAFFIC", "TRAFFIC:", "traffic:1", ":1", "TRAFFIC:-1", "TRAFFIC:1:2", "TRAFFIC:x"]
)
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="STREAM:SEQUENCE"):
        parse_position(text)


@given(st.integers(0, 100), st.integers(0, 100))
def test_positions_of_one_stream_are_in_its_order(one: int, other: int) -> None:
    assert (Position("A", one) < Position("A", other)) == (one < other)
