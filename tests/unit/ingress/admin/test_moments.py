"""Times in queries: the forms that are read, and the ones that are not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingress.admin.moments import moment_us
from schemas.errors import InvalidRequest
from schemas.ids import iso

NOON = 1_795_176_000_000_000
"""2026-11-20T12:00:00Z."""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-20T12:00:00Z", NOON),
        ("2026-11-20T12:00:00", NOON),
        ("2026-11-20T13:30:00+01:30", NOON),
        ("2026-11-20 12:00", NOON),
        ("2026-11-20T12:00:00.000001Z", NOON + 1),
        ("2026-11-20", NOON - 43_200_000_000),
        (str(NOON), NOON),
        ("0", 0),
    ],
)
def test_times_are_read(text: str, expected: int) -> None:
    assert moment_us(text, "since") == expected


@given(st.integers(0, 4_000_000_000_000_000))
def test_what_is_written_is_read_again(time_us: int) -> None:
    assert moment_us(iso(time_us), "since") == time_us
    assert moment_us(str(time_us), "since") == time_us


@pytest.mark.parametrize(
    "text", ["", "yesterday", "12:00", "-1", "1.5", "2026-13-01", "١٢", "9" * 19, "0001-01-01T00:00:00+14:00"]
)
def test_everything_else_is_refused_by_name(text: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        moment_us(text, "until")
    assert caught.value.param == "until"
