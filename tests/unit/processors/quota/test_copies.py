"""A segment that stands on the log twice is paid for once, whoever put it there and whenever this process began."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.quota import copies
from processors.quota.copies import FARTHEST_US, LATE_US, Copies
from processors.quota.ledger import Ledger
from processors.quota.worker import QuotaWorker
from projections.log.reader import Message
from schemas.ids import Ids, SystemClock
from tests.unit.processors.quota.traffic_made import NOON, MemoryLedger, completed, segment


def copy_of(message: Message, sequence: int, time_us: int = NOON) -> Message:
    return Message("TRAFFIC", sequence, message.subject, message.payload, time_us, "another id")


def originals(count: int) -> list[Message]:
    return [segment(number, [("acme", completed(10**number))]) for number in range(1, count + 1)]


@given(order=st.permutations(range(4)), split=st.integers(0, 8))
async def test_copies_in_any_order_cost_nothing(order: list[int], split: int) -> None:
    first = originals(4)
    messages = first + [copy_of(first[place], 5 + number) for number, place in enumerate(order)]
    log = MemoryLedger()
    clock = SystemClock()
    quota = QuotaWorker(log, Ledger(), clock, Ids(clock), boot="b")
    for batch in (messages[:split], messages[split:], messages):
        await quota.handle(batch)
    assert sum(line.cost_micros for _, recorded in log.recorded() for line in recorded.lines) == 11_110
    assert quota.position() == 8


async def test_messages_that_are_shown_again_are_no_copies() -> None:
    known, messages = Copies(), originals(3)
    assert await known.without(messages) == messages
    assert await known.without(messages[1:]) == messages[1:]


async def test_a_process_that_began_later_looks_at_the_log() -> None:
    first = originals(3)
    asked: list[int] = []

    async def earlier(since_us: int, until: int) -> AsyncIterator[Sequence[Message]]:
        asked.append(until)
        assert since_us < NOON
        yield first

    known = Copies(earlier)
    late = [copy_of(first[1], 4, NOON + LATE_US), copy_of(first[2], 5, NOON + LATE_US)]
    fresh = segment(6, [("acme", completed(1))])
    assert await known.without([*late, fresh]) == [fresh]
    assert asked == [4]


async def test_of_what_is_long_ago_only_the_height_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copies, "REMEMBERED", 2)
    known, first = Copies(), originals(4)
    assert await known.without(first) == first
    assert await known.without([copy_of(first[0], 9), copy_of(first[3], 10)]) == []


async def test_what_is_no_segment_passes() -> None:
    rubbish = Message("TRAFFIC", 1, "traffic.0", b"rubbish", NOON, "")
    assert await Copies().without([rubbish]) == [rubbish]


def on_log(messages: Sequence[Message]) -> copies.Earlier:
    async def earlier(since_us: int, until: int) -> AsyncIterator[Sequence[Message]]:
        yield messages

    return earlier


async def test_a_process_that_began_in_the_middle_of_a_chain_knows_what_stands_before_its_first_look() -> None:
    first = originals(4)
    known = Copies(on_log(first))
    assert await known.without(first[2:]) == first[2:]
    assert await known.without([copy_of(first[0], 9, NOON + LATE_US), copy_of(first[3], 10)]) == []


async def test_looking_back_makes_nothing_in_hand_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copies, "REMEMBERED", 3)
    first = originals(6)
    known = Copies(on_log(first[:4]))
    in_hand = first[4:]
    assert await known.without(in_hand) == in_hand
    foreign = Message("TRAFFIC", 7, "traffic.0", segment(1, [("x", completed(1))]).payload, NOON + LATE_US, "")
    assert await known.without([*in_hand, foreign]) == in_hand
    assert await known.without(in_hand) == in_hand, "shown again"


@pytest.mark.parametrize(
    "stored_us",
    [LATE_US, 2 * FARTHEST_US],
    ids=["within the week", "from long ago, or made to look so"],
)
async def test_what_says_it_is_old_is_not_held_against_the_whole_log(stored_us: int) -> None:
    asked: list[int] = []

    async def earlier(since_us: int, until: int) -> AsyncIterator[Sequence[Message]]:
        asked.append(since_us)
        yield []

    message = copy_of(originals(1)[0], 9, NOON + stored_us)
    assert await Copies(earlier).without([message]) == [message]
    (since,) = asked
    assert NOON + stored_us - FARTHEST_US - 600_000_000 <= since
    assert since < max(NOON, NOON + stored_us - FARTHEST_US)
