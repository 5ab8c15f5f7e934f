"""The fold of LEDGER agrees with the rules of budgets, in any order, and forgets only what nobody asks for."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from processors.quota.counters import end_of, windows_at
from processors.quota.ledger import TenantLedger, windows_of
from schemas.aggregates.budget import SCOPES, WINDOWS, Budget
from schemas.facts.ledger import Settled, SpendLine, SpendRecorded
from schemas.ids import day_of
from schemas.spend import applies, seconds_left, window_of

days = st.sampled_from(["2026-10-31", "2026-11-19", "2026-11-20"])
lines = st.builds(
    SpendLine,
    key_id=st.sampled_from(["k1", "k2"]),
    account=st.sampled_from(["east", "west"]),
    model=st.sampled_from(["east/a", "west/b"]),
    day=days,
    requests=st.just(1),
    input_tokens=st.just(1),
    output_tokens=st.just(1),
    cost_micros=st.integers(0, 1000),
)
budgets = st.builds(
    lambda scope, window, targets: Budget(
        id="b", tenant="acme", scope=scope, window=window, target=targets[scope], limit_micros=1
    ),
    st.sampled_from(SCOPES),
    st.sampled_from(WINDOWS),
    st.fixed_dictionaries(
        {
            "tenant": st.just(""),
            "key": st.sampled_from(["k1", "k2", "k3"]),
            "provider": st.sampled_from(["east", "west"]),
            "model": st.sampled_from(["east/a", "west/b", "east/b"]),
        }
    ),
)


@given(st.lists(lines, max_size=20), budgets, days)
def test_spend_of_a_budget_is_the_sum_of_the_lines_that_apply(made: list[SpendLine], budget: Budget, day: str) -> None:
    ledger = TenantLedger("acme")
    for number, line in enumerate(made):
        ledger.add(SpendRecorded(number, number, (line,)))
    window = dict(zip(WINDOWS, windows_of(day), strict=True))[budget.window]
    expected = sum(
        line.cost_micros
        for line in made
        if applies(budget, key=line.key_id, account=line.account, model=line.model) and window in windows_of(line.day)
    )
    assert ledger.spent(budget, window) == expected


@given(st.integers(1_700_000_000_000_000, 1_900_000_000_000_000))
def test_windows_of_a_day_are_those_of_its_moments(at: int) -> None:
    assert windows_of(day_of(at)) == tuple(window_of(window, at) for window in WINDOWS)


@given(st.integers(1_700_000_000_000_000, 1_900_000_000_000_000), st.sampled_from(WINDOWS))
def test_counters_outlive_their_window(at: int, window: str) -> None:
    assert window_of(window, at) in windows_at(window, at)
    end = end_of(window_of(window, at))
    assert (end == 0) == (window == "total")
    if end:
        assert end > at + seconds_left(window, at) * 1_000_000


@given(st.integers(1_700_000_000_000_000, 1_900_000_000_000_000), st.sampled_from(WINDOWS))
def test_what_a_gateway_sees_as_today_is_there_with_both_clocks_an_hour_off(at: int, window: str) -> None:
    hour = 3_600_000_000
    for gateway, worker in ((at + hour, at - hour), (at - hour, at + hour)):
        assert window_of(window, gateway) in windows_at(window, worker)


def test_old_windows_and_writers_are_forgotten_and_nothing_else() -> None:
    ledger = TenantLedger("acme")
    for day, boot in (("2026-09-01", "g/1"), ("2026-11-19", "g/2")):
        line = SpendLine("k", "east", "east/a", day, 1, 1, 1, 10)
        ledger.add(SpendRecorded(1, 1, (line,), (Settled(boot, "b", day, 10),)))
    ledger.forget("2026-11-20")
    tenant = Budget(id="b", tenant="acme", limit_micros=1)
    assert [ledger.spent(tenant, window) for window in ("2026-09-01", "2026-09", "2026-11-19", "2026-11", "total")] == [
        0, 0, 10, 10, 20,
    ]  # fmt: skip
    assert ledger.applied("b", "total") == {"g/2": 10}
    assert ledger.applied("b", "2026-09") == {}
    assert ledger.applied("b", "2026-11-19") == {"g/2": 10}
