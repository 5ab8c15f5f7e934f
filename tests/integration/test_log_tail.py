"""Followers of one tail on a real server: each gets everything once and in order, and what is near is read once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from projections.log import api, head, tail
from projections.log.connection import LogConnection
from projections.log.reader import Message
from projections.log.tail import Follower, Tails
from schemas.errors import Unavailable
from tests.integration.log_fixture import connection
from tests.integration.nats_fixture import NatsServer, nats_server
from tests.waiting import until

__all__ = ["connection", "nats_server"]


@pytest.fixture
async def tails(connection: LogConnection) -> AsyncIterator[Tails]:
    tails = Tails("", connection)
    yield tails
    await tails.close()


async def _fill(connection: LogConnection, first: int, last: int, size: int = 10) -> None:
    """Messages whose payload begins with their number, on traffic.0 to traffic.2 in turns."""
    for number in range(first, last + 1):
        payload, name = str(number).encode().ljust(size), {"Nats-Msg-Id": f"m{number}"}
        while True:
            try:
                ack = await api.publish(connection, f"traffic.{number % 3}", payload, name)
                assert ack.error is None
                break
            except Unavailable:
                await asyncio.sleep(0.02)


def _numbers(messages: list[Message]) -> list[int]:
    return [int(message.payload) for message in messages]


async def _take(follower: Follower, last: int) -> list[Message]:
    """Everything up to a number."""
    got: list[Message] = []
    async with asyncio.timeout(30):
        while not got or int(got[-1].payload) < last:
            try:
                got += await follower.take(1.0)
            except Unavailable:
                await asyncio.sleep(0.02)
    return got


async def test_what_is_near_is_one_object_for_all_and_what_is_behind_comes_too(
    connection: LogConnection, tails: Tails
) -> None:
    await _fill(connection, 1, 40)
    one, other, late = tails.follow("TRAFFIC"), tails.follow("TRAFFIC", start=31), tails.follow("TRAFFIC", start=41)
    assert _numbers(await _take(one, 40)) == list(range(1, 41))
    assert _numbers(await _take(other, 40)) == list(range(31, 41))
    writing = asyncio.create_task(_fill(connection, 41, 80))
    found = await asyncio.gather(*(_take(follower, 80) for follower in (one, other, late)))
    await writing
    assert [_numbers(messages) for messages in found] == [list(range(41, 81))] * 3
    assert all(a is b is c for a, b, c in zip(*found, strict=True))
    assert one.caught_up and one.last_contact > 0
    one.seek(60)
    assert not one.caught_up
    assert _numbers(await _take(one, 80)) == list(range(60, 81))
    assert await one.take(0.0) == []
    for follower in (one, other, late):
        await follower.close()


async def test_one_subject_of_a_shared_stream(connection: LogConnection, tails: Tails) -> None:
    await _fill(connection, 1, 9)
    part = tails.follow("TRAFFIC", subject="traffic.1")
    assert _numbers(await _take(part, 7)) == [1, 4, 7]
    await _fill(connection, 10, 16)
    assert _numbers(await _take(part, 16)) == [10, 13, 16]
    await part.close()


@pytest.mark.parametrize(("bound", "value"), [("MOST_BYTES", 5_000), ("MOST_US", 0)])
async def test_who_is_far_behind_reads_alone_and_holds_nobody_up(
    connection: LogConnection, tails: Tails, monkeypatch: pytest.MonkeyPatch, bound: str, value: int
) -> None:
    monkeypatch.setattr(head, bound, value)
    slow, fast = tails.follow("TRAFFIC"), tails.follow("TRAFFIC")
    await _fill(connection, 1, 2, size=1_000)
    assert _numbers(await _take(slow, 1))[0] == 1
    assert _numbers(await _take(fast, 2)) == [1, 2]
    seen: list[Message] = []
    for first in range(3, 63, 20):
        await _fill(connection, first, first + 19, size=1_000)
        seen += await _take(fast, first + 19)
    assert _numbers(seen) == list(range(3, 63))
    late = await _take(slow, 62)
    assert not {id(message) for message in late} & {id(message) for message in seen[:40]}, "nobody kept them for it"
    rest = _numbers(late)
    assert rest == list(range(rest[0], 63)) and rest[0] in (2, 3)
    await _fill(connection, 63, 65)
    both = await asyncio.gather(_take(slow, 65), _take(fast, 65))
    assert [_numbers(messages) for messages in both] == [[63, 64, 65]] * 2
    await slow.close()
    await fast.close()


async def test_a_server_killed_and_started_again(
    connection: LogConnection, nats_server: NatsServer, tails: Tails
) -> None:
    followers = [tails.follow("TRAFFIC") for _ in range(2)]
    taking = [asyncio.create_task(_take(follower, 60)) for follower in followers]
    await _fill(connection, 1, 20)
    nats_server.kill()
    nats_server.start()
    await _fill(connection, 21, 60)
    for task in taking:
        assert _numbers(await task) == list(range(1, 61))
    for follower in followers:
        await follower.close()


async def test_take_ends_early_when_it_is_told_to(tails: Tails) -> None:
    follower = tails.follow("TRAFFIC")
    waiting = asyncio.create_task(follower.take(60.0))
    await until(lambda: follower.attached, "the follower at the end")
    follower.wake()
    assert await asyncio.wait_for(waiting, 10) == []
    await follower.close()


async def test_what_comes_soon_after_a_batch_waits_for_more(
    connection: LogConnection, tails: Tails, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tail, "ENOUGH_BYTES", 10_000)
    follower, prompt = tails.follow("TRAFFIC"), tails.follow("TRAFFIC")
    assert await follower.take(0.1, 600.0) == [] == await prompt.take(0.1)
    await _fill(connection, 1, 1)
    async with asyncio.timeout(30):
        assert _numbers(await follower.take(60.0, 600.0)) == [1], "after a silence nothing waits for long"
        waiting = asyncio.create_task(follower.take(60.0, 600.0))
        await _fill(connection, 2, 4)
        assert _numbers(await _take(prompt, 4))[-1] == 4, "all of it is at the head"
        assert not waiting.done()
        follower.wake()
        assert _numbers(await waiting) == [2, 3, 4]
        waiting = asyncio.create_task(follower.take(60.0, 600.0))
        await _fill(connection, 5, 24, size=1_000)
        assert len(await waiting) >= 10, "what is enough is handed on"
    await follower.close()
    await prompt.close()


async def test_what_is_made_of_a_message_is_made_once(connection: LogConnection, tails: Tails) -> None:
    one, other = tails.follow("TRAFFIC"), tails.follow("TRAFFIC")
    assert await one.take(0.1) == [] == await other.take(0.1)
    await _fill(connection, 1, 1)
    made = []

    def make(message: Message) -> list[int]:
        made.append(message.sequence)
        return [int(message.payload)]

    results = [message.once(make) for follower in (one, other) for message in await _take(follower, 1)]
    assert results == [[1], [1]] and results[0] is results[1] and made == [1]

    def refuse(message: Message) -> int:
        made.append(0)
        raise ValueError

    first = Message("TRAFFIC", 9, "traffic.0", b"", 0, "")
    for _ in range(2):
        with pytest.raises(ValueError):
            first.once(refuse)
    assert made == [1, 0, 0]
    await one.close()
    await other.close()
