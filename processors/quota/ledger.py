"""The fold of LEDGER: what was spent, by what budgets look at, and how far TRAFFIC is recorded. Pure."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta

import msgspec

from projections.log.reader import Message
from schemas.aggregates.budget import Budget
from schemas.codec import decode_segment, open_fact, segment_hash
from schemas.envelope import GENESIS
from schemas.facts.ledger import SpendRecorded, ThresholdCrossed
from schemas.ids import day_of
from schemas.subjects import untoken

KEEP_DAYS = 35
"""How long the windows of months that are over, and writers that are gone, are remembered."""
KEEP_DAY_WINDOWS = 3
"""How many days a window of one day is remembered: each key, account and model has one for every day."""

Chain = tuple[int, str]
"""Partition of TRAFFIC, and `writer/boot` of segments."""


class Height(msgspec.Struct, array_like=True):
    """How far a chain is recorded for a tenant."""

    number: int
    day: str
    """When something of it was recorded last, by the clock of who recorded it."""


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
    heights: dict[Chain, Height] = {}
    """Segments at or below are copies."""
    forgotten: str = ""
    """The newest boot whose height was let go of: those of later ones are all known."""

    def spent(self, budget: Budget, window: str) -> int:
        """What counts against a budget in a window (`schemas.spend.applies`)."""
        return self.sums.get((budget.scope, budget.target, window), 0)

    def applied(self, budget: str, window: str) -> dict[str, int]:
        """By `writer/boot`: how much of what it had set aside in the budget is recorded."""
        return self.settled.get((budget, window), {})

    def height(self, chain: Chain) -> int | None:
        """The number up to which a chain is recorded; None when that is known to the ledger's past alone."""
        found = self.heights.get(chain)
        if found is not None:
            return found.number
        return None if boot_of(chain[1]) <= self.forgotten else 0

    def risen(self, chain: Chain, number: int, day: str) -> None:
        """A chain is recorded up to a number."""
        found = self.heights.get(chain)
        if found is None:
            # one text for all tenants
            self.heights[chain[0], sys.intern(chain[1])] = Height(number, day)
        else:
            found.number, found.day = max(found.number, number), max(found.day, day)

    def add(self, recorded: SpendRecorded, day: str = "") -> None:
        """
        Args:
            day: of the recording, `YYYY-MM-DD`.
        """
        for told in recorded.chains:
            self.risen((recorded.partition, told.chain), told.number, day)
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
        now = datetime.fromisoformat(today).replace(tzinfo=UTC)
        oldest, oldest_day = (
            (now - timedelta(days=days)).strftime("%Y-%m-%d") for days in (KEEP_DAYS, KEEP_DAY_WINDOWS)
        )

        def over(window: str) -> bool:
            return window != "total" and window < (oldest_day if len(window) == len(oldest_day) else oldest[:7])

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
        old = [chain for chain, height in self.heights.items() if height.day < oldest]
        for chain in old:
            del self.heights[chain]
            self.forgotten = max(self.forgotten, boot_of(chain[1]))


def boot_of(chain: str) -> str:
    """The boot in `writer/boot`: a UUIDv7, so that their order is that of the starts."""
    return chain.rpartition("/")[2]


def recorded_in(message: Message, partition: int, chain: str) -> int:
    """Up to which number a message of LEDGER records a chain; 0 when it says nothing of it.

    Raises:
        Malformed: it is no segment, or holds facts that cannot be read.
    """
    said = [open_fact(fact) for fact in decode_segment(message.payload).facts]
    own = [data for data in said if isinstance(data, SpendRecorded) and data.partition == partition]
    return max((one.number for data in own for one in data.chains if one.chain == chain), default=0)


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
            Malformed: it is no segment, or holds facts that cannot be read; then nothing of it is added, once and for
                all.
        """
        tenant = self.tenant(untoken(subject.removeprefix("ledger.")))
        if sequence == self.sequence + 1:
            self.sequence = sequence
        if sequence <= tenant.sequence:
            return None
        # whatever it says, what is appended next stands behind it
        tenant.sequence, tenant.hash = sequence, segment_hash(payload)
        segment = decode_segment(payload)
        said = [(fact, open_fact(fact)) for fact in segment.facts]
        for fact, data in said:
            match data:
                case SpendRecorded() as recorded:
                    tenant.add(recorded, day_of(fact.time))
                    # a range is begun only when everything before it is recorded, for every tenant
                    self.moved(recorded.partition, recorded.from_sequence - 1)
                case ThresholdCrossed() as crossed:
                    tenant.crossed.add((crossed.budget, crossed.window, crossed.percent))
        tenant.version = segment.number
        return tenant

    def read_through(self, sequence: int) -> None:
        """The caller has applied everything up to here, whoever wrote it."""
        self.sequence = max(self.sequence, sequence)

    def forget(self, today: str) -> None:
        for tenant in self.tenants.values():
            tenant.forget(today)
