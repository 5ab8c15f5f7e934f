"""Segments of TRAFFIC and a LEDGER in memory, for tests of what becomes of money."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable

from projections.log.reader import Message
from schemas import subjects
from schemas.codec import decode_segment, encode_fact, encode_segment, fact, open_fact, segment_hash
from schemas.envelope import GENESIS
from schemas.facts.ledger import SpendRecorded, ThresholdCrossed
from schemas.facts.traffic import RequestCompleted, Terminal, Usage
from schemas.ids import Ids, SystemClock

NOON = 1_795_176_000_000_000
"""2026-11-20 12:00 UTC."""
IDS = Ids(SystemClock())


def completed(
    cost: int, *, key: str = "k", account: str = "east", model: str = "east/m", budgets: tuple[str, ...] = (),
    at: int = NOON, boot: str = "1", writer: str = "g",
) -> RequestCompleted:  # fmt: skip
    return RequestCompleted(
        key_id=key, account=account, model=model, usage=Usage(10, 5), cost_micros=cost, budgets=budgets,
        started_us=at, writer=writer, boot=boot,
    )  # fmt: skip


def segment(
    sequence: int, ended: list[tuple[str, Terminal]], *, writer: str = "g", boot: str = "1", number: int = 0
) -> Message:
    """One message of TRAFFIC with terminal facts of some tenants; its number is its place unless that is given."""
    facts = [
        encode_fact(fact(data, id=IDS.new(), time=NOON, tenant=tenant, actor="key:k", correlation=IDS.new()))
        for tenant, data in ended
    ]
    payload = encode_segment("traffic.0", writer, boot, number or sequence, GENESIS, facts)
    return Message("TRAFFIC", sequence, "traffic.0", payload, NOON, "")


class MemoryLedger:
    """A LedgerLog that keeps every rule of the real one, and fails when told to."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.asked: list[str] = []
        """Whose past was read."""
        self.trouble: Callable[[], str] = lambda: ""
        """Called before an append: `before` fails and stores nothing, `after` stores and fails all the same."""

    async def append(self, tenant: str, payload: bytes, *, expected: int, msg_id: str) -> int | None:
        trouble = self.trouble()
        if trouble == "before":
            raise Trouble
        subject = subjects.ledger(tenant)
        if next((m.sequence for m in reversed(self.messages) if m.subject == subject), 0) != expected:
            return None
        sequence = len(self.messages) + 1
        self.messages.append(Message("LEDGER", sequence, subject, payload, NOON, msg_id))
        if trouble == "after":
            raise Trouble
        return sequence

    async def read(self, after: int) -> AsyncGenerator[list[Message], None]:
        for start in range(after, len(self.messages), 7):
            yield self.messages[start : start + 7]

    async def past(self, tenant: str) -> AsyncGenerator[list[Message], None]:
        self.asked.append(tenant)
        yield [message for message in self.messages if message.subject == subjects.ledger(tenant)]

    def recorded(self) -> list[tuple[str, SpendRecorded]]:
        return [(tenant, data) for tenant, data in self._facts() if isinstance(data, SpendRecorded)]

    def crossed(self) -> list[ThresholdCrossed]:
        return [data for _, data in self._facts() if isinstance(data, ThresholdCrossed)]

    def _facts(self) -> list[tuple[str, object]]:
        return [(value.tenant, open_fact(value)) for m in self.messages for value in decode_segment(m.payload).facts]

    def check_chains(self) -> None:
        last: dict[str, tuple[int, bytes]] = {}
        for message in self.messages:
            found = decode_segment(message.payload)
            number, previous = last.get(message.subject, (0, GENESIS))
            assert (found.subject, found.number, found.previous) == (message.subject, number + 1, previous)
            last[message.subject] = (found.number, segment_hash(message.payload))


class Trouble(Exception):
    """What the memory ledger fails with."""
