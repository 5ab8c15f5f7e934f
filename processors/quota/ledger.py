"""The fold of LEDGER: what was spent, by what budgets look at, and how far TRAFFIC is recorded. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec

from schemas.aggregates.budget import Budget
from schemas.codec import decode_segment, open_fact, segment_hash
from schemas.envelope import GENESIS
from schemas.facts.ledger import SpendRecorded, ThresholdCrossed
from schemas.subjects import untoken

KEEP_DAYS = 35
"""How long the windows of days and months that are over, and writers that are gone, are remembered."""


def windows_of(day: str) -> tuple[str, str, str]:
    """Names of the windows that a day (`YYYY-MM-DD`) belongs to."""
    return day, day[:7], "total"


class TenantLedger(msgspec.Struct):
    """One tenant's part. All sums are micro-dollars."""

    tenant: str
    sequence: int = 0
    """Of the last message of the subject."""
    version: int = 0
    hash: bytes = GENESIS
    through: dict[int, int] = {}
    """By partition: every terminal fact of the tenant up to here is recorded."""
    crossed: set[tuple[str, str, int]] = set()
    """Budget, window, per cent."""
    sums: dict[tuple[str, str, str], int] = {}
    """By scope, target and window."""
    settled: dict[tuple[str, str], dict[str, int]] = {}
    """By budget and window: by `writer/boot`."""
    seen: dict[str, str] = {}
    """By `writer/boot`: the last day that it settled anything of."""

    def spent(self, budget: Budget, window: str) -> int:
        """What counts against a budget in a window (`schemas.spend.applies`)."""
        return self.sums.get((budget.scope, budget.target, window), 0)

    def applied(self, budget: str, window: str) -> dict[str, int]:
        """By `writer/boot`: how much of what it had set aside in the budget is recorded."""
        return self.settled.get((budget, window), {})

    def add(self, recorded: SpendRecorded) -> None:
        self.through[recorded.partition] = max(self.through.get(recorded.partition, 0), recorded.through_sequence)
        for line in recorded.lines:
            for window in windows_of(line.day):
                for scope, target in (
                    ("tenant", ""),
                    ("key", line.key_id),
                    ("provider", line.account),
                    ("model", line.model),
                ):
                    place = (scope, target, window)
                    self.sums[place] = self.sums.get(place, 0) + line.cost_micros
        for one in recorded.settled:
            self.seen[one.boot] = max(self.seen.get(one.boot, ""), one.day)
            for window in windows_of(one.day):
                applied = self.settled.setdefault((one.budget, window), {})
                applied[one.boot] = applied.get(one.boot, 0) + one.cost_micros

    def forget(self, today: str) -> None:
        """Lets go of what no budget asks for any more: windows and writers of long ago."""
        oldest = (datetime.fromisoformat(today).replace(tzinfo=UTC) - timedelta(days=KEEP_DAYS)).strftime("%Y-%m-%d")

        def over(window: str) -> bool:
            return window != "total" and window < oldest[: len(window)]

        self.sums = {place: sum for place, sum in self.sums.items() if not over(place[2])}
        self.crossed = {entry for entry in self.crossed if not over(entry[1])}
        gone = {boot for boot, day in self.seen.items() if day < oldest}
        for boot in gone:
            del self.seen[boot]
        self.settled = {
            place: {boot: sum for boot, sum in applied.items() if boot not in gone}
            for place, applied in self.settled.items()
            if not over(place[1])
        }


class Ledger(msgspec.Struct):
    """All tenants. Messages may be applied again, and those of different tenants in any order."""

    tenants: dict[str, TenantLedger] = {}
    sequence: int = 0
    """Every message of LEDGER up to here is in the fold."""
    positions: dict[int, int] = {}
    """By partition: everything of TRAFFIC up to here is recorded, for all tenants."""

    def tenant(self, tenant: str) -> TenantLedger:
        found = self.tenants.get(tenant)
        if found is None:
            found = self.tenants[tenant] = TenantLedger(tenant)
        return found

    def position(self, partition: int) -> int:
        return self.positions.get(partition, 0)

    def moved(self, partition: int, position: int) -> None:
        self.positions[partition] = max(self.position(partition), position)

    def apply(self, sequence: int, subject: str, payload: bytes) -> TenantLedger | None:
        """Adds one message; None when it is in the fold already.

        Raises:
            Malformed: it is no segment, or holds facts that cannot be read.
        """
        tenant = self.tenant(untoken(subject.removeprefix("ledger.")))
        if sequence == self.sequence + 1:
            self.sequence = sequence
        if sequence <= tenant.sequence:
            return None
        segment = decode_segment(payload)
        for fact in segment.facts:
            match open_fact(fact):
                case SpendRecorded() as recorded:
                    tenant.add(recorded)
                    # a range is begun only when everything before it is recorded, for every tenant
                    self.moved(recorded.partition, recorded.from_sequence - 1)
                case ThresholdCrossed() as crossed:
                    tenant.crossed.add((crossed.budget, crossed.window, crossed.percent))
        tenant.sequence, tenant.version, tenant.hash = sequence, segment.number, segment_hash(payload)
        return tenant

    def read_through(self, sequence: int) -> None:
        """The caller has applied everything up to here, whoever wrote it."""
        self.sequence = max(self.sequence, sequence)

    def forget(self, today: str) -> None:
        for tenant in self.tenants.values():
            tenant.forget(today)
