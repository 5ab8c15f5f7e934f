"""Weeks of keys: where they begin and end, and how a key tells its own."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from projections.vault import periods

times = st.integers(0, 4_000_000_000_000_000)


@given(times)
def test_a_time_lies_in_its_week_which_begins_on_a_monday(time_us: int) -> None:
    period = periods.at(time_us)
    start_us = periods.start_us(time_us)
    assert start_us <= time_us < periods.end_us(period) == start_us + periods.WEEK_US
    began = datetime.fromtimestamp(start_us / 1e6, UTC)
    assert (began.weekday(), f"{began:%H%M%S%f}") == (0, "000000000000")
    assert periods.at(start_us) == period != periods.at(start_us - 1)


@given(times, st.from_regex(r"[0-9a-f]{16}", fullmatch=True))
def test_a_key_tells_its_week(time_us: int, name: str) -> None:
    assert periods.of_key(periods.key_id(periods.at(time_us), name)) == periods.at(time_us)
    # what an earlier release has made tells none, and seals no more
    assert periods.of_key(name) == ""
    assert periods.end_us("") == 0
