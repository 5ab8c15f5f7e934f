"""Places on the log: what is wrong with them is told before anything is read."""

from __future__ import annotations

import pytest

from ops.cli.exits import Misused
from ops.cli.places import check_places
from schemas.ids import SystemClock

CLOCK = SystemClock()
REQUEST = "019a9f3c-0000-7000-8000-0123456789ab"


@pytest.mark.parametrize(
    ("from_", "to"),
    [
        ("TRAFFIC:5", "TRAFFIC:5"), ("TRAFFIC:0", ""), ("", "0s"), ("2h", "1h"), ("2026-11-20", "2026-11-20T00:00Z"),
        ("2026-11-20T02:00+02:00", "2026-11-20T00:00:00Z"), (REQUEST, REQUEST), ("TRAFFIC:9", "2020-01-01"),
        ("1h", "now"), ("now", "2999-01-01"),
    ],
)  # fmt: skip
def test_places_in_order(from_: str, to: str) -> None:
    check_places(from_, to, "TRAFFIC", CLOCK)


@pytest.mark.parametrize(
    ("from_", "to", "word"),
    [
        ("TRAFFIC:5", "TRAFFIC:4", "comes after"), ("1h", "2h", "comes after"), ("2026-11-21", "2026-11-20", "after"),
        ("2026-11-20T00:00+02:00", "2026-11-19T21:59Z", "comes after"), ("OPS:5", "", "--from is on OPS"),
        ("", "TRAFFIC:x", "--to: a position has the form"), ("yesterday", "", "--from must be a span"),
        ("2999-01-01", "", "has not come yet"), ("2999-01-01", "2999-01-02", "has not come yet"),
    ],
)  # fmt: skip
def test_places_that_are_wrong(from_: str, to: str, word: str) -> None:
    with pytest.raises(Misused, match=word):
        check_places(from_, to, "TRAFFIC", CLOCK)
