"""A writer that comes back after it was taken for dead does not end again what was closed in its place."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from projections.log import delivery, fence, sending, spooler
from projections.log.chain import Chain
from projections.log.connection import LogConnection
from projections.log.ending import end
from projections.log.verify import verify_chains
from projections.log.writer import SegmentWriter
from schemas import codec
from schemas.codec import Written
from schemas.envelope import Fact
from schemas.facts.traffic import RequestAbandoned, RequestAccepted, RequestCompleted, WriterBeat
from schemas.registry import NAME_OF
from tests.integration.log_fixture import CLOCK, IDS, connection, marks, stored
from tests.integration.nats_fixture import NatsServer, nats_server
from tests.integration.test_reconcile import Ahead, sweeper, terminals
from tests.waiting import until

__all__ = ["connection", "nats_server"]

ACCEPTED = RequestAccepted("key", "nvk_12345678", "s", "chat", "m", False, 1, "overlapped", 1)


def said(request: str, data: msgspec.Struct) -> Fact:
    return codec.fact(data, id=IDS.new(), time=CLOCK.now_us(), tenant="t", actor="key:key", correlation=request)


YIELDS = WriterBeat(0, 0, exact=False, yields=True)
DONE: list[type[msgspec.Struct]] = [RequestCompleted]


async def facts_of(connection: LogConnection) -> list[Fact]:
    return [fact for one in await stored(connection) for fact in codec.decode_segment(one.payload).facts]


async def ended_as(connection: LogConnection, writer: SegmentWriter) -> dict[str, list[type[msgspec.Struct]]]:
    """What each request came to once the writer is closed, whose chain must hold."""
    await writer.close()
    assert (await verify_chains(connection, ("TRAFFIC",))).faults == []
    return {request: [type(one) for one in ends] for request, ends in (await terminals(connection)).items()}


async def abandon(writer: SegmentWriter) -> None:
    """Ends it as a kill does, but for what it holds of the operating system."""
    for task in (writer._task, writer._spooler and writer._spooler._task):
        assert task is not None
        await end({task})
    assert writer._timer is not None and writer._spooler is not None
    writer._timer.cancel()
    await writer._delivery.close()
    for file in writer._spooler._files:
        file.close()


def gateway(connection: LogConnection, clock: Ahead, spool: Path | None = None, boot: str = "b1") -> SegmentWriter:
    return SegmentWriter(
        connection, clock, IDS, stream="TRAFFIC", writer="w", boot=boot, queue_bytes=1 << 20, segment_bytes=1 << 20,
        # its own signs of life would come before the test's
        heartbeat_s=1e9, spool_dir=spool,
    )  # fmt: skip


async def nowhere(*_: object) -> int:
    """Where what was sent is found."""
    return 0


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
    assert await ended_as(connection, writer) == {
        "closed": [RequestAbandoned],
        "late": [RequestAbandoned],
        "done": DONE,
        "new": DONE,
    }


async def test_what_a_stopped_writer_put_into_a_file_ends_nothing_again(
    nats_server: NatsServer, connection: LogConnection, tmp_path: Path
) -> None:
    time = Ahead()
    writer = await taken_for_dead(connection, time, tmp_path)
    with nats_server.frozen():
        # was on its way when the process was stopped: whether it has been stored is to be found out
        waiting = writer.append("traffic.0", [said("new", ACCEPTED)])
        await until(lambda: writer._delivery._outcome is not None, "it was sent")
        time.seconds = 31.0
        ended = [writer.append("traffic.0", [said(of, RequestCompleted())], spool=True) for of in ("closed", "new")]
        assert await asyncio.gather(*ended) == [0, 0], "they are in a file"
        # what comes while a file holds what came before goes the same way
        last = writer.append("traffic.0", [said("last", ACCEPTED), said("last", RequestCompleted())])
    assert await waiting > 0 and await last > 0
    assert await ended_as(connection, writer) == {"closed": [RequestAbandoned], **dict.fromkeys(("new", "last"), DONE)}
    assert writer.spooled_bytes == 0


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
    assert await ended_as(connection, writer) == {"closed": [RequestAbandoned]}


async def test_what_a_dead_process_left_in_files_ends_nothing_again(
    nats_server: NatsServer, connection: LogConnection, tmp_path: Path
) -> None:
    """Wherever those who bring the files to the log die in turn."""
    spool = tmp_path / "spool"
    first = gateway(connection, Ahead(), spool)
    await first.start()
    # what was sent to the log when it did not answer is stored and in a file: the first of these is ended in time
    in_time, *late = open_ones = [f"open{n}" for n in range(4)]
    await first.append("traffic.0", [said(one, ACCEPTED) for one in open_ones])
    with nats_server.frozen():
        for n, one in enumerate(open_ones):
            facts = [said(one, RequestCompleted()), said(f"new{n}", ACCEPTED), said(f"new{n}", RequestCompleted())]
            assert await first.append("traffic.0", facts, spool=True) == 0
        await first.close(wait_s=0)
    ahead = Ahead()
    async with sweeper(connection, ahead) as reconcile:
        ahead.seconds = 31.0
        await reconcile.sweep()
        assert reconcile.closed == len(late)
    for die_after in range(1, 6):
        # the files stay as they are when a process dies before it can remove them
        shutil.copytree(spool, tmp_path / "aside")
        heir = gateway(connection, Ahead(), spool, boot=f"b{1 + die_after}")
        await heir.start()
        await until(lambda heir=heir, most=die_after: heir.segments >= most, "it got so far")
        await abandon(heir)
        shutil.rmtree(spool)
        (tmp_path / "aside").rename(spool)
    last = gateway(connection, Ahead(), spool, boot="b9")
    await last.start()
    assert await last.append("traffic.0", [said("last", ACCEPTED), said("last", RequestCompleted())]) > 0
    done = {f"new{n}": DONE for n in range(4)} | {"last": DONE, in_time: DONE}
    assert await ended_as(connection, last) == {one: [RequestAbandoned] for one in late} | done
    accepted = [fact.correlation for fact in await facts_of(connection) if fact.type == NAME_OF[RequestAccepted]]
    assert sorted(accepted) == sorted([*late, *done]), "each once"


async def test_what_was_on_its_way_when_its_writer_was_taken_for_dead_is_not_stored(connection: LogConnection) -> None:
    writer = gateway(connection, Ahead())
    await writer.start()
    await writer.append("traffic.0", [said("w/b1", YIELDS), said("closed", ACCEPTED), said("other", ACCEPTED)])
    ahead = Ahead()
    async with sweeper(connection, ahead) as reconcile:
        ahead.seconds = 31.0
        await reconcile.sweep()
        assert reconcile.closed == 2
        # by its own clock nothing is wrong: it takes no time to be late
        ended = writer.append("traffic.0", [said("closed", RequestCompleted()), said("new", ACCEPTED)])
        assert await ended > 0
        await writer.append("traffic.0", [said("new", RequestCompleted()), said("other", RequestCompleted())])
        ids = [one.msg_id for one in await stored(connection) if one.msg_id.startswith("w/b1/")]
        assert ids == ["w/b1/1", "w/b1/2", "w/b1/2.1", "w/b1/3", "w/b1/4"]
        # and it may happen once more
        await writer.append("traffic.0", [said("again", ACCEPTED)])
        last = len(await stored(connection))
        await until(lambda: reconcile.state.sequence >= last, "it is read")
        ahead.seconds = 62.0
        await reconcile.sweep()
        assert reconcile.closed == 3
        assert await writer.append("traffic.0", [said("again", RequestCompleted())]) > 0
    abandoned = {one: [RequestAbandoned] for one in ("closed", "other", "again")}
    assert await ended_as(connection, writer) == abandoned | {"new": DONE}


async def test_what_arrives_after_it_was_looked_for_is_not_written_twice(
    nats_server: NatsServer, connection: LogConnection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    time = Ahead()
    writer = await taken_for_dead(connection, time, tmp_path)

    monkeypatch.setattr(delivery, "find", nowhere)
    with nats_server.frozen():
        waiting = writer.append("traffic.0", [said("new", ACCEPTED), said("new", RequestCompleted())])
        await until(lambda: writer._delivery._outcome is not None, "it was sent")
        time.seconds = 31.0
        await until(lambda: writer.retries > 0, "its answer is not waited for any longer")
    assert await waiting > 0
    await writer.append("traffic.0", [said("closed", RequestCompleted())])
    assert await ended_as(connection, writer) == {"closed": [RequestAbandoned], "new": DONE}


async def test_what_a_dead_process_had_sent_may_arrive_late(
    nats_server: NatsServer, connection: LogConnection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = gateway(connection, Ahead(), tmp_path)
    await first.start()
    await first.append("traffic.0", [said("old", ACCEPTED)])
    with nats_server.frozen():
        assert await first.append("traffic.0", [said("old", RequestCompleted())], spool=True) == 0
        await first.close(wait_s=0)
    looked = []

    async def too_early(connection: LogConnection, stream: str, chain: Chain, segment: Written) -> None:
        await fence.look_up(connection, stream, chain, segment)
        if not looked:
            chain.number, chain.hash, chain.found = segment.number - 1, segment.previous, {}
        looked.append(chain.number)

    monkeypatch.setattr(sending, "look_up", too_early)
    monkeypatch.setattr(sending, "_LATE_S", 0.0)
    heir = gateway(connection, Ahead(), tmp_path, boot="b2")
    await heir.start()
    assert await heir.append("traffic.0", [said("new", ACCEPTED), said("new", RequestCompleted())]) > 0
    assert looked == [1, 2], "it looked once more"
    assert await ended_as(connection, heir) == {"old": DONE, "new": DONE}


async def test_what_is_closed_in_several_pieces_is_learned_of_whole(
    connection: LogConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("processors.reconcile.sweeper._AT_ONCE", 1)
    writer, ahead = gateway(connection, Ahead()), Ahead()
    await writer.start()
    await writer.append("traffic.0", [said("w/b1", YIELDS), said("a", ACCEPTED), said("b", ACCEPTED)])
    async with sweeper(connection, ahead) as reconcile:
        ahead.seconds = 31.0
        await reconcile.sweep()
        assert reconcile.closed == 2
    await writer.append("traffic.0", [said("a", RequestCompleted()), said("b", RequestCompleted())])
    assert await ended_as(connection, writer) == {"a": [RequestAbandoned], "b": [RequestAbandoned]}


async def test_a_herald_is_not_taken_for_what_arrived_in_its_place(
    nats_server: NatsServer, connection: LogConnection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What waits arrives late; the answer to the herald is lost, and the herald is looked for after half a minute."""
    time = Ahead()
    writer = gateway(connection, time, tmp_path)
    await writer.start()
    await writer.append("traffic.0", [said("old", ACCEPTED)])
    asked, resumed = [], asyncio.Event()

    async def late(*given: Any) -> int:
        asked.append(given)
        if len(asked) <= 2:
            return 0
        await resumed.wait()
        return await fence.find(*given)

    monkeypatch.setattr(delivery, "find", late)
    with nats_server.frozen():
        waiting = writer.append("traffic.0", [said("new", ACCEPTED), said("new", RequestCompleted())])
        await until(lambda: writer._delivery._outcome is not None, "it was sent")
        time.seconds = 31.0
        await until(lambda: writer._backlog.herald is not None and writer._backlog.herald.attempts >= 1, "herald")
        time.seconds = 65.0
        await until(lambda: len(asked) >= 3, "it is looked for")
    resumed.set()
    assert await waiting > 0
    assert await ended_as(connection, writer) == {"new": DONE}


