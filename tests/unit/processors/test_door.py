"""The law of the door: whatever is delivered, lost, doubled or refused, the sink sees every message once, in order."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st
from nats.aio.client import Client
from nats.aio.msg import Msg

from processors.bells import MOST, Bells, sequence_of
from processors.door import Door
from projections.log.reader import Message
from schemas.errors import Invalid, Rejected
from schemas.settings import Settings
from schemas.topology import Consumer

STREAM = "TRAFFIC"


class Store:
    """A sink that fails as the plan says, one letter an attempt, and then works.

    `o` the store refuses, `u` it applies and the answer is lost, `m` somebody moves the view back, `f` forth. What is
    poison it either refuses, or stumbles over: `faults`.
    """

    def __init__(self, plan: str, poison: frozenset[int], log: list[int], *, faults: bool = False) -> None:
        self.faults = faults
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
            raise ZeroDivisionError if self.faults else Invalid("no")
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


class Stream:
    """In the place of a tail: hands out what a list holds, in pieces of the sizes of the plan, and then nothing."""

    def __init__(self, log: list[int], pieces: list[int]) -> None:
        self.log = log
        self.pieces = pieces
        self.next = 1
        self.seeks = 0

    def seek(self, sequence: int) -> None:
        self.seeks += 1
        self.next = sequence

    async def take(self, wait_s: float, gather_s: float) -> list[Message]:
        size = self.pieces.pop(0) if self.pieces else len(self.log)
        found = [n for n in self.log if n >= self.next][:size]
        if found:
            self.next = found[-1] + 1
        return [Message(STREAM, n, "", b"%d" % n, 0, "") for n in found]


class Table(Door):
    """The door without a server."""

    def __init__(self, store: Store) -> None:
        consumer = Consumer("audit", STREAM)
        super().__init__(
            Settings(nats_url=""), None, consumer, store.handle, store.position, refresh=store.refresh, skip=store.skip  # type: ignore[arg-type]
        )  # fmt: skip
        self.store = store

    async def _check(self) -> None:
        return None

    async def _bury(self, message: Message, reason: str) -> None:
        self.store.buried.append(message.sequence)
        await self._skip(message.sequence)  # type: ignore[misc]

    async def _hold(self, seconds: float) -> None:
        await asyncio.sleep(0)


@given(
    log=st.lists(st.integers(1, 60), min_size=1, max_size=30, unique=True).map(sorted),
    pieces=st.lists(st.integers(0, 12), max_size=12),
    plan=st.text("oumf ", max_size=12),
    poison=st.frozensets(st.integers(1, 60), max_size=3),
    moves=st.dictionaries(st.integers(0, 20), st.integers(0, 29), max_size=3),
    faults=st.booleans(),
)
async def test_every_message_reaches_the_sink_once_and_in_order(
    log: list[int], pieces: list[int], plan: str, poison: frozenset[int], moves: dict[int, int], faults: bool
) -> None:
    store = Store(plan, poison, log, faults=faults)
    door, stream = Table(store), Stream(log, pieces)
    for round in range(100):
        if round in moves:
            # the view is put back to an earlier place behind the door's back, and found out by a look
            store.stored = min(store.stored, log[moves[round] % len(log)])
            store.rows = [sequence for sequence in store.rows if sequence <= store.stored]
            await door._look()
        try:
            await door._step(stream)  # type: ignore[arg-type]
        except Rejected:
            assert poison, "only stepping over poison may tell of an outage here"
            await store.refresh()
    assert store.rows == [sequence for sequence in log if sequence not in poison]
    assert set(store.buried) >= poison & set(log)


@given(st.integers(1, 40), st.lists(st.integers(1, 5), min_size=1, max_size=40))
async def test_holes_are_no_reason_to_read_again(count: int, sizes: list[int]) -> None:
    log = [3 * number for number in range(1, count + 1)]  # a filter, or deletions, leave holes
    store, stream = Store("", frozenset(), log), Stream(log, sizes)
    door = Table(store)
    while store.stored < log[-1]:
        await door._step(stream)  # type: ignore[arg-type]
    assert store.rows == log
    assert stream.seeks == 1, "only at the beginning"


def rung(sequence: int, *, domain: str = "") -> Msg:
    """What NATS hands over."""
    middle = f"{domain}.hash." if domain else ""
    reply = f"$JS.ACK.{middle}{STREAM}.audit.1.{sequence}.7.1700000000000000000.0"
    return Msg(Client(), "traffic.0", f"{reply}.token" if domain else reply)


def test_a_reply_subject_is_read_with_and_without_a_domain() -> None:
    assert sequence_of(rung(12).reply) == 12
    assert sequence_of(rung(34, domain="hub").reply) == 34


class Answers:
    def __init__(self) -> None:
        self.applied = 0
        self.said: list[tuple[int, bytes]] = []
        self.bells = Bells(lambda: self.applied, self.say)

    def say(self, replies: Sequence[str], word: bytes) -> None:
        self.said += [(sequence_of(reply), word) for reply in replies]


async def test_a_delivery_is_acknowledged_once_it_is_applied_whichever_comes_first() -> None:
    answers = Answers()
    answers.applied = 2
    await answers.bells.ring([rung(1), rung(2), rung(3), rung(4)])
    assert answers.said == [(1, b"+ACK"), (2, b"+ACK")]
    answers.bells.hold()
    assert answers.said[2:] == [(3, b"+WPI"), (4, b"+WPI")]
    answers.applied = 3
    answers.bells.answer()
    answers.bells.answer()
    assert answers.said[4:] == [(3, b"+ACK")]
    answers.bells.clear()
    answers.applied = 9
    answers.bells.answer()
    assert len(answers.said) == 5, "what was cleared comes again, and is answered then"


async def test_many_unanswered_deliveries_hold_the_feed_back() -> None:
    answers = Answers()
    waiting = asyncio.create_task(answers.bells.ring([rung(sequence) for sequence in range(1, MOST + 1)]))
    await asyncio.sleep(0)
    assert not waiting.done()
    answers.applied = 1
    answers.bells.answer()
    await asyncio.wait_for(waiting, 5)


async def test_a_stumble_that_does_not_come_again_costs_no_message() -> None:
    class Once(Store):
        stumbled = False

        async def handle(self, messages: list[Message]) -> None:
            if not self.stumbled:
                self.stumbled = True
                raise RuntimeError("dictionary changed size during iteration")
            await super().handle(messages)

    store = Once("", frozenset(), [1, 2, 3])
    door, stream = Table(store), Stream([1, 2, 3], [1, 1, 1])
    for _ in range(4):
        await door._step(stream)  # type: ignore[arg-type]
    assert (store.rows, store.buried) == ([1, 2, 3], [])


async def test_where_a_sink_stands_is_no_messages_fault() -> None:
    class Damaged(Store):
        times = 0

        async def refresh(self) -> None:
            self.times += 1
            if self.times == 1:
                raise Invalid("clickhouse cannot hold it: DatabaseError 33")
            await super().refresh()

    store = Damaged("", frozenset(), [1])
    await Table(store)._look()
    assert store.times == 2
