"""The segment writer against a real server: group commit, outages, bounds, beats, the end."""

from __future__ import annotations

import asyncio

import pytest

from projections.log.connection import LogConnection
from projections.log.reader import last_sequence
from projections.log.verify import verify_chains
from schemas import codec
from schemas.errors import TooLarge, Unavailable
from tests.integration.log_fixture import (
    connection,
    fact,
    forgotten,
    marks,
    shorten_memory,
    stored,
    until,
    writer_on,
)
from tests.integration.nats_fixture import NatsServer, nats_server
from tests.integration.proxy import proxy_to

__all__ = ["connection", "nats_server"]


async def test_load_makes_bigger_segments(connection: LogConnection) -> None:
    writer = writer_on(connection)
    await writer.start()
    alone = await writer.append("traffic.0", [fact("0")])
    assert alone == 1
    futures = [writer.append("traffic.0", [fact(str(n))]) for n in range(1, 1001)]
    sequences = await asyncio.gather(*futures)
    # all that was appended while one segment was under way left as one
    assert set(sequences) <= {2, 3}
    assert writer.segments <= 3 and writer.admitted == 1001 and writer.last_sequence == sequences[-1]
    assert writer.queued_bytes == 0 and writer.oldest_wait_s == 0 and writer.healthy
    assert marks(await stored(connection)) == [str(n) for n in range(1001)]
    await writer.close()


async def test_a_segment_ends_at_its_limit_and_an_append_is_never_split(connection: LogConnection) -> None:
    writer = writer_on(connection, segment_bytes=4000)
    await writer.start()
    futures = [writer.append("traffic.0", [fact(f"{n}a", 500), fact(f"{n}b", 500)]) for n in range(20)]
    big = writer.append("traffic.0", [fact("big", 9000)])
    await asyncio.gather(*futures, big)
    segments = [codec.decode_segment(message.payload) for message in await stored(connection)]
    assert all(len(message.payload) < 4500 for message in (await stored(connection))[:-1])
    for segment in segments[:-1]:
        assert len(segment.facts) % 2 == 0
    assert [item.correlation for item in segments[-1].facts] == ["big"]
    with pytest.raises(TooLarge):
        writer.append("traffic.0", [fact("huge", 9 << 20)])
    await writer.close()
    assert (await verify_chains(connection)).ok


async def test_a_killed_server_costs_and_doubles_nothing(connection: LogConnection, nats_server: NatsServer) -> None:
    writer = writer_on(connection)
    await writer.start()
    count = 0
    futures: list[asyncio.Future[int]] = []

    async def load(seconds_worth: int) -> None:
        nonlocal count
        for _ in range(seconds_worth):
            for _ in range(5):
                futures.append(writer.append(f"traffic.{count % 3}", [fact(str(count))]))
                count += 1
            await asyncio.sleep(0)

    for _ in range(3):
        await load(200)
        await until(futures[-500].done, "some of it is stored")
        nats_server.kill()
        await load(100)
        await until(lambda: not connection.connected, "the loss is noticed")
        nats_server.start()
        await load(100)
    await asyncio.wait_for(asyncio.gather(*futures), 30)
    await writer.close()
    messages = await stored(connection)
    written = marks(messages)
    assert len(written) == count and set(written) == {str(n) for n in range(count)}
    for partition in range(3):
        own = marks([message for message in messages if message.subject == f"traffic.{partition}"])
        assert own == [str(n) for n in range(count) if n % 3 == partition]
    report = await verify_chains(connection)
    assert report.ok and report.chains == 1 and report.facts == count + 1
    for n, future in enumerate(futures):
        assert str(n) in {
            item.correlation for item in codec.decode_segment(messages[future.result() - 1].payload).facts
        }


async def test_a_full_queue_refuses_but_what_must_be_said_passes(
    connection: LogConnection, nats_server: NatsServer
) -> None:
    writer = writer_on(connection, queue_bytes=20_000)
    await writer.start()
    await writer.append("traffic.0", [fact("first")])
    nats_server.kill()
    await until(lambda: not connection.connected, "the loss is noticed")
    futures = []
    with pytest.raises(Unavailable) as refused:
        for n in range(1000):
            futures.append(writer.append("traffic.0", [fact(str(n))]))
    assert refused.value.retry_after == 1 and 20 < len(futures) < 200 and writer.refused == 1
    assert writer.queued_bytes <= 20_000
    last = writer.append("traffic.0", [fact("must")], must=True)
    await until(lambda: not writer.healthy, "the writer says it is not well")
    assert writer.oldest_wait_s > 0
    nats_server.start()
    await asyncio.wait_for(last, 20)
    assert writer.healthy
    await writer.close()
    assert marks(await stored(connection)) == ["first", *(str(n) for n in range(len(futures))), "must"]


async def test_an_idle_writer_shows_that_it_lives(connection: LogConnection) -> None:
    writer = writer_on(connection, heartbeat_s=0.2, open_requests=lambda: 7)
    await writer.start()
    await writer.append("traffic.0", [fact("x")])
    await until(lambda: writer.segments >= 3, "two beats")
    await writer.close()
    facts = [item for message in await stored(connection) for item in codec.decode_segment(message.payload).facts]
    types = [item.type for item in facts]
    assert types[0] == "request.accepted.v1" and types[-1] == "writer.closed.v1"
    assert set(types[1:-1]) == {"writer.beat.v1"}
    beat = codec.open_fact(facts[1])
    assert beat is not None and (beat.open_requests, beat.admitted) == (7, 1)  # type: ignore[attr-defined]
    assert facts[1].correlation == "w/b1" and facts[1].tenant == "system"


