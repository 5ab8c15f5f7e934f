"""Calls that run out of time because this process was stopped open no circuit; those that fail afterwards do."""

from __future__ import annotations

from ingress.gateway.circuits import Circuits
from schemas.routing.circuit import FAILURES_TO_OPEN, OPEN_S


class Machine:
    now, resumed_at = 1_000.0, float("-inf")


def test_what_a_stopped_process_missed_says_nothing_of_the_account() -> None:
    machine = Machine()
    circuits = Circuits(lambda: machine.now, lambda: machine.resumed_at)
    machine.now += 36.0
    machine.resumed_at = machine.now
    machine.now += 0.5
    for _ in range(2 * FAILURES_TO_OPEN):
        circuits.ended("t", "a", "timeout", 0, took_s=36.6)
    assert circuits.calm and circuits.allows("t", "a")
    # begun since, and late all the same
    machine.now += 10.0
    for _ in range(FAILURES_TO_OPEN):
        circuits.ended("t", "a", "timeout", 0, took_s=10.0)
    assert not circuits.allows("t", "a")
    machine.now += OPEN_S
    assert circuits.allows("t", "a")