async def test_files_of_one_outage_are_brought_in_their_order_and_cleared_away(
    nats_server: NatsServer, connection: LogConnection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spooler, "_ROTATE_BYTES", 1)
    first = gateway(connection, Ahead(), tmp_path)
    await first.start()
    with nats_server.frozen():
        for n in range(12):
            assert await first.append("traffic.0", [said(f"r{n}", ACCEPTED)], spool=True) == 0
        await first.close(wait_s=0)
    heir = gateway(connection, Ahead(), tmp_path, boot="b2")
    await heir.start()
    await heir.append("traffic.0", [said("last", ACCEPTED)])
    await until(lambda: not heir.spooled_bytes, "the files are cleared away")
    assert await ended_as(connection, heir) == {}
    assert marks(await stored(connection)) == [*(f"r{n}" for n in range(12)), "last"]


async def test_the_file_of_what_arrived_late_is_cleared_away(
    nats_server: NatsServer, connection: LogConnection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    time = Ahead()
    writer = gateway(connection, time, tmp_path)
    await writer.start()
    await writer.append("traffic.0", [said("old", ACCEPTED)])

    monkeypatch.setattr(delivery, "find", nowhere)
    with nats_server.frozen():
        spooled = [said("new", ACCEPTED), said("new", RequestCompleted())]
        assert await writer.append("traffic.0", spooled, spool=True) == 0
        time.seconds = 31.0
        await until(lambda: writer._backlog.herald is not None and writer._backlog.herald.attempts >= 1, "herald")
    await writer.append("traffic.0", [said("old", RequestCompleted())])
    await until(lambda: not writer.spooled_bytes, "the file is cleared away")
    assert await ended_as(connection, writer) == {"old": DONE, "new": DONE}


async def test_closing_ends_what_forgets_that_it_was_cancelled(connection: LogConnection) -> None:
    writer = gateway(connection, Ahead())
    await writer.start()

    async def send(segment: object) -> None:
        try:
            await asyncio.Future()
        except asyncio.CancelledError:
            forgotten.append(segment)  # as `asyncio.wait_for` before 3.12, when the answer comes in the same turn
        await asyncio.Future()

    forgotten: list[object] = []
    monkeypatched = cast(Any, writer._sending)
    monkeypatched.send = send
    writer.append("traffic.0", [said("x", ACCEPTED)])
    await asyncio.sleep(0)
    await writer.close(wait_s=0.1)
    assert forgotten


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
    types = [fact.type for fact in await facts_of(connection)]
    beat = NAME_OF[WriterBeat]
    assert types == ["request.accepted.v1", beat, "request.completed.v1"]
    await writer.close()