async def test_a_busy_writer_counts_too(connection: LogConnection) -> None:
    writer = writer_on(connection, heartbeat_s=0.1)
    await writer.start()
    appended = 0
    async with asyncio.timeout(20):
        # never idle, and beats all the same
        while await _beats(connection) < 2:
            appended += 1
            await writer.append("traffic.0", [fact(str(appended))])
    await writer.close()
    report = await verify_chains(connection, ["TRAFFIC"])
    assert (report.faults, report.unclosed) == ([], [])
    assert writer.admitted == appended


async def _beats(connection: LogConnection) -> int:
    facts = [item for message in await stored(connection) for item in codec.decode_segment(message.payload).facts]
    return sum(item.type == "writer.beat.v1" for item in facts)


async def test_close_writes_all_and_its_own_end_last(connection: LogConnection) -> None:
    writer = writer_on(connection)
    await writer.start()
    futures = [writer.append(f"traffic.{n % 4}", [fact(str(n))]) for n in range(100)]
    await writer.close()
    assert all(future.result() > 0 for future in futures)
    messages = await stored(connection)
    assert sorted(marks(messages), key=int) == [str(n) for n in range(100)]
    assert codec.decode_segment(messages[-1].payload).facts[-1].type == "writer.closed.v1"
    with pytest.raises(Unavailable):
        writer.append("traffic.0", [fact("late")])
    await writer.close()
    assert (await verify_chains(connection)).ok


async def test_close_without_a_log_tells_those_who_wait(connection: LogConnection, nats_server: NatsServer) -> None:
    writer = writer_on(connection)
    await writer.start()
    nats_server.kill()
    await until(lambda: not connection.connected, "the loss is noticed")
    future = writer.append("traffic.0", [fact("x")])
    await writer.close(wait_s=0.2)
    with pytest.raises(Unavailable):
        future.result()


async def test_two_writers_of_one_name_and_boot_are_found_out(connection: LogConnection) -> None:
    first = writer_on(connection)
    second = writer_on(connection)
    await first.start()
    await second.start()
    await first.append("traffic.0", [fact("first")])
    with pytest.raises(Unavailable):
        await second.append("traffic.0", [fact("second")])
    assert not second.healthy
    with pytest.raises(Unavailable):
        second.append("traffic.0", [fact("again")])
    await second.close()
    await first.close()
    assert marks(await stored(connection)) == ["first"]


async def test_other_streams_get_no_beats_and_no_end(connection: LogConnection) -> None:
    writer = writer_on(connection, stream="OPS", heartbeat_s=0.05)
    await writer.start()
    await writer.append("ops.test", [fact("x")])
    other = writer_on(connection, boot="b2", heartbeat_s=0.05)
    await other.start()
    await until(lambda: other.segments >= 2, "the other one beats")
    await other.close()
    await writer.close()
    assert len(await stored(connection, "OPS")) == 1


@pytest.mark.parametrize("remembered", [True, False])
async def test_a_lost_acknowledgement_doubles_nothing(
    connection: LogConnection, nats_server: NatsServer, remembered: bool
) -> None:
    """The segment is stored, the writer is not told; meanwhile the server may have forgotten the segment's id."""
    if not remembered:
        await shorten_memory(connection, "TRAFFIC")
    async with proxy_to(nats_server.port) as proxy:
        lossy = await LogConnection.open(proxy.url, "lossy", wait_s=10)
        writer = writer_on(lossy, recheck_after_s=30.0 if remembered else 0.0)
        await writer.start()
        await writer.append("traffic.0", [fact("0")])
        proxy.swallowing = True
        future = writer.append("traffic.0", [fact("1")])
        while await last_sequence(connection, "TRAFFIC") < 2:
            assert not future.done()
        await until(lambda: proxy.swallowed > 0, "the answer is on its way")
        if not remembered:
            await forgotten(connection, "traffic.9")
        proxy.swallowing = False
        proxy.cut()
        assert await asyncio.wait_for(future, 20) == 2
        assert writer.retries >= 1
        assert await asyncio.wait_for(writer.append("traffic.0", [fact("2")]), 20) > 2
        await writer.close()
        await lossy.close()
    own = [message for message in await stored(connection) if message.msg_id.startswith("w/")]
    assert marks(own) == ["0", "1", "2"]
    assert [message.msg_id for message in own] == ["w/b1/1", "w/b1/2", "w/b1/3", "w/b1/4"]


async def test_an_answer_right_behind_the_rest_of_another_message_is_heard(
    connection: LogConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    nc = connection.nc
    parse, held = nc._ps.parse, bytearray()

    async def together(data: bytes = b"") -> None:
        """Nothing is read before the answer is there too; then what came first is cut in its middle."""
        held.extend(data)
        if b'"stream":"TRAFFIC"' in held:
            everything = bytes(held)
            held.clear()
            middle = everything.index(b"MSG other") + 60
            await parse(everything[:middle])
            await parse(everything[middle:])

    writer = writer_on(connection)
    await writer.start()
    await nc.subscribe("other", future=asyncio.get_running_loop().create_future())
    await nc.flush()
    monkeypatch.setattr(nc._ps, "parse", together)
    await nc.publish("other", bytes(300))
    await until(lambda: not nc._pending_data_size, "it has left")
    async with asyncio.timeout(10):
        await writer.append("traffic.0", [fact("1")])
    assert writer.retries == 0
    monkeypatch.undo()
    await writer.close()
