"""What a batch of TRAFFIC means for the ledger: which ranges, and which facts for which tenant. Pure."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from processors.quota.ledger import Ledger, TenantLedger, windows_of
from projections.log.opened import ends_of, segment_of
from projections.log.reader import Message
from schemas.aggregates.budget import Budget
from schemas.codec import Malformed
from schemas.errors import Invalid
from schemas.facts.ledger import Recorded, Settled, SpendLine, SpendRecorded, ThresholdCrossed
from schemas.facts.traffic import Terminal
from schemas.ids import day_of

log = logging.getLogger(__name__)


class Ended(msgspec.Struct, frozen=True):
    """One request that ended, and where that stands."""

    sequence: int
    tenant: str
    boot: str
    """`writer/boot` of the process that served it."""
    chain: str
    """`writer/boot` of the segment that says so."""
    number: int
    """Of that segment."""
    day: str
    """UTC day on which it started: the one whose windows it had money set aside in."""
    terminal: Terminal


def ended_in(messages: Iterable[Message]) -> list[Ended]:
    """The requests that matter for money, in order. Those that never came near a provider or a budget do not.

    Raises:
        Invalid: a message cannot be read.
    """
    found = []
    for message in messages:
        try:
            segment = message.once(segment_of)
            chain = f"{segment.writer}/{segment.boot}"
            for end in message.once(ends_of):
                if (terminal := end.data) is None:
                    raise Malformed(end.fault)
                if terminal.account or terminal.cost_micros or terminal.budgets:
                    writer, boot = terminal.writer or segment.writer, terminal.boot or segment.boot
                    day = day_of(terminal.started_us or end.fact.time)
                    found.append(
                        Ended(
                            message.sequence, end.fact.tenant, f"{writer}/{boot}", chain, segment.number, day, terminal
                        )
                    )
        except Malformed as error:
            raise Invalid(f"{message.stream}:{message.sequence}: {error}") from None
    return found


def ranges(first: int, last: int, ledger: Ledger, partition: int, ended: Sequence[Ended]) -> Iterator[tuple[int, int]]:
    """The batch in pieces of which each tenant has recorded either all or nothing.

    Another process, or this one before it died, may have recorded some tenants of the batch up to some place. Cut
    there, nothing is recorded twice, and whatever begins at a piece proves that all before it is done.
    """
    tenants = {entry.tenant for entry in ended}
    through = {ledger.tenant(tenant).through.get(partition, 0) for tenant in tenants}
    for cut in sorted({place for place in through if first <= place < last}):
        yield first, cut
        first = cut + 1
    yield first, last


def facts_for(
    tenant: TenantLedger, first: int, last: int, partition: int, ended: Iterable[Ended], budgets: Sequence[Budget]
) -> list[msgspec.Struct]:
    """The facts of one tenant for one range; empty when there is nothing to record, or it is recorded."""
    if tenant.through.get(partition, 0) >= last:
        return []
    own = originals(tenant, partition, [e for e in ended if e.tenant == tenant.tenant and first <= e.sequence <= last])
    if not own:
        return []
    heights = {entry.chain: entry.number for entry in own}
    chains = tuple(Recorded(*one) for one in sorted(heights.items()))
    recorded = SpendRecorded(first, last, _lines(own), _settled(own), partition, chains)
    return [recorded, *_crossed(tenant, recorded, budgets)]


def originals(tenant: TenantLedger, partition: int, ended: Iterable[Ended]) -> list[Ended]:
    """What is told for the first time: numbers of a chain rise along the stream, so that what comes again is a copy.

    Args:
        ended: in order, of this tenant; of chains whose heights are known.
    """
    found: list[Ended] = []
    told: dict[str, Ended] = {}
    for entry in ended:
        before = told.get(entry.chain)
        number = before.number if before is not None else tenant.height((partition, entry.chain)) or 0
        if entry.number > number:
            told[entry.chain] = entry
        elif before is None or entry.sequence != before.sequence:
            log.warning(
                "event=copy_not_recorded sequence=%d chain=%s number=%d", entry.sequence, entry.chain, entry.number
            )
            continue
        found.append(entry)
    return found


def unknown(tenant: TenantLedger, partition: int, ended: Iterable[Ended]) -> set[str]:
    """The chains of which only the ledger's past says how far they are recorded for a tenant."""
    named = {entry.chain for entry in ended if entry.tenant == tenant.tenant}
    return {chain for chain in named if tenant.height((partition, chain)) is None}


def _lines(ended: Iterable[Ended]) -> tuple[SpendLine, ...]:
    sums: dict[tuple[str, str, str, str], list[int]] = {}
    for entry in ended:
        terminal = entry.terminal
        sum = sums.setdefault((terminal.key_id, terminal.account, terminal.model, entry.day), [0, 0, 0, 0])
        sum[0] += 1
        sum[1] += terminal.usage.input_tokens
        sum[2] += terminal.usage.output_tokens
        sum[3] += terminal.cost_micros
    return tuple(SpendLine(*place, *sum) for place, sum in sorted(sums.items()))


def _settled(ended: Iterable[Ended]) -> tuple[Settled, ...]:
    sums: dict[tuple[str, str, str], int] = {}
    for entry in ended:
        if entry.terminal.cost_micros:
            for budget in entry.terminal.budgets:
                place = (entry.boot, budget, entry.day)
                sums[place] = sums.get(place, 0) + entry.terminal.cost_micros
    return tuple(Settled(*place, sum) for place, sum in sorted(sums.items()))


def _crossed(tenant: TenantLedger, recorded: SpendRecorded, budgets: Sequence[Budget]) -> list[ThresholdCrossed]:
    after = TenantLedger(tenant.tenant)
    after.add(recorded)
    windows = {window for line in recorded.lines for window in windows_of(line.day)}
    found = []
    for budget in budgets:
        for window in sorted(windows):
            if not budget.enabled or _kind(window) != budget.window or not (new := after.spent(budget, window)):
                continue
            spent = tenant.spent(budget, window) + new
            for percent in sorted(set(budget.thresholds)):
                entry = (budget.id, window, percent)
                if spent * 100 >= budget.limit_micros * percent and entry not in tenant.crossed:
                    found.append(ThresholdCrossed(*entry, spent, budget.limit_micros))
    return found


def _kind(window: str) -> str:
    return {10: "day", 7: "month"}.get(len(window), "total")
