"""The arithmetic of what a gateway holds."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from projections.valkey.lease import Lease, take


def test_what_is_taken_and_settled_stays_granted() -> None:
    lease = Lease("acme", "b", "2026-11", limit=1000, granted=300)
    one = take((lease,), 100, now=1.0)
    two = take((lease,), 200, now=2.0)
    assert (lease.free, lease.in_flight, one.budgets) == (0, 300, ("b",))
    one.settle(40, now=3.0)
    assert (lease.free, lease.in_flight, lease.settled, lease.granted) == (60, 200, 40, 300)
    two.settle(200, now=4.0)
    assert (lease.free, lease.settled, lease.used_at, lease.changed) == (60, 240, 4.0, False)


def test_settling_twice_counts_once() -> None:
    lease = Lease("acme", "b", "total", limit=1000, granted=300)
    reservation = take((lease,), 100, now=1.0)
    reservation.settle(10, now=1.0)
    reservation.settle(90, now=1.0)
    assert (lease.settled, lease.in_flight) == (10, 0)


def test_a_cost_over_the_reservation_is_owned_up_to() -> None:
    lease = Lease("acme", "b", "total", limit=1000, granted=100)
    take((lease,), 100, now=1.0).settle(150, now=1.0)
    assert (lease.granted, lease.free, lease.changed) == (150, 0, True)


operations = st.lists(st.tuples(st.integers(0, 50), st.integers(0, 80), st.booleans()), max_size=40)


@given(operations)
def test_the_books_balance_after_anything(steps: list[tuple[int, int, bool]]) -> None:
    lease = Lease("acme", "b", "total", limit=10_000, granted=500)
    under_way = []
    for micros, cost, back in steps:
        if lease.free >= micros:
            under_way.append((take((lease,), micros, now=0.0), cost))
        if back and under_way:
            reservation, cost = under_way.pop(0)
            reservation.settle(cost, now=0.0)
        if micros % 7 == 0:
            lease.give_back()
        assert lease.granted == lease.settled + lease.in_flight + lease.free
        assert lease.free >= 0
        assert lease.in_flight == sum(reservation.micros for reservation, _ in under_way)
