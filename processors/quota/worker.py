"""Takes batches of TRAFFIC to LEDGER: compare-and-append per tenant, so that nothing is recorded twice or lost."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import aclosing

import msgspec

from processors.quota.append import LedgerLog
from processors.quota.decide import Ended, ended_in, facts_for, ranges, unknown
from processors.quota.ledger import Ledger, TenantLedger, recorded_in
from projections.log.reader import Message
from schemas import subjects
from schemas.aggregates.budget import Budget
from schemas.codec import Malformed, encode_fact, encode_segment, fact
from schemas.ids import Clock, Ids, day_of

log = logging.getLogger(__name__)

WRITER = "quota"
_AT_ONCE = 16
_LARGEST = 10_000
"""Requests recorded in one step: keeps a segment well below what a message may hold."""


class QuotaWorker:
    """One partition's way into the ledger. Several, here or in other processes, may work on the same one."""

    def __init__(
        self,
        ledger_log: LedgerLog,
        ledger: Ledger,
        clock: Clock,
        ids: Ids,
        *,
        boot: str,
        budgets: Callable[[str], Sequence[Budget]] = lambda tenant: (),
        changed: Callable[[str], None] = lambda tenant: None,
        partition: int = 0,
    ) -> None:
        """
        Args:
            ledger: shared by the workers of a process.
            budgets: of a tenant, for thresholds.
            changed: called with the tenant after its ledger moved.
        """
        self._log = ledger_log
        self._ledger = ledger
        self._clock = clock
        self._ids = ids
        self._boot = boot
        self._budgets = budgets
        self._changed = changed
        self._partition = partition
        self._appended = 0
        self._behind = True

    def position(self) -> int:
        """Sequence of TRAFFIC up to which everything is recorded, as far as is known here."""
        return self._ledger.position(self._partition)

    async def refresh(self) -> None:
        """Reads what was added to the ledger since the last look.

        Raises:
            Unavailable: the log does not answer.
        """
        async with aclosing(self._log.read(self._ledger.sequence)) as found:
            async for batch in found:
                for message in batch:
                    try:
                        tenant = self._ledger.apply(message.sequence, message.subject, message.payload)
                    except Malformed as error:
                        # nobody but this worker writes here: somebody else did, and `verify` tells of it for ever
                        log.error("event=unreadable position=LEDGER:%d reason=%s", message.sequence, error)
                        tenant = None
                    self._ledger.read_through(message.sequence)
                    if tenant is not None:
                        self._changed(tenant.tenant)
        self._behind = False

    async def skip(self, sequence: int) -> None:
        """Goes past a message that went to DEAD; without it, its range would never be begun again."""
        self._ledger.moved(self._partition, sequence)

    async def handle(self, messages: list[Message]) -> None:
        """Records what the messages, which follow the position without a gap, say about money.

        Raises:
            Invalid: a message cannot be read; nothing of the batch is recorded.
            Unavailable: the log does not answer; some of it may be recorded, the rest will be when called again.
        """
        fresh = [message for message in messages if message.sequence > self.position()]
        if not fresh:
            return
        ended = ended_in(fresh)
        last = fresh[-1].sequence
        while self.position() < last:
            if self._behind:
                await self.refresh()
            await self._record(self.position() + 1, last, ended)

    async def _record(self, first: int, last: int, ended: list[Ended]) -> None:
        """Records ranges until the end, or until it turns out that somebody else has recorded something."""
        waiting = [entry for entry in ended if entry.sequence >= first]
        if len(waiting) > _LARGEST and waiting[_LARGEST].sequence > waiting[0].sequence:
            last = max(waiting[0].sequence, waiting[_LARGEST].sequence - 1)
        for start, end in ranges(first, last, self._ledger, self._partition, waiting):
            found = {}
            for name in sorted({entry.tenant for entry in waiting}):
                tenant = self._ledger.tenant(name)
                for chain in unknown(tenant, self._partition, waiting):
                    await self._recall(tenant, chain)
                facts = facts_for(tenant, start, end, self._partition, waiting, self._budgets(name))
                if facts:
                    # the place belongs to the bytes: another partition's worker may move the tenant meanwhile
                    found[name] = (self._segment(tenant, facts, f"TRAFFIC:{start}-{end}"), tenant.sequence)
            if not await self._append_all(found):
                return
            self._ledger.moved(self._partition, end)

    async def _recall(self, tenant: TenantLedger, chain: str) -> None:
        """Looks in the ledger how far a chain is recorded that nothing was heard of for long.

        Raises:
            Unavailable: the log does not answer.
        """
        number = 0
        async with aclosing(self._log.past(tenant.tenant)) as found:
            async for batch in found:
                number = max(number, *(self._recorded_in(message, chain) for message in batch))
        tenant.risen((self._partition, chain), number, day_of(self._clock.now_us()))
        log.info("event=chain_recalled tenant=%s chain=%s number=%d", tenant.tenant, chain, number)

    def _recorded_in(self, message: Message, chain: str) -> int:
        try:
            return recorded_in(message, self._partition, chain)
        except Malformed:
            return 0  # told of when it was read first

    async def _append_all(self, segments: dict[str, tuple[bytes, int]]) -> bool:
        """Appends one segment to the ledger of each tenant; False when somebody else was faster somewhere.

        Raises:
            Unavailable: the log does not answer; what is stored is found out by the next look.
        """
        self._behind = True
        gate = asyncio.Semaphore(_AT_ONCE)
        answers = await asyncio.gather(
            *(self._append(gate, name, *segment) for name, segment in segments.items()), return_exceptions=True
        )
        stored = [answer for answer in answers if isinstance(answer, tuple)]
        for sequence, name in sorted(stored):
            self._ledger.apply(sequence, subjects.ledger(name), segments[name][0])
            self._changed(name)
        for answer in answers:
            if isinstance(answer, BaseException):
                raise answer
        if len(stored) < len(segments):
            return False
        self._behind = False
        return True

    async def _append(
        self, gate: asyncio.Semaphore, name: str, payload: bytes, expected: int
    ) -> tuple[int, str] | None:
        """(sequence, tenant), or None when the tenant's ledger is not where we thought."""
        async with gate:
            self._appended += 1
            sequence = await self._log.append(
                name,
                payload,
                expected=expected,
                msg_id=f"{WRITER}/{self._boot}/{self._partition}.{self._appended}",
            )
        if sequence is None:
            log.info("event=ledger_moved tenant=%s", name)
            return None
        return sequence, name

    def _segment(self, tenant: TenantLedger, facts: Sequence[msgspec.Struct], correlation: str) -> bytes:
        now = self._clock.now_us()
        encoded = [
            encode_fact(
                fact(
                    data,
                    id=self._ids.new(),
                    time=now,
                    tenant=tenant.tenant,
                    actor=f"worker:{WRITER}",
                    correlation=correlation,
                )
            )
            for data in facts
        ]
        subject = subjects.ledger(tenant.tenant)
        return encode_segment(subject, WRITER, self._boot, tenant.version + 1, tenant.hash, encoded)
