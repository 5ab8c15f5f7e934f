"""Sums by stretches of time that differ from the log's are told, and so is memory that absent stores cost."""

from __future__ import annotations

import pytest

from benchmarks.chaos.absence import bounded
from benchmarks.chaos.campaign import options
from benchmarks.chaos.oracle import Seen
from benchmarks.chaos.sums import DAY, HOUR, MINUTES_5, Sums, equal, sums_of
from benchmarks.soak import held

AT = 1_800_000_000
SEEN = Seen(
    terminals={
        "r1": [("chaos", "completed", 1, 2, 30)],
        "r2": [("chaos", "completed", 10, 20, 300)],
        "r3": [("chaos", "refused", 0, 0, 0)],
        "r4": [("other", "refused", 0, 0, 0)],
    },
    ended_us={
        request: (AT + at) * 1_000_000 + 999_999
        for request, at in zip(("r1", "r2", "r3", "r4"), (0, 299, 300, 0), strict=True)
    },
)
FIVE: Sums = {
    ("chaos", AT): (2, 11, 22, 330),
    ("chaos", AT + 300): (1, 0, 0, 0),
    ("other", AT): (1, 0, 0, 0),
}


def test_the_log_is_added_up_by_tenant_and_stretch() -> None:
    assert sums_of(SEEN, MINUTES_5) == FIVE
    assert sums_of(SEEN, HOUR) == {("chaos", AT): (3, 11, 22, 330), ("other", AT): (1, 0, 0, 0)}


@pytest.mark.parametrize("place", range(4))
def test_a_view_that_adds_up_to_something_else_is_told(place: int) -> None:
    (held_,) = equal(SEEN, [("view", MINUTES_5, dict(FIVE))])
    assert held_.held and "requests=4 tokens=11+22 micros=330" in held_.detail
    wrong = list(FIVE["chaos", AT])
    wrong[place] += 1
    less = {at: each for at, each in FIVE.items() if at != ("other", AT)}
    for said in ({**FIVE, ("chaos", AT): tuple(wrong)}, less, {**FIVE, ("chaos", AT + 600): (1, 0, 0, 0)}, {}):
        (promise,) = equal(SEEN, [("view", MINUTES_5, said)])  # type: ignore[list-item]
        assert not promise.held


def test_spend_is_held_against_tokens_and_cost_alone() -> None:
    day = AT // DAY * DAY
    (same,) = equal(SEEN, [("spend", DAY, {("chaos", day): (0, 11, 22, 330), ("other", day): (0, 0, 0, 0)})])
    assert same.held, same.detail
    (other,) = equal(SEEN, [("spend", DAY, {("chaos", day): (0, 11, 22, 331)})])
    assert not other.held


def test_memory_that_is_gained_or_a_process_that_ended_breaks_a_promise() -> None:
    flat = held("gateway", [(0, 90.0), (10, 95.0), (20, 91.0)])
    grown = held("workers", [(0, 200.0), (10, 270.0), (20, 210.0)])
    assert bounded([flat], []).held
    assert not bounded([flat, grown], []).held
    assert not bounded([flat], ["workers"]).held
    assert not bounded([], []).held


def test_an_absence_lasts_ten_minutes_unless_told_otherwise() -> None:
    assert [(given.minutes, given.rate) for given in map(options, (
        [], ["--scenario", "absence"], ["--scenario", "absence", "--minutes", "0.5", "--rate", "3"],
    ))] == [(2.0, 60.0), (10.0, 15.0), (0.5, 3.0)]  # fmt: skip
