"""Readers against a real server: order without gap or double, whatever happens on the way."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from projections.log import api, reader
from projections.log.connection import LogConnection
from projections.log.reader import Message, StreamReader, last_sequence
from schemas.errors import NotFound
from tests.integration.log_fixture import connection, until
from tests.integration.nats_fixture import NatsServer, nats_server

__all__ = ["connection", "nats_server"]


async def _fill(connection: LogConnection, count: int, size: int = 10, first: int = 1) -> None:
    """Messages whose payload begins with their number; every third on traffic.2."""
    for start in range(first, first + count, 200):
        numbers = range(start, min(start + 200, first + count))
        acks = await asyncio.gather(
            *(
                api.publish(
                    connection,
                    f"traffic.{number % 3}",
                    str(number).encode().ljust(size),
                    {"Nats-Msg-Id": f"m{number}"},
                )
                for number in numbers
            )
        )
        assert all(ack.error is None for ack in acks)


def _numbers(messages: list[Message]) -> list[int]:
    return [int(message.payload) for message in messages]


async def _read(batches: AsyncIterator[list[Message]], count: int) -> list[Message]:
    got: list[Message] = []
    async with asyncio.timeout(30):
        async for batch in batches:
            assert batch
            got += batch
            if len(got) >= count:
                break
    await batches.aclose()  # type: ignore[attr-defined]
    return got


async def test_messages_come_with_all_that_is_known_of_them(connection: LogConnection) -> None:
    await _fill(connection, 1200)
    stream = StreamReader(connection, "TRAFFIC", batch=100)
    got = [message async for batch in stream.batches(follow=False) for message in batch]
    assert _numbers(got) == list(range(1, 1201)) == [message.sequence for message in got]
    assert got[4].stream == "TRAFFIC" and got[4].subject == "traffic.2" and got[4].msg_id == "m5"
    assert got[0].time_us <= got[-1].time_us and abs(got[0].time_us / 1e6 - time.time()) < 60
    assert stream.caught_up and stream.last_contact > 0
    assert await last_sequence(connection, "TRAFFIC") == 1200
    assert await last_sequence(connection, "TRAFFIC", "traffic.1") == 1198
    assert await last_sequence(connection, "TRAFFIC", "traffic.77") == 0


async def test_start_until_and_filters(connection: LogConnection) -> None:
    await _fill(connection, 300)

    async def numbers(follow: bool = False, until: int | None = None, **options: Any) -> list[int]:
        batches = StreamReader(connection, "TRAFFIC", batch=50, **options).batches(follow=follow, until=until)
        async with asyncio.timeout(20):
            return _numbers([message async for batch in batches for message in batch])

    assert await numbers(start=250) == list(range(250, 301))
    assert await numbers(start=100, until=130) == list(range(100, 131))
    assert await numbers(follow=True, start=100, until=130) == list(range(100, 131))
    assert await numbers(start=301) == [] and await numbers(start=20, until=10) == []
    assert await numbers(subjects=("traffic.2",)) == list(range(2, 301, 3))
    assert await numbers(subjects=("traffic.2", "traffic.0"), until=7) == [2, 3, 5, 6]
    assert await numbers(subjects=("traffic.5",)) == []
    assert await numbers(follow=True, subjects=("traffic.2",), until=300) == list(range(2, 301, 3))
    times = [
        message.time_us
        async for batch in StreamReader(connection, "TRAFFIC").batches(follow=False)
        for message in batch
    ]
    assert (await numbers(start_time_us=times[99]))[-201:] == list(range(100, 301))
    assert await numbers(start_time_us=times[0] + 3_600_000_000) == []


async def test_an_end_in_the_future_is_waited_for(connection: LogConnection) -> None:
    await _fill(connection, 5)
    stream = StreamReader(connection, "TRAFFIC", subjects=("traffic.1",))

    async def collect() -> list[int]:
        return _numbers([message async for batch in stream.batches(until=12) for message in batch])

    task = asyncio.create_task(collect())
    await until(lambda: stream.caught_up, "all there is was read")
    assert not task.done()
    # 13 is not wanted any more, and 11 and 12 do not match: the end has to be noticed all the same
    await _fill(connection, 8, first=6)
    assert await asyncio.wait_for(task, 20) == [1, 4, 7, 10]


async def test_new_messages_arrive_at_once(connection: LogConnection) -> None:
    batches = StreamReader(connection, "TRAFFIC").batches()
    for number in range(1, 20):
        waiting = asyncio.ensure_future(anext(batches))
        await _fill(connection, 1, first=number)
        assert _numbers(await asyncio.wait_for(waiting, 5)) == [number]
    await batches.aclose()  # type: ignore[attr-defined]


async def test_a_killed_server_makes_no_gap(connection: LogConnection, nats_server: NatsServer) -> None:
    await _fill(connection, 3000)
    stream = StreamReader(connection, "TRAFFIC", batch=50)
    got: list[int] = []
    kills = 0
    async with asyncio.timeout(40):
        async for batch in stream.batches():
            got += _numbers(batch)
            if len(got) >= 500 * (kills + 1) and kills < 3:
                kills += 1
                nats_server.kill()
                nats_server.start()
            if len(got) >= 3000:
                break
    assert got == list(range(1, 3001)) and kills == 3


async def test_a_reader_waits_out_an_outage_while_it_follows(
    connection: LogConnection, nats_server: NatsServer
) -> None:
    await _fill(connection, 10)
    stream = StreamReader(connection, "TRAFFIC")
    reading = asyncio.create_task(_read(stream.batches(), 20))
    await until(lambda: stream.caught_up, "all there is was read")
    before = stream.last_contact
    nats_server.kill()
    await until(lambda: not connection.connected and not stream.caught_up, "the loss is noticed")
    nats_server.start()
    await connection.wait_connected()
    await until(lambda: stream.caught_up and stream.last_contact > before, "the reader is back")
    await _fill(connection, 10, first=11)
    assert _numbers(await reading) == list(range(1, 21))


async def test_a_deleted_consumer_makes_no_gap(connection: LogConnection) -> None:
    await _fill(connection, 2000)
    stream = StreamReader(connection, "TRAFFIC", batch=20)
    got: list[int] = []
    deleted = 0
    async with asyncio.timeout(30):
        async for batch in stream.batches():
            got += _numbers(batch)
            if len(got) % 300 == 0 or (len(got) == 2000 and deleted < 20):
                for name in (await api.call(connection, "CONSUMER.NAMES.TRAFFIC"))["consumers"]:
                    await api.call(connection, f"CONSUMER.DELETE.TRAFFIC.{name}")
                    deleted += 1
                if len(got) == 2000:
                    # at rest, too: the next message must still arrive
                    await _fill(connection, 1, first=2001)
            if len(got) == 2001:
                break
    assert got == list(range(1, 2002)) and deleted >= 6


async def test_a_slow_reader_loses_nothing_and_holds_little(connection: LogConnection) -> None:
    await _fill(connection, 60, size=500_000)
    stream = StreamReader(connection, "TRAFFIC", batch=10)
    got: list[int] = []
    async with asyncio.timeout(40):
        async for batch in stream.batches(follow=False):
            got += _numbers(batch)
            assert len(batch) <= 10
            # far slower than the server: other messages pass on the same connection meanwhile
            for _ in range(20):
                await api.call(connection, "STREAM.INFO.OPS")
    assert got == list(range(1, 61))


async def test_large_messages_pass_the_limit_of_a_request(connection: LogConnection) -> None:
    await _fill(connection, 12, size=7_000_000)
    assert _numbers(await _read(StreamReader(connection, "TRAFFIC").batches(follow=False), 12)) == list(range(1, 13))


async def test_idle_is_not_silent(connection: LogConnection) -> None:
    stream = StreamReader(connection, "TRAFFIC")
    reading = asyncio.create_task(_read(stream.batches(), 1))
    await until(lambda: stream.caught_up, "the reader is there")
    first = stream.last_contact
    await until(lambda: stream.last_contact > first, "the server says that it is there")
    await _fill(connection, 1)
    assert _numbers(await reading) == [1]


async def test_readers_leave_no_consumers_behind(connection: LogConnection) -> None:
    await _fill(connection, 10)
    before = (await api.call(connection, "CONSUMER.NAMES.TRAFFIC"))["total"]
    for _ in range(3):
        await _read(StreamReader(connection, "TRAFFIC").batches(), 10)
    assert (await api.call(connection, "CONSUMER.NAMES.TRAFFIC"))["total"] == before


async def test_a_stream_that_does_not_exist_is_said(connection: LogConnection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "_MISSING_S", 0.3)
    for follow in (True, False):
        with pytest.raises(NotFound, match="NOSUCH"):
            await asyncio.wait_for(anext(StreamReader(connection, "NOSUCH").batches(follow=follow)), 20)
