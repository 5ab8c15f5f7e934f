"""How the status is told."""

from __future__ import annotations

import pytest

from ops.up.standing import span


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0s"), (59.9, "59s"), (60, "1m 0s"), (3_723, "1h 2m"), (90_061, "1d 1h"), (8_640_000, "100d 0h")],
)
def test_a_duration_is_told_in_its_two_largest_units(seconds: float, text: str) -> None:
    assert span(seconds) == text
