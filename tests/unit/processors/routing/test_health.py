"""Health by windows, and circuits over all gateways, from calls in the order of the log."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from processors.routing.health import GRACE_US, WINDOW_US, Decision, Health
from schemas.facts.decisions import CircuitClosed, CircuitOpened, HealthObserved
from schemas.facts.traffic import ProviderCalled
from schemas.routing.circuit import FAILURES_TO_OPEN, OPEN_S

SECOND = 1_000_000
START = 1_795_176_000_000_000


def call(outcome: str = "ok", status: int = 200, account: str = "east", took: int = 100) -> ProviderCalled:
    return ProviderCalled(1, account, f"{account}/m", outcome, status, 10, took)


def told(health: Health, *calls: tuple[int, ProviderCalled], tenant: str = "acme") -> list[msgspec.Struct]:
    """Calls by seconds after the start."""
    return [
        decision.data
        for number, (second, one) in enumerate(calls)
        for decision in health.called(tenant, one, START + second * SECOND, f"f{number}")
    ]


FAILURES = tuple((second, call("status", 503)) for second in range(FAILURES_TO_OPEN))


def test_a_window_is_told_when_the_next_one_begins() -> None:
    health = Health()
    assert told(health, (1, call(took=100)), (9, call("status", 503, took=300))) == []
    assert told(health, (10, call())) == [HealthObserved("east", WINDOW_US, 2, 1, 200)]


def test_a_window_after_which_nothing_comes_is_told_by_time() -> None:
    health = Health()
    told(health, (1, call()))
    end = START + WINDOW_US + GRACE_US
    assert list(health.ended(end - 1)) == []
    assert [one.data for one in health.ended(end)] == [HealthObserved("east", WINDOW_US, 1, 0, 100)]
    assert list(health.ended(end + WINDOW_US)) == []


def test_a_call_told_late_counts_in_the_window_under_way() -> None:
    health = Health()
    told(health, (12, call()), (9, call()))
    assert [one.data for one in health.ended(START + 60 * SECOND)] == [HealthObserved("east", WINDOW_US, 2, 0, 100)]


def test_failures_in_a_row_open_the_circuit_once() -> None:
    health = Health()
    assert told(health, *FAILURES[:-1], (4, call()), *FAILURES[:-1]) == []
    opened = told(Health(), *FAILURES, (6, call("timeout", 0)))
    until = START + (FAILURES_TO_OPEN - 1) * SECOND + int(OPEN_S) * SECOND
    assert opened == [CircuitOpened("east", FAILURES_TO_OPEN, until)]


def test_what_the_caller_or_the_limits_of_the_account_caused_opens_nothing() -> None:
    health = Health()
    harmless = [call("status", 429), call("status", 400), call("aborted", 0)]
    assert told(health, *((0, harmless[number % 3]) for number in range(30))) == []


def test_successes_after_the_pause_close_it_and_a_failure_opens_it_again() -> None:
    health = Health()
    told(health, *FAILURES)
    after = FAILURES_TO_OPEN + int(OPEN_S)
    decided = [one for one in told(health, (after, call()), (after, call())) if not isinstance(one, HealthObserved)]
    assert decided == [CircuitClosed("east")]
    health = Health()
    told(health, *FAILURES)
    decided = [one for one in told(health, (after, call("connect", 0))) if not isinstance(one, HealthObserved)]
    assert [type(one) for one in decided] == [CircuitOpened]


def test_a_success_of_before_the_opening_closes_nothing() -> None:
    health = Health()
    told(health, *FAILURES)
    assert told(health, (6, call()), (7, call())) == []


def test_accounts_of_different_tenants_have_nothing_to_do_with_each_other() -> None:
    health = Health()
    told(health, *FAILURES[:-1], tenant="acme")
    assert told(health, *FAILURES[:-1], tenant="beta") == []


calls = st.lists(
    st.tuples(
        st.sampled_from(["east", "west"]),
        st.sampled_from([("ok", 200), ("status", 503), ("status", 429), ("timeout", 0), ("aborted", 0)]),
        st.integers(0, 6_000_000),
    ),
    max_size=60,
)


@given(calls)
def test_every_call_is_in_exactly_one_window_and_circuits_alternate(
    made: list[tuple[str, tuple[str, int], int]],
) -> None:
    health = Health()
    decided: list[Decision] = []
    at = START
    for number, (account, (outcome, status), pause) in enumerate(made):
        at += pause
        decided += health.called("acme", call(outcome, status, account), at, f"f{number}")
    decided += health.ended(at + WINDOW_US + GRACE_US)
    windows = [one.data for one in decided if isinstance(one.data, HealthObserved)]
    assert sum(window.calls for window in windows) == len(made)
    for account in ("east", "west"):
        told = [one.data for one in decided if getattr(one.data, "account", "") == account]
        state = "closed"
        for data in told:
            if isinstance(data, CircuitClosed):
                assert state == "open"
                state = "closed"
            elif isinstance(data, CircuitOpened):
                state = "open"
    names = [(one.correlation, one.causation) for one in decided]
    assert len(names) == len(set(names))
