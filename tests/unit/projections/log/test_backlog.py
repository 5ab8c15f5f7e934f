"""What a writer holds: how facts become segments, and that no byte and no future is lost count of."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from projections.log.backlog import Backlog
from projections.log.spool import SpoolFile, new_head
from schemas import codec
from schemas.envelope import GENESIS, Fact
from schemas.facts.traffic import RequestCompleted


class _Adder:
    def __init__(self, backlog: Backlog) -> None:
        self.backlog = backlog
        self.loop = asyncio.new_event_loop()
        self.futures: list[asyncio.Future[int]] = []

    def __call__(self, subject: str = "traffic.0", count: int = 1, size: int = 10, spool: bool = False) -> None:
        number = len(self.futures)
        facts = [codec.encode_fact(_fact(f"{number}.{n}", size)) for n in range(count)]
        self.futures.append(self.loop.create_future())
        self.backlog.add(subject, facts, sum(map(len, facts)), self.futures[-1], spool, float(number))


_decode = msgspec.msgpack.Decoder(Fact).decode


def _fact(mark: str, size: int) -> Any:
    from schemas.facts.traffic import RequestAccepted

    data = RequestAccepted("k", "p", "s" * size, "chat", "m", False, 1, "overlapped", 1)
    return codec.fact(data, id="i", time=1, tenant="t", actor="a", correlation=mark)


def test_an_empty_backlog_has_nothing_to_send() -> None:
    backlog = Backlog("w", "b", 1000)
    assert backlog.first() is None and not backlog and not backlog.in_memory
    assert backlog.since == backlog.memory_since == float("inf")


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(1, 3), st.integers(0, 400)), max_size=40), st.data())
def test_everything_leaves_once_in_order_and_chained(adds: list[tuple[int, int, int]], data: st.DataObject) -> None:
    backlog = Backlog("w", "b", 1000)
    add = _Adder(backlog)
    left: list[tuple[str, str]] = []
    previous, number = GENESIS, 0

    def send() -> None:
        nonlocal previous, number
        segment = backlog.first()
        assert segment is not None and segment.payload is not None
        decoded = codec.decode_segment(segment.payload)
        number += 1
        assert (decoded.number, decoded.previous) == (number, previous)
        assert segment.msg_id == f"w/b/{number}" and segment.size == len(segment.payload)
        previous = codec.segment_hash(segment.payload)
        left.extend((decoded.subject, fact.correlation) for fact in decoded.facts)
        assert backlog.first() is segment
        backlog.acknowledged(number)
        assert segment.futures and all(future.result() == number for future in segment.futures)

    for partition, count, size in adds:
        add(f"traffic.{partition}", count, size)
        if data.draw(st.booleans()):
            send()
    while backlog:
        send()
    assert backlog.size == 0 and backlog.spool_waits == 0
    assert all(future.done() for future in add.futures)
    for partition in range(3):
        subject = f"traffic.{partition}"
        expected = [
            f"{index}.{n}" for index, (of, count, _) in enumerate(adds) if of == partition for n in range(count)
        ]
        assert [mark for of, mark in left if of == subject] == expected


@given(st.lists(st.sampled_from(["add", "send", "spool", "announce", "close"]), max_size=40), st.data())
def test_what_goes_anew_is_chained_whole_and_ends_nothing_again(steps: list[str], data: st.DataObject) -> None:
    backlog = Backlog("w", "b", 300)
    disk: dict[int, bytes] = {}
    log: list[codec.Written] = []
    closed: set[str] = set()
    added: list[str] = []
    previous = GENESIS

    def send() -> None:
        nonlocal previous
        segment = backlog.first()
        assert segment is not None
        held = disk[segment.offset] if segment.payload is None else segment.payload
        payload = backlog.follow(segment, held)
        assert payload == backlog.follow(segment, payload), "twice changes nothing"
        written = codec.decode_written(payload)
        assert (written.number, written.previous) == (len(log) + 1, previous)
        assert segment.msg_id == f"w/b/{written.number}"
        assert codec.encode_segment("s", "w", "b", written.number, previous, [bytes(one) for one in written.facts])
        previous = codec.segment_hash(payload)
        log.append(written)
        backlog.acknowledged(len(log))

    class Disk(SpoolFile):
        def __init__(self) -> None:
            self.unacknowledged = 0

    file = Disk()
    for step in steps:
        if step == "add":
            ending = RequestCompleted()
            request = f"r{len(added)}"
            fact = codec.encode_fact(codec.fact(ending, id="i", time=1, tenant="t", actor="a", correlation=request))
            added.append(request)
            kept = backlog.still_wanted([fact])
            backlog.add("traffic.0", kept, sum(map(len, kept)), None, False, 1.0)
        elif step == "send" and backlog:
            send()
        elif step == "spool":
            backlog.form_up_to(1 << 20)
            for segment in backlog.unspooled():
                assert segment.payload is not None
                disk[len(disk)] = segment.payload
                backlog.spooled(segment, file, len(disk) - 1, segment.size)
        elif step == "announce" and backlog and backlog.herald is None:
            waiting = backlog.first()
            assert waiting is not None
            backlog.announce(waiting, [])
        elif step == "close" and f"r{len(added)}" not in closed:
            told = {fact.correlation for one in log for raw in one.facts for fact in [_decode(bytes(raw))]}
            open_ones = [request for request in [*added, f"r{len(added)}"] if request not in told | closed]
            chosen = data.draw(st.sets(st.sampled_from(open_ones)))
            closed |= chosen
            backlog.end_no_more(backlog.chain, chosen)
    while backlog:
        send()
    assert backlog.size == 0 and backlog.on_disk == 0 and file.unacknowledged == len(disk)
    told = [_decode(bytes(raw)).correlation for one in log for raw in one.facts]
    assert told == [request for request in added if request not in closed]
    assert not backlog.chain.ended - {f"r{n}" for n in range(len(added), len(added) + 41)}


def test_the_oldest_fact_counts() -> None:
    backlog = Backlog("w", "b", 1000)
    add = _Adder(backlog)
    add("traffic.0")
    add("traffic.1")
    add("traffic.0")
    assert backlog.since == 0.0
    backlog.first()
    backlog.acknowledged(1)
    assert backlog.since == 1.0


def test_what_begins_anew_stands_last() -> None:
    backlog = Backlog("w", "b", 100_000)
    add = _Adder(backlog)
    add("traffic.0")
    add("traffic.1")
    backlog.begin_anew()
    add("traffic.0")
    subjects = []
    while (segment := backlog.first()) is not None:
        subjects.append((segment.subject, len(segment.futures)))
        backlog.acknowledged(1)
    assert subjects == [("traffic.0", 1), ("traffic.1", 1), ("traffic.0", 1)]


def test_the_spool_satisfies_only_those_who_agreed(tmp_path: Path) -> None:
    backlog = Backlog("w", "b", 100_000)
    add = _Adder(backlog)
    add(spool=True)
    segment = backlog.first()
    add(spool=False)
    add(spool=True)
    assert backlog.spool_waits == 2 and segment is not None
    backlog.form_up_to(1 << 20)
    unspooled = backlog.unspooled()
    assert unspooled[0] is segment and len(unspooled) == 2 and backlog.in_memory
    file = SpoolFile.create(tmp_path, new_head("TRAFFIC", "w", "b", 0, 0), 1)
    for held, offset in zip(
        unspooled, file.append([held.payload for held in unspooled if held.payload is not None]), strict=True
    ):
        backlog.spooled(held, file, offset, held.size)
    assert [future.done() for future in add.futures] == [True, False, True]
    assert add.futures[0].result() == 0 and backlog.size == 0 and backlog.spool_waits == 0
    assert file.unacknowledged == 2 and not backlog.in_memory and backlog and backlog.memory_since == float("inf")
    assert segment.payload is None
    backlog.acknowledged(7)
    backlog.acknowledged(8)
    assert add.futures[1].result() == 8 and not backlog and backlog.on_disk == 0
    file.close()


def test_an_acknowledgement_during_the_write_counts_once(tmp_path: Path) -> None:
    backlog = Backlog("w", "b", 100_000)
    add = _Adder(backlog)
    add(spool=True)
    segment = backlog.first()
    assert segment is not None and segment.payload is not None
    file = SpoolFile.create(tmp_path, new_head("TRAFFIC", "w", "b", 0, 0), 1)
    (offset,) = file.append([segment.payload])
    backlog.acknowledged(5)
    backlog.spooled(segment, file, offset, segment.size)
    assert add.futures[0].result() == 5 and backlog.size == 0 and backlog.on_disk == 0 and file.unacknowledged == 0
    file.close()


def test_giving_up_names_all_who_wait() -> None:
    backlog = Backlog("w", "b", 100_000)
    add = _Adder(backlog)
    add()
    backlog.first()
    add(spool=True)
    assert backlog.abandon() == add.futures
    assert not backlog and backlog.size == 0 and backlog.spool_waits == 0
