"""Verification against a real log that somebody with write access has tampered with, and the trail of a request."""

from __future__ import annotations

import asyncio

import pytest

from projections.log import api, verify
from projections.log.connection import LogConnection
from projections.log.trail import trail
from projections.log.verify import Head, verify_chains
from schemas import codec
from schemas.envelope import Position
from schemas.errors import NotFound
from schemas.facts.traffic import RequestAccepted, RequestCompleted
from tests.integration.log_fixture import IDS, connection, fact, stored, writer_on
from tests.integration.nats_fixture import NatsServer, nats_server

__all__ = ["connection", "nats_server"]


async def _write(connection: LogConnection, count: int, boot: str = "b1", stream: str = "TRAFFIC") -> None:
    writer = writer_on(connection, boot=boot, stream=stream)
    await writer.start()
    for n in range(count):
        await writer.append("traffic.0" if stream == "TRAFFIC" else "ops.test", [fact(str(n))])
    await writer.close()


async def test_a_whole_log_is_whole(connection: LogConnection) -> None:
    await _write(connection, 5)
    await _write(connection, 3, boot="b2")
    await _write(connection, 2, stream="OPS")
    seen: list[tuple[str, int, int]] = []
    report = await verify_chains(connection, progress=lambda *at: seen.append(at))
    assert report.ok and (report.segments, report.facts, report.chains) == (12, 12, 3)
    assert ("TRAFFIC", 10, 10) in seen
    last = await stored(connection)
    head = codec.decode_head(last[5].payload)
    assert (head.boot, head.number) == ("b1", 6)
    heads = {("TRAFFIC", "w/b1"): Head(6, codec.segment_hash(last[5].payload))}
    assert (await verify_chains(connection, ["TRAFFIC"], heads=heads)).ok


async def test_a_log_without_its_end_is_found_by_a_known_head(connection: LogConnection) -> None:
    await _write(connection, 3)
    messages = await stored(connection)
    heads = {
        ("TRAFFIC", "w/b1"): Head(9, b"x" * 32),
        ("TRAFFIC", "w/gone"): Head(1, b"y" * 32),
    }
    report = await verify_chains(connection, ["TRAFFIC"], heads=heads)
    assert [(fault.kind, fault.boot, fault.number) for fault in report.faults] == [("cut", "b1", 9), ("cut", "gone", 1)]
    heads = {("TRAFFIC", "w/b1"): Head(len(messages), b"x" * 32)}
    assert [fault.kind for fault in (await verify_chains(connection, ["TRAFFIC"], heads=heads)).faults] == ["changed"]


async def test_what_was_slipped_in_is_found(connection: LogConnection) -> None:
    await _write(connection, 3)
    messages = await stored(connection)
    third = codec.decode_segment(messages[2].payload)
    forged = codec.encode_segment("traffic.0", "w", "b1", 3, third.previous, [codec.encode_fact(fact("forged"))])
    following = codec.encode_segment(
        "traffic.0", "w", "b1", 5, codec.segment_hash(forged), [codec.encode_fact(fact("forged"))]
    )
    skipping = codec.encode_segment(
        "traffic.0", "w", "b1", 9, codec.segment_hash(following), [codec.encode_fact(fact("forged"))]
    )
    elsewhere = codec.encode_segment("traffic.7", "x", "b", 1, b"\0" * 32, [])
    late = codec.encode_segment("traffic.0", "y", "b", 4, b"\0" * 32, [])
    for payload in (forged, following, skipping, elsewhere, late, b"rubbish"):
        await api.publish(connection, "traffic.0", payload, {})
    report = await verify_chains(connection, ["TRAFFIC"])
    found = [(fault.sequence, fault.writer, fault.number, fault.kind) for fault in report.faults]
    assert found == [
        (5, "w", 3, "inserted"),
        (6, "w", 5, "changed"),
        (7, "w", 9, "removed"),
        (8, "x", 1, "changed"),
        (9, "y", 4, "cut"),
        (10, "", 0, "changed"),
    ]


