"""The circuits of provider accounts as this gateway sees them. The rules are in `schemas.routing.circuit`."""

from __future__ import annotations

from collections.abc import Callable

from schemas.routing.circuit import CLOSED, Circuit, allows, counts_as_failure, failed, started, succeeded


class Circuits:
    """By (tenant, account): two tenants may use the same name for different accounts."""

    def __init__(self, monotonic: Callable[[], float], resumed_at: Callable[[], float] = lambda: float("-inf")) -> None:
        """
        Args:
            resumed_at: when this process last went on after it had been stopped, by the same clock.
        """
        self._monotonic = monotonic
        self._resumed_at = resumed_at
        self._circuits: dict[tuple[str, str], Circuit] = {}

    @property
    def open(self) -> int:
        """Accounts that are left alone at the moment."""
        now = self._monotonic()
        return sum(not allows(circuit, now) for circuit in self._circuits.values())

    @property
    def calm(self) -> bool:
        """Whether no account of anybody has failed of late: all of them are allowed."""
        return not self._circuits

    def allows(self, tenant: str, account: str) -> bool:
        circuit = self._circuits.get((tenant, account))
        return circuit is None or allows(circuit, self._monotonic())

    def started(self, tenant: str, account: str) -> None:
        circuit = self._circuits.get((tenant, account))
        if circuit is not None:
            self._circuits[tenant, account] = started(circuit, self._monotonic())

    def ended(self, tenant: str, account: str, outcome: str, status: int, took_s: float = 0.0) -> None:
        """Takes the end of a call into account. One that the caller broke off says nothing of the account, nor does one
        that failed because this process was stopped meanwhile: all calls of that moment run out of time at once."""
        place = (tenant, account)
        if outcome == "aborted" or (outcome == "ok" and place not in self._circuits):
            return
        circuit = self._circuits.get(place, CLOSED)
        if counts_as_failure(outcome, status):
            now = self._monotonic()
            if now - took_s >= self._resumed_at():
                self._circuits[place] = failed(circuit, now)
            return
        after = succeeded(circuit)
        if after == CLOSED:
            self._circuits.pop(place, None)
        else:
            self._circuits[place] = after
