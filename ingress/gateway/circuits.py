"""The circuits of provider accounts as this gateway sees them. The rules are in `schemas.routing.circuit`."""

from __future__ import annotations

from collections.abc import Callable

from schemas.routing.circuit import CLOSED, Circuit, allows, counts_as_failure, failed, started, succeeded


class Circuits:
    """By (tenant, account): two tenants may use the same name for different accounts."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
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

    def ended(self, tenant: str, account: str, outcome: str, status: int) -> None:
        """Takes the end of a call into account; one that the caller broke off says nothing of the account."""
        place = (tenant, account)
        if outcome == "aborted" or (outcome == "ok" and place not in self._circuits):
            return
        circuit = self._circuits.get(place, CLOSED)
        if counts_as_failure(outcome, status):
            self._circuits[place] = failed(circuit, self._monotonic())
            return
        after = succeeded(circuit)
        if after == CLOSED:
            self._circuits.pop(place, None)
        else:
            self._circuits[place] = after
