"""Budgets: which window a moment is in, when it ends, and whose spend counts."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.aggregates.budget import WINDOWS, Budget
from schemas.spend import applicable, applies, seconds_left, window_of

TIMES = st.integers(0, 4_102_444_800_000_000)


def at(text: str) -> int:
    """Microseconds since the epoch of a moment in UTC."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1_000_000)


def budget(scope: str = "tenant", target: str = "", *, enabled: bool = True) -> Budget:
    return Budget(id=f"{scope}-{target}", tenant="t", scope=scope, target=target, limit_micros=1, enabled=enabled)


@pytest.mark.parametrize(
    ("window", "moment", "name", "left"),
    [
        ("day", "2026-11-20T00:00:00", "2026-11-20", 86_400),
        ("day", "2026-11-20T23:59:59", "2026-11-20", 1),
        ("month", "2026-11-20T12:00:00", "2026-11", 10 * 86_400 + 43_200),
        ("month", "2026-12-31T23:59:00", "2026-12", 60),
        ("month", "2028-02-29T00:00:00", "2028-02", 86_400),
        ("month", "2027-01-31T00:00:00", "2027-01", 86_400),
        ("total", "2026-11-20T12:00:00", "total", 3_600),
    ],
)
def test_windows_by_hand(window: str, moment: str, name: str, left: int) -> None:
    assert window_of(window, at(moment)) == name
    assert seconds_left(window, at(moment)) == left


@given(st.sampled_from(["day", "month"]), TIMES)
def test_a_window_lasts_exactly_as_long_as_is_said(window: str, time_us: int) -> None:
    left = seconds_left(window, time_us)
    assert left >= 1
    started = time_us - time_us % 1_000_000
    assert window_of(window, started + left * 1_000_000) != window_of(window, time_us)
    assert window_of(window, started + left * 1_000_000 - 1) == window_of(window, time_us)


@given(st.sampled_from(WINDOWS), TIMES, TIMES)
def test_windows_are_in_the_order_of_time(window: str, one: int, other: int) -> None:
    first, second = sorted((one, other))
    assert window_of(window, first) <= window_of(window, second)


@pytest.mark.parametrize(
    ("scope", "target", "counts"),
    [
        ("tenant", "", True),
        ("key", "k1", True),
        ("key", "k2", False),
        ("provider", "east", True),
        ("provider", "west", False),
        ("model", "east/gpt-4o", True),
        ("model", "gpt-4o", False),
    ],
)
def test_scopes(scope: str, target: str, counts: bool) -> None:
    assert applies(budget(scope, target), key="k1", account="east", model="east/gpt-4o") == counts


def test_a_disabled_budget_counts_nothing() -> None:
    assert not applies(budget(enabled=False), key="k", account="a", model="a/m")


def test_applicable_keeps_the_order() -> None:
    budgets = [budget("key", "k1"), budget("key", "k2"), budget(), budget("provider", "east")]
    found = applicable(budgets, key="k1", account="east", model="east/m")
    assert found == (budgets[0], budgets[2], budgets[3])
