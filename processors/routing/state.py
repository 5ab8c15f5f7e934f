"""Health of provider accounts, folded from their calls. Pure: time is that of the facts."""

from __future__ import annotations

import msgspec

from schemas.codec import decode_segment, open_fact
from schemas.facts.decisions import CircuitClosed, CircuitOpened, HealthObserved
from schemas.facts.traffic import ProviderCalled
from schemas.routing.circuit import CLOSED, OPEN_S, Circuit, allows, counts_as_failure, failed, started, succeeded

WINDOW_US = 10_000_000

Account = tuple[str, str]
"""Tenant and account."""


class Said(msgspec.Struct, frozen=True):
    """A decision about one tenant's account; `time_us` is that of the fact, or of the window's end, behind it."""

    tenant: str
    time_us: int
    data: HealthObserved | CircuitOpened | CircuitClosed


class _Window(msgspec.Struct):
    number: int
    calls: int = 0
    failures: int = 0
    latency_us: int = 0


class State:
    """The fold of TRAFFIC. A message that was folded before changes nothing."""

    def __init__(self, sequence: int = 0) -> None:
        self.sequence = sequence
        self._windows: dict[Account, _Window] = {}
        self._circuits: dict[Account, Circuit] = {}
        self._first: dict[Account, int] = {}

    def apply(self, sequence: int, payload: bytes) -> list[Said]:
        """What this message makes known.

        Raises:
            Malformed: not a segment.
        """
        if sequence <= self.sequence:
            return []
        segment = decode_segment(payload)
        self.sequence = sequence
        said: list[Said] = []
        for fact in segment.facts:
            if fact.type == "provider.called.v1":
                data = open_fact(fact)
                if isinstance(data, ProviderCalled) and data.outcome != "aborted":
                    said += self._called(sequence, fact.tenant, fact.time, data)
        return said

    def _called(self, sequence: int, tenant: str, time_us: int, call: ProviderCalled) -> list[Said]:
        place = (tenant, call.account)
        said = self.pass_time(time_us, place)
        window = self._windows.get(place)
        if window is None:
            window = self._windows[place] = _Window(time_us // WINDOW_US)
            self._first[place] = sequence
        failure = counts_as_failure(call.outcome, call.status)
        window.calls += 1
        window.failures += failure
        window.latency_us += call.duration_us
        return said + self._turn(place, time_us, failure)

    def _turn(self, place: Account, time_us: int, failure: bool) -> list[Said]:
        tenant, account = place
        before, now = self._circuits.get(place, CLOSED), time_us / 1e6
        if before.state == "open" and allows(before, now):
            before = started(before, now)
        after = failed(before, now) if failure else succeeded(before)
        if after == CLOSED:
            self._circuits.pop(place, None)
        else:
            self._circuits[place] = after
        if after.state == "open" and before.state != "open":
            return [Said(tenant, time_us, CircuitOpened(account, after.failures, time_us + int(OPEN_S * 1e6)))]
        if after.state == "closed" and before.state != "closed":
            return [Said(tenant, time_us, CircuitClosed(account))]
        return []

    def pass_time(self, now_us: int, only: Account | None = None) -> list[Said]:
        """The windows that have ended by now, of one account or of all."""
        said = []
        for place in [only] if only is not None else list(self._windows):
            window = self._windows.get(place)
            if window is None or now_us // WINDOW_US <= window.number:
                continue
            del self._windows[place], self._first[place]
            observed = HealthObserved(
                place[1], WINDOW_US, window.calls, window.failures, window.latency_us // window.calls
            )
            said.append(Said(place[0], (window.number + 1) * WINDOW_US, observed))
        return said

    def mark(self) -> int:
        """The position from which a fold started anew counts every open window whole."""
        return min(self._first.values(), default=self.sequence + 1)