async def test_forgetting_by_policy_is_no_fault_and_a_missing_segment_is(
    connection: LogConnection, nats_server: NatsServer
) -> None:
    await _write(connection, 5)
    config = (await api.call(connection, "STREAM.INFO.TRAFFIC"))["config"]
    assert config["max_age"] > 0
    # the beginning goes as if it had grown old
    await api.call(connection, "STREAM.UPDATE.TRAFFIC", config | {"max_msgs": 4, "discard": "old"})
    assert (await stored(connection))[0].sequence == 3
    assert (await verify_chains(connection, ["TRAFFIC"])).ok
    # a stream that keeps everything has no such excuse
    await _write(connection, 5, stream="OPS")
    ops = (await api.call(connection, "STREAM.INFO.OPS"))["config"]
    await api.call(connection, "STREAM.UPDATE.OPS", ops | {"max_msgs": 3, "discard": "old"})
    report = await verify_chains(connection, ["OPS"])
    found = [(fault.kind, fault.sequence, fault.number) for fault in report.faults]
    assert found == [("removed", 1, 0), ("cut", 3, 3)]


async def test_messages_deleted_from_a_stream_are_named_also_at_its_end(
    connection: LogConnection, nats_server: NatsServer
) -> None:
    for stream in ("TRAFFIC", "OPS"):
        await _write(connection, 6, stream=stream)
        config = (await api.call(connection, f"STREAM.INFO.{stream}"))["config"]
        messages = await stored(connection, stream)
        # somebody with the server's rights makes the stream anew, from which messages can be deleted
        await api.call(connection, f"STREAM.DELETE.{stream}")
        await api.call(connection, f"STREAM.CREATE.{stream}", config | {"deny_delete": False, "deny_purge": False})
        for message in messages:
            await api.publish(connection, message.subject, message.payload, {})
        assert (await verify_chains(connection, [stream])).ok
        last = messages[-1].sequence
        for sequence in (last, last - 3):
            await api.call(connection, f"STREAM.MSG.DELETE.{stream}", {"seq": sequence})
            report = await verify_chains(connection, [stream])
            assert ("removed", sequence) in [(fault.kind, fault.sequence) for fault in report.faults]
            only = await verify_chains(connection, [stream], from_sequence=sequence, to_sequence=sequence)
            assert [(fault.kind, fault.sequence) for fault in only.faults] == [("removed", sequence)]


async def test_what_grows_old_while_verify_begins_is_no_fault(
    connection: LogConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    await _write(connection, 5)
    config = (await api.call(connection, "STREAM.INFO.TRAFFIC"))["config"]
    await api.call(connection, "STREAM.UPDATE.TRAFFIC", config | {"max_msgs": 5, "discard": "old"})
    asked = verify._extent

    async def and_then(connection: LogConnection, stream: str) -> tuple[int, int, bool]:
        found = await asked(connection, stream)
        info = (await api.call(connection, f"STREAM.INFO.{stream}"))["config"]
        await api.call(connection, f"STREAM.UPDATE.{stream}", info | {"max_msgs": 3})
        return found

    monkeypatch.setattr(verify, "_extent", and_then)
    assert (await verify_chains(connection, ["TRAFFIC"])).faults == []


async def test_the_trail_of_a_request(connection: LogConnection) -> None:
    writer = writer_on(connection)
    await writer.start()
    request, other = IDS.new(), IDS.new()
    accepted = RequestAccepted("k", "nvk_", "s", "chat", "m", False, 1, "overlapped", 1)
    said = [
        writer.new_fact(data, tenant="t", actor="key:k", correlation=correlation)
        for data, correlation in (
            (accepted, request),
            (accepted, other),
            (RequestCompleted("k"), other),
            (RequestCompleted("k"), request),
        )
    ]
    sequences = []
    for item in said:
        await writer.append("traffic.1", [fact("noise")])
        sequences.append(await writer.append("traffic.0", [item]))
    await asyncio.gather(*(writer.append("traffic.0", [fact("noise")]) for _ in range(20)))
    await writer.close()
    expected = [(Position("TRAFFIC", sequences[0]), said[0]), (Position("TRAFFIC", sequences[3]), said[3])]
    assert await trail(connection, request, sequences[0], sequences[3]) == expected
    assert await trail(connection, request, 0, sequences[3]) == expected
    assert await trail(connection, request, 0, 0) == expected
    assert await trail(connection, request, sequences[1], 0) == expected[1:]
    assert await trail(connection, IDS.new(), 0, 0) == []
    with pytest.raises(ValueError):
        await trail(connection, "no uuid", 0, 0)


async def test_a_missing_stream_is_said(connection: LogConnection) -> None:
    with pytest.raises(NotFound):
        await verify_chains(connection, ["NOSUCH"])
