"""The fold of provider calls: windows of ten seconds, and one circuit for each account of a tenant. Pure."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from schemas.facts.decisions import CircuitClosed, CircuitOpened, HealthObserved
from schemas.facts.traffic import ProviderCalled
from schemas.routing import circuit
from schemas.routing.circuit import CLOSED, OPEN_S, Circuit

WINDOW_US = 10_000_000
GRACE_US = 2_000_000
"""How long after its end a window waits for calls that are told late."""


class Decision(msgspec.Struct, frozen=True):
    """Something to be said on DECISIONS."""

    tenant: str
    data: msgspec.Struct
    correlation: str
    """`<account>/window/<start>` or `<account>/circuit`."""
    causation: str
    """The fact of the call that turned the circuit, or was the first in the window. With the correlation it names the
    decision, whoever comes to it, however often."""


class _Account(msgspec.Struct):
    circuit: Circuit = CLOSED
    start_us: int = -1
    """Of the window under way, negative when there is none."""
    first: str = ""
    """The fact of its first call."""
    calls: int = 0
    failures: int = 0
    duration_us: int = 0


class Health:
    """All accounts. Times are those of the facts, so the same traffic always leads to the same decisions."""

    def __init__(self) -> None:
        self.latest_us = 0
        """The time of the latest call."""
        self._accounts: dict[tuple[str, str], _Account] = {}

    def called(self, tenant: str, call: ProviderCalled, at_us: int, fact: str) -> Iterator[Decision]:
        """Adds one call that ended at a time; `fact` is the id of its fact."""
        account = self._accounts.setdefault((tenant, call.account), _Account())
        self.latest_us = max(self.latest_us, at_us)
        start = at_us - at_us % WINDOW_US
        if account.start_us >= 0 and start > account.start_us:
            yield self._window(tenant, call.account, account)
        if account.start_us < 0:
            account.start_us, account.first = start, fact
        # what is told after its window was closed counts in the one under way
        account.calls += 1
        account.duration_us += call.duration_us
        failed = circuit.counts_as_failure(call.outcome, call.status)
        account.failures += failed
        if call.outcome == "aborted":
            # the caller left: that says nothing about the account
            return
        before = account.circuit
        account.circuit = _after(before, failed, at_us / 1_000_000)
        now = account.circuit
        if now.state == "open" and now != before:
            until_us = at_us + int(OPEN_S * 1_000_000)
            yield Decision(tenant, CircuitOpened(call.account, now.failures, until_us), f"{call.account}/circuit", fact)
        elif now.state == "closed" and before.state != "closed":
            yield Decision(tenant, CircuitClosed(call.account), f"{call.account}/circuit", fact)

    def ended(self, until_us: int) -> Iterator[Decision]:
        """The windows that are over, and waited long enough, at a time."""
        for (tenant, name), account in self._accounts.items():
            if account.start_us >= 0 and account.start_us + WINDOW_US + GRACE_US <= until_us:
                yield self._window(tenant, name, account)

    @staticmethod
    def _window(tenant: str, name: str, account: _Account) -> Decision:
        data = HealthObserved(
            name, WINDOW_US, account.calls, account.failures, account.duration_us // max(1, account.calls)
        )
        decision = Decision(tenant, data, f"{name}/window/{account.start_us}", account.first)
        account.start_us, account.calls, account.failures, account.duration_us = -1, 0, 0, 0
        return decision


def _after(before: Circuit, failed: bool, now: float) -> Circuit:
    """The circuit after a call. Gateways decide for themselves when to probe; a call after the pause is a probe."""
    if before.state == "open" and circuit.allows(before, now):
        before = circuit.started(before, now)
    return circuit.failed(before, now) if failed else circuit.succeeded(before)
