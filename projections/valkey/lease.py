"""What a gateway holds of one budget in one window: plain arithmetic, no clock, no I/O."""

from __future__ import annotations

import msgspec


class Standing(msgspec.Struct, frozen=True):
    """What a gateway holds of all budgets together, for those who watch."""

    leases: int
    free_micros: int
    set_aside_micros: int
    down: bool
    """Whether the store does not answer."""


class Lease(msgspec.Struct, eq=False):
    """All amounts are micro-dollars since the gateway's start; each only grows, but for what is given back.

    granted = settled + in_flight + free. Valkey knows `granted` from us and `applied` from the ledger.
    """

    tenant: str
    budget: str
    window: str
    limit: int
    granted: int = 0
    settled: int = 0
    """Cost of finished requests."""
    in_flight: int = 0
    """Set aside for requests under way."""
    applied: int = 0
    """Of `settled`, what Valkey said last is in the ledger."""
    valid_until: float = 0.0
    """Monotonic time until which `free` may be used: Valkey forgets a writer that does not renew."""
    renewed_at: float = 0.0
    used_at: float = 0.0
    scarce: bool = False
    """The last grant was cut: what is free should not lie idle here."""
    changed: bool = False
    """Valkey has to be told."""
    short_until: float = 0.0
    """Monotonic time until which a refusal is believed without asking again."""
    short_available: int = 0
    short_spent: int = 0

    @property
    def free(self) -> int:
        return self.granted - self.settled - self.in_flight

    @property
    def outstanding(self) -> int:
        return max(0, self.granted - self.applied)

    def give_back(self) -> None:
        """What is free goes back; what was spent beyond the grant is owned up to. Valkey has to be told."""
        needed = self.settled + self.in_flight
        if self.granted != needed:
            self.granted = needed
            self.changed = True


class Reservation(msgspec.Struct, eq=False):
    """Money set aside for one request until `Leases.settle`."""

    micros: int
    budgets: tuple[str, ...]
    """Ids."""
    leases: tuple[Lease, ...] = ()
    settled: bool = False

    def settle(self, cost_micros: int, now: float) -> None:
        if self.settled:
            return
        self.settled = True
        for lease in self.leases:
            lease.in_flight -= self.micros
            lease.settled += cost_micros
            lease.used_at = now
            if lease.free < 0:
                # the request cost more than was set aside: others must see it soon
                lease.give_back()


def take(leases: tuple[Lease, ...], micros: int, now: float) -> Reservation:
    """Sets the amount aside in every lease; the caller made sure that it is free."""
    for lease in leases:
        lease.in_flight += micros
        lease.used_at = now
    return Reservation(micros, tuple([lease.budget for lease in leases]), leases)
