"""Laws of the circuit breaker, checked against every order of events."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from schemas.routing.circuit import (
    CLOSED,
    FAILURES_TO_OPEN,
    OPEN_S,
    SUCCESSES_TO_CLOSE,
    Circuit,
    allows,
    counts_as_failure,
    failed,
    started,
    succeeded,
)


def opened(now: float = 100.0) -> Circuit:
    circuit = CLOSED
    for _ in range(FAILURES_TO_OPEN):
        assert allows(circuit, now)
        circuit = failed(started(circuit, now), now)
    return circuit


def test_so_many_failures_in_a_row_open_it() -> None:
    circuit = CLOSED
    for _ in range(FAILURES_TO_OPEN - 1):
        circuit = failed(circuit, 100.0)
        assert allows(circuit, 100.0)
    assert not allows(failed(circuit, 100.0), 100.0)


def test_a_success_starts_the_count_again() -> None:
    circuit = CLOSED
    for _ in range(FAILURES_TO_OPEN - 1):
        circuit = failed(circuit, 100.0)
    circuit = succeeded(circuit)
    for _ in range(FAILURES_TO_OPEN - 1):
        circuit = failed(circuit, 100.0)
    assert allows(circuit, 100.0)


def test_it_stays_open_for_its_time_and_lets_one_probe_through() -> None:
    circuit = opened(100.0)
    assert not allows(circuit, 100.0 + OPEN_S - 0.001)
    assert allows(circuit, 100.0 + OPEN_S)
    probing = started(circuit, 100.0 + OPEN_S)
    assert not allows(probing, 100.0 + OPEN_S)
    assert not allows(probing, 100.0 + 2 * OPEN_S - 0.001)


def test_a_lost_probe_does_not_keep_it_shut() -> None:
    probing = started(opened(100.0), 200.0)
    assert allows(probing, 200.0 + OPEN_S)


def test_so_many_probes_close_it() -> None:
    circuit, now = opened(100.0), 100.0 + OPEN_S
    for _ in range(SUCCESSES_TO_CLOSE):
        assert allows(circuit, now)
        assert circuit != CLOSED
        circuit = succeeded(started(circuit, now))
    assert circuit == CLOSED


def test_a_failing_probe_opens_it_for_its_whole_time_again() -> None:
    circuit = succeeded(started(opened(100.0), 130.0))
    circuit = failed(started(circuit, 131.0), 132.0)
    assert not allows(circuit, 132.0 + OPEN_S - 0.001)
    assert allows(circuit, 132.0 + OPEN_S)
    # and the success before it is forgotten
    assert succeeded(started(circuit, 200.0)) != CLOSED


def test_calls_from_before_it_opened_neither_close_nor_prolong_it() -> None:
    circuit = opened(100.0)
    assert succeeded(circuit) == circuit
    assert failed(circuit, 120.0) == circuit


@pytest.mark.parametrize(
    ("outcome", "status", "counts"),
    [
        ("ok", 200, False),
        ("status", 400, False),
        ("status", 401, False),
        ("status", 408, False),
        ("status", 429, False),
        ("status", 500, True),
        ("status", 501, False),
        ("status", 502, True),
        ("status", 503, True),
        ("status", 504, True),
        ("timeout", 0, True),
        ("connect", 0, True),
        ("disconnect", 200, True),
        ("malformed", 200, True),
        ("aborted", 0, False),
    ],
)
def test_whose_failure_counts(outcome: str, status: int, counts: bool) -> None:
    assert counts_as_failure(outcome, status) == counts


class Account(RuleBasedStateMachine):
    """Calls that start and end in any order, with time passing between."""

    def __init__(self) -> None:
        super().__init__()
        self.circuit = CLOSED
        self.now = 1_000.0
        self.under_way = 0
        self.streak = 0
        """Failures since the last success, as an observer counts them."""

    @rule(seconds=st.floats(0.001, 2 * OPEN_S))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @precondition(lambda self: allows(self.circuit, self.now))
    @rule()
    def call(self) -> None:
        self.circuit = started(self.circuit, self.now)
        self.under_way += 1

    @precondition(lambda self: self.under_way)
    @rule()
    def answer(self) -> None:
        self.under_way -= 1
        self.streak = 0
        self.circuit = succeeded(self.circuit)

    @precondition(lambda self: self.under_way)
    @rule()
    def fail(self) -> None:
        self.under_way -= 1
        self.streak += 1
        self.circuit = failed(self.circuit, self.now)

    @precondition(lambda self: self.under_way)
    @rule()
    def leave(self) -> None:
        self.under_way -= 1

    @invariant()
    def it_never_shuts_for_longer_than_its_time(self) -> None:
        assert allows(self.circuit, self.now + OPEN_S)

    @invariant()
    def it_opens_only_after_failures_in_a_row(self) -> None:
        if self.circuit.state == "closed":
            assert self.circuit.failures < FAILURES_TO_OPEN
            assert self.circuit.failures <= self.streak

    @invariant()
    def one_probe_at_a_time(self) -> None:
        if self.circuit.state == "half_open" and allows(self.circuit, self.now):
            assert not allows(started(self.circuit, self.now), self.now)


TestAccount = Account.TestCase
TestAccount.settings = settings(max_examples=60, stateful_step_count=40)


@given(st.lists(st.booleans(), max_size=30))
def test_a_closed_circuit_needs_a_streak_to_open(answers: list[bool]) -> None:
    circuit, streak = CLOSED, 0
    for answer in answers:
        if circuit.state != "closed":
            assert streak >= FAILURES_TO_OPEN
            return
        circuit = succeeded(circuit) if answer else failed(circuit, 1.0)
        streak = 0 if answer else streak + 1


def test_the_time_is_over_when_it_is_over_whatever_the_fractions_add_up_to() -> None:
    # found by the machine above: 1000.015 + 30 - 1000.015 is less than 30
    assert allows(Circuit("open", 5, 1000.015), 1000.015 + OPEN_S)
