"""A writer that comes back after it was taken for dead does not end again what was closed in its place."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec

from projections.log.connection import LogConnection
from projections.log.verify import verify_chains
from projections.log.writer import SegmentWriter
from schemas import codec
from schemas.envelope import Fact
from schemas.facts.traffic import RequestAbandoned, RequestAccepted, RequestCompleted, WriterBeat
from schemas.registry import NAME_OF
from tests.integration.log_fixture import CLOCK, IDS, connection, stored
from tests.integration.nats_fixture import NatsServer, nats_server
from tests.integration.test_reconcile import Ahead, sweeper, terminals
from tests.waiting import until

__all__ = ["connection", "nats_server"]

ACCEPTED = RequestAccepted("key", "nvk_12345678", "s", "chat", "m", False, 1, "overlapped", 1)


def said(request: str, data: msgspec.Struct) -> Fact:
    return codec.fact(data, id=IDS.new(), time=CLOCK.now_us(), tenant="t", actor="key:key", correlation=request)


def gateway(connection: LogConnection, clock: Ahead, spool: Path | None = None) -> SegmentWriter:
    return SegmentWriter(
        connection, clock, IDS, stream="TRAFFIC", writer="w", boot="b1", queue_bytes=1 << 20, segment_bytes=1 << 20,
        # its own signs of life would come before the test's
        heartbeat_s=1e9, spool_dir=spool,
    )  # fmt: skip


async def taken_for_dead(connection: LogConnection, clock: Ahead, spool: Path) -> SegmentWriter:
    """One whose request `closed` has been closed in its place."""
    writer, ahead = gateway(connection, clock, spool), Ahead()
    await writer.start()
    await writer.append("traffic.0", [said("closed", ACCEPTED)])
    async with sweeper(connection, ahead) as reconcile:
        ahead.seconds = 31.0
        await reconcile.sweep()
        assert reconcile.closed == 1
    return writer


async def test_what_was_closed_in_a_silence_is_not_ended_again(connection: LogConnection) -> None:
    time = Ahead()
    writer = gateway(connection, time)
    await writer.start()
    await writer.append("traffic.0", [said("closed", ACCEPTED), said("late", ACCEPTED)])
    await writer.append("traffic.0", [said("done", ACCEPTED), said("done", RequestCompleted())])
    ahead = Ahead()
    async with sweeper(connection, ahead) as reconcile:
        ahead.seconds = 31.0
        await reconcile.sweep()
        assert reconcile.closed == 2
        # it was stopped meanwhile; all at once a request of before ends, and a new one comes
        time.seconds = 31.0
        ended = writer.append("traffic.0", [said("closed", RequestCompleted())])
        await writer.append("traffic.0", [said("new", ACCEPTED), said("new", RequestCompleted())])
        assert await ended > 0
        await writer.append("traffic.0", [said("late", RequestCompleted())])
        await writer.close()
        last = len(await stored(connection))
        await until(lambda: reconcile.state.sequence >= last, "all is read")
        assert reconcile.state.open == 0
    found = {request: [type(one) for one in ends] for request, ends in (await terminals(connection)).items()}
    assert found == {
        "closed": [RequestAbandoned],
        "late": [RequestAbandoned],
        "done": [RequestCompleted],
        "new": [RequestCompleted],
    }
    assert (await verify_chains(connection, ("TRAFFIC",))).faults == []


async def test_a_stopped_writer_spools_nothing_before_it_knows_what_was_closed(
    nats_server: NatsServer, connection: LogConnection, tmp_path: Path
) -> None:
    time = Ahead()
    writer = await taken_for_dead(connection, time, tmp_path)
    with nats_server.frozen():
        # was on its way when the process was stopped: the spool is looked after before its answer is read
        waiting = writer.append("traffic.0", [said("new", ACCEPTED)], spool=True)
        await until(lambda: writer._delivery._outcome is not None, "it was sent")
        time.seconds = 31.0
        ended = writer.append("traffic.0", [said("closed", RequestCompleted())], spool=True)
        resumed = time.monotonic()
        await until(lambda: writer._ticked_at > resumed + 0.25, "it has looked after the spool more than once")
    assert await waiting > 0 and await ended > 0 and writer.spooled_bytes == 0
    await writer.close()
    found = {request: [type(one) for one in ends] for request, ends in (await terminals(connection)).items()}
    assert found == {"closed": [RequestAbandoned]}
    assert (await verify_chains(connection, ("TRAFFIC",))).faults == []


async def test_what_left_from_the_spool_after_a_silence_is_a_sign_of_life_too(
    nats_server: NatsServer, connection: LogConnection, tmp_path: Path
) -> None:
    time = Ahead()
    writer = await taken_for_dead(connection, time, tmp_path)
    with nats_server.frozen():
        assert await writer.append("traffic.0", [said("new", ACCEPTED)], spool=True) == 0, "it is in a file"
        time.seconds = 31.0
    await until(lambda: writer.spooled_bytes == 0, "the log has what the file held")
    assert await writer.append("traffic.0", [said("closed", RequestCompleted())]) > 0
    await writer.close()
    found = {request: [type(one) for one in ends] for request, ends in (await terminals(connection)).items()}
    assert found == {"closed": [RequestAbandoned]}


async def test_a_sign_of_life_that_comes_first_keeps_the_requests(connection: LogConnection) -> None:
    time, ahead = Ahead(), Ahead()
    writer = gateway(connection, time)
    await writer.start()
    await writer.append("traffic.0", [said("slow", ACCEPTED)])
    async with sweeper(connection, ahead) as reconcile:
        # longer than a writer speaks after without a sign of life, shorter than it is borne
        time.seconds = ahead.seconds = 25.0
        await asyncio.gather(reconcile.sweep(), writer.append("traffic.0", [said("slow", RequestCompleted())]))
        assert reconcile.closed == 0
    types = [fact.type for one in await stored(connection) for fact in codec.decode_segment(one.payload).facts]
    beat = NAME_OF[WriterBeat]
    assert types == ["request.accepted.v1", beat, "request.completed.v1"]
    await writer.close()
