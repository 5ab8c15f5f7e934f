"""What a soak makes of its samples."""

from __future__ import annotations

import pytest

from benchmarks.soak import held


def test_what_is_gained_while_it_warms_up_is_no_growth() -> None:
    samples = [(10.0 * number, 100.0 if number >= 20 else 50.0 + number) for number in range(100)]
    one = held("gateway", samples)
    assert (one.first, one.last, one.most, one.slope) == (50.0, 100.0, 100.0, 0.0)
    assert one.flat


@pytest.mark.parametrize(("an_hour", "flat"), [(-40.0, True), (0.0, True), (2.0, True), (40.0, False)])
def test_slope_and_verdict(an_hour: float, flat: bool) -> None:
    samples = [(10.0 * number, 90.0 + an_hour * number / 360 + number % 2 / 10) for number in range(361)]
    one = held("gateway", samples)
    assert one.slope == pytest.approx(an_hour, abs=0.2)
    assert one.gained == pytest.approx(0.8 * an_hour, abs=0.2)
    assert one.flat is flat


def test_a_single_sample_tells_no_slope() -> None:
    assert held("gateway", [(0.0, 80.0)]).slope == 0.0
