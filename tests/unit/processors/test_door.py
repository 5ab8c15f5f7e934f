"""The law of the door: whatever is delivered, lost, doubled or refused, the sink sees every message once, in order."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from processors.door import Door, _Moved
from processors.inbox import Delivery, Inbox, delivery_of, follows
from projections.log.reader import Message
from schemas.errors import Invalid, Rejected
from schemas.settings import Settings
from schemas.topology import Consumer

STREAM = "TRAFFIC"


class Raw:
    """What NATS hands over, as far as the door looks at it."""

    def __init__(self, sequence: int, number: int, deliveries: int, *, domain: str = "") -> None:
        middle = f"{domain}.hash." if domain else ""
        self.reply = f"$JS.ACK.{middle}{STREAM}.audit.{deliveries}.{sequence}.{number}.1700000000000000000.0"
        self.reply += ".token" if domain else ""
        self.headers = {"Nats-Msg-Id": f"id-{sequence}"}
        self.subject = "traffic.0"
        self.data = b"%d" % sequence
        self.sequence = sequence
        self.acknowledged = 0

    async def ack(self) -> None:
        self.acknowledged += 1

    async def in_progress(self) -> None:
        return None


class Store:
    """A sink that fails as the plan says, one letter an attempt, and then works.

    `o` the store refuses, `u` it applies and the answer is lost, `m` somebody moves the view back, `f` forth.
    """

    def __init__(self, plan: str, poison: frozenset[int], log: list[int]) -> None:
        self.plan = list(plan)
        self.poison = poison
        self.log = log
        self.stored = self.known = 0
        self.rows: list[int] = []
        self.buried: list[int] = []

    def position(self) -> int:
        return self.known

    async def refresh(self) -> None:
        self.known = self.stored

    def _apply(self, sequences: list[int]) -> None:
        expected = [sequence for sequence in self.log if self.stored < sequence <= sequences[-1]]
        assert sequences == expected, "a gap, a double, or out of order"
        self.rows += sequences
        self.stored = sequences[-1]

    async def handle(self, messages: list[Message]) -> None:
        sequences = [message.sequence for message in messages]
        assert all(message.payload == b"%d" % message.sequence for message in messages)
        event = self.plan.pop(0) if self.plan else ""
        if self.known != self.stored:
            self.known = self.stored
            raise Rejected("moved")
        if event == "m":
            self.stored = self.rows[len(self.rows) // 2 - 1] if len(self.rows) > 1 else 0
            self.rows = [sequence for sequence in self.rows if sequence <= self.stored]
            raise Rejected("moved back")
        if event == "f":  # another worker applied the first of them
            if sequences[0] not in self.poison:
                self._apply(sequences[:1])
            raise Rejected("moved forth")
        if event == "o":
            raise ConnectionResetError
        if self.poison & set(sequences):
            raise Invalid("no")
        self._apply(sequences)
        if event == "u":
            raise TimeoutError
        self.known = self.stored

    async def skip(self, sequence: int) -> None:
        if self.known != self.stored:
            self.known = self.stored
            raise Rejected("moved")
        assert [n for n in self.log if self.stored < n <= sequence] == [sequence], "skipped more than the one"
        self.stored = self.known = sequence


class Table(Door):
    """The door without a server: the stream is a list."""

    def __init__(self, store: Store, log: list[int]) -> None:
        consumer = Consumer("audit", STREAM)
        super().__init__(
            Settings(nats_url=""), None, consumer, store.handle, store.position, refresh=store.refresh, skip=store.skip  # type: ignore[arg-type]
        )  # fmt: skip
        self.store = store
        self.log = log
        self.reads = 0

    async def _read_to(self, until: int) -> None:
        self.reads += 1
        found = [Message(STREAM, n, "", b"%d" % n, 0, "") for n in self.log if self.cursor < n <= until]
        for at in range(0, len(found), 3):
            await self._attempt(found[at : at + 3])

    async def _look(self) -> None:
        await self._recover()
        while self.cursor < self.log[-1]:
            try:
                await self._read_to(self.log[-1])
            except _Moved:
                continue

    async def _bury(self, message: Message, error: Invalid) -> None:
        self.store.buried.append(message.sequence)
        await self._skip(message.sequence)  # type: ignore[misc]

    async def _hold(self, seconds: float) -> None:
        await asyncio.sleep(0)


DELIVERIES = st.lists(st.lists(st.tuples(st.integers(0, 29), st.booleans()), max_size=12), max_size=12)


@given(
    log=st.lists(st.integers(1, 60), min_size=1, max_size=30, unique=True).map(sorted),
    chosen=DELIVERIES,
    plan=st.text("oumf ", max_size=12),
    poison=st.frozensets(st.integers(1, 60), max_size=3),
)
async def test_every_message_reaches_the_sink_once_and_in_order(
    log: list[int], chosen: list[list[tuple[int, bool]]], plan: str, poison: frozenset[int]
) -> None:
    store = Store(plan, poison, log)
    door = Table(store, log)
    number = 0
    for batch in chosen:
        raw = []
        for place, again in batch:
            number += 1
            # the server never calls what it skipped over a first delivery, so the numbers say nothing here
            raw.append(Raw(log[place % len(log)], number * 2, 2 if again else 1))
        try:
            await door._deliver(raw)  # type: ignore[arg-type]
        except Rejected:
            assert poison, "only stepping over poison may tell of an outage here"
            await store.refresh()
        else:
            assert all(one.acknowledged == 1 and one.sequence <= door.cursor for one in raw)
    for _ in range(100):
        try:
            await door._look()
            break
        except (Rejected, _Moved):
            await store.refresh()
    assert store.rows == [sequence for sequence in log if sequence not in poison]
    assert set(store.buried) >= poison & set(log)


@given(st.integers(1, 40), st.lists(st.integers(1, 5), min_size=1, max_size=40))
async def test_deliveries_in_order_need_no_reading(count: int, sizes: list[int]) -> None:
    log = [3 * number for number in range(1, count + 1)]  # a filter, or deletions, leave holes
    store = Store("", frozenset(), log)
    door = Table(store, log)
    raw = [Raw(sequence, number, 1) for number, sequence in enumerate(log, 1)]
    at = 0
    for size in sizes * count:
        await door._deliver(raw[at : at + size])  # type: ignore[arg-type]
        at += size
    assert store.rows == log
    assert door.reads == 1, "only the first message may be preceded by something"


def test_a_reply_subject_is_read_with_and_without_a_domain() -> None:
    plain = delivery_of(Raw(12, 34, 1), STREAM)  # type: ignore[arg-type]
    hub = delivery_of(Raw(12, 34, 2, domain="hub"), STREAM)  # type: ignore[arg-type]
    assert plain.message == Message(STREAM, 12, "traffic.0", b"12", 1_700_000_000_000_000, "id-12")
    assert (plain.number, plain.again) == (34, False)
    assert (hub.message, hub.number, hub.again) == (plain.message, 34, True)


def delivery(sequence: int, number: int, *, again: bool = False) -> Delivery:
    return delivery_of(Raw(sequence, number, 2 if again else 1), STREAM)  # type: ignore[arg-type]


def test_what_follows_what() -> None:
    assert follows(delivery(4, 9), delivery(5, 30, again=True))
    assert follows(delivery(4, 9), delivery(8, 10))
    assert not follows(delivery(4, 9), delivery(8, 11))
    assert not follows(delivery(4, 9, again=True), delivery(8, 10))
    assert not follows(delivery(4, 9), delivery(8, 10, again=True))


async def test_a_full_inbox_holds_the_feed_back() -> None:
    inbox = Inbox()
    large: Any = [msgspec.defstruct("Large", ["data"])(bytes(20 * 1024 * 1024))]
    await asyncio.wait_for(inbox.put(large), 5)
    waiting = asyncio.create_task(inbox.put(large))
    await asyncio.sleep(0)
    assert not waiting.done()
    assert await inbox.take(0) == large * 2
    await asyncio.wait_for(waiting, 5)
    assert await inbox.take(0) == []
