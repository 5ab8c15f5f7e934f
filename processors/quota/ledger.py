"""The fold of LEDGER: what was spent, by what budgets look at, and how far TRAFFIC is recorded. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

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


class TenantLedger:
    """One tenant's part. All sums are micro-dollars."""

    def __init__(self, tenant: str) -> None:
        self.tenant = tenant
        self.sequence = 0
        """Of the last message of the subject."""
        self.version = 0
        self.hash = GENESIS
        self.through: dict[int, int] = {}
        """By partition: every terminal fact of the tenant up to here is recorded."""
        self.crossed: set[tuple[str, str, int]] = set()
        """Budget, window, per cent."""
        self._spent: dict[tuple[str, str, str], int] = {}
        self._applied: dict[tuple[str, str], dict[str, int]] = {}
        self._seen: dict[str, str] = {}

    def spent(self, budget: Budget, window: str) -> int:
        """What counts against a budget in a window (`schemas.spend.applies`)."""
        return self._spent.get((budget.scope, budget.target, window), 0)

    def applied(self, budget: str, window: str) -> dict[str, int]:
        """By `writer/boot`: how much of what it had set aside in the budget is recorded."""
        return self._applied.get((budget, window), {})

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
                    self._spent[place] = self._spent.get(place, 0) + line.cost_micros
        for settled in recorded.settled:
            self._seen[settled.boot] = max(self._seen.get(settled.boot, ""), settled.day)
            for window in windows_of(settled.day):
                applied = self._applied.setdefault((settled.budget, window), {})
                applied[settled.boot] = applied.get(settled.boot, 0) + settled.cost_micros

    def forget(self, today: str) -> None:
        """Lets go of what no budget asks for any more: windows and writers of long ago."""
        oldest = (datetime.fromisoformat(today).replace(tzinfo=UTC) - timedelta(days=KEEP_DAYS)).strftime("%Y-%m-%d")

        def over(window: str) -> bool:
            return window != "total" and window < oldest[: len(window)]

        self._spent = {place: sum for place, sum in self._spent.items() if not over(place[2])}
        self.crossed = {entry for entry in self.crossed if not over(entry[1])}
        gone = {boot for boot, day in self._seen.items() if day < oldest}
        for boot in gone:
            del self._seen[boot]
        self._applied = {
            place: {boot: sum for boot, sum in applied.items() if boot not in gone}
            for place, applied in self._applied.items()
            if not over(place[1])
        }


class Ledger:
    """All tenants. Messages may be applied again, and those of different tenants in any order."""

    def __init__(self) -> None:
        self.tenants: dict[str, TenantLedger] = {}
        self.sequence = 0
        """Every message of LEDGER up to here is in the fold."""
        self.positions: dict[int, int] = {}
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
