"""Circuit breaker of one provider account: closed, open, half-open. Pure; time is an argument."""

from __future__ import annotations

import msgspec

FAILURES_TO_OPEN = 5
OPEN_S = 30.0
SUCCESSES_TO_CLOSE = 2
FAILING_STATUSES = frozenset({500, 502, 503, 504})


class Circuit(msgspec.Struct, frozen=True):
    """`state` is `closed`, `open` or `half_open`; times are monotonic seconds."""

    state: str = "closed"
    failures: int = 0
    """In a row."""
    opened_at: float = 0.0
    successes: int = 0
    probing_since: float = 0.0
    """When the one probe of a half-open circuit set out; 0 when none is under way."""


CLOSED = Circuit()


def allows(circuit: Circuit, now: float) -> bool:
    """Whether a call may be made."""
    match circuit.state:
        case "closed":
            return True
        case "open":
            return now >= circuit.opened_at + OPEN_S
    # a probe whose end was never told (its caller left) must not keep the circuit shut for ever
    return circuit.probing_since == 0.0 or now >= circuit.probing_since + OPEN_S


def started(circuit: Circuit, now: float) -> Circuit:
    """The circuit after an allowed call set out."""
    if circuit.state == "closed":
        return circuit
    successes = circuit.successes if circuit.state == "half_open" else 0
    return Circuit("half_open", circuit.failures, circuit.opened_at, successes, now)


def succeeded(circuit: Circuit) -> Circuit:
    """The circuit after a call that says nothing against the account."""
    if circuit.state == "closed":
        return CLOSED if circuit.failures else circuit
    if circuit.state == "open":
        # a call from before it opened; only a probe can close it
        return circuit
    successes = circuit.successes + 1
    if successes >= SUCCESSES_TO_CLOSE:
        return CLOSED
    return Circuit("half_open", circuit.failures, circuit.opened_at, successes, 0.0)


def failed(circuit: Circuit, now: float) -> Circuit:
    """The circuit after a failing status, a timeout or a broken connection."""
    failures = circuit.failures + 1
    if circuit.state == "closed" and failures < FAILURES_TO_OPEN:
        return Circuit("closed", failures)
    if circuit.state == "open":
        return circuit
    return Circuit("open", failures, now)


def counts_as_failure(outcome: str, status: int) -> bool:
    """Whether an attempt's end counts against the account; a 4xx or 429 does not."""
    if outcome == "status":
        return status in FAILING_STATUSES
    return outcome in ("timeout", "connect", "disconnect", "malformed")
