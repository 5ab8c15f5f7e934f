"""The log's parts together, in the plainest case."""

from __future__ import annotations

import asyncio

import msgspec

from projections.log import topology
from projections.log.connection import LogConnection
from projections.log.reader import StreamReader
from projections.log.store import ConfigStore
from projections.log.writer import SegmentWriter
from schemas import codec, subjects
from schemas.aggregates import tenant
from schemas.aggregates.decider import Create
from schemas.facts.traffic import RequestAccepted
from schemas.ids import Ids, SystemClock
from schemas.topology import EMBEDDED
from tests.integration.nats_fixture import NatsServer, nats_server

__all__ = ["nats_server"]


async def test_facts_go_in_and_come_out(nats_server: NatsServer) -> None:
    clock = SystemClock()
    ids = Ids(clock)
    connection = await LogConnection.open(nats_server.url, "test", wait_s=5)
    done = await topology.apply(connection, EMBEDDED, replicas=1, partitions=1)
    assert len(done) == sum(map(len, msgspec.structs.astuple(EMBEDDED)))
    assert await topology.apply(connection, EMBEDDED, replicas=1, partitions=1) == []

    writer = SegmentWriter(
        connection, clock, ids, stream="TRAFFIC", writer="w", boot="b", queue_bytes=1 << 20, segment_bytes=1 << 20
    )
    await writer.start()
    accepted = RequestAccepted("k", "nvk_", "s", "chat", "m", False, 10, "overlapped", 1)
    fact = writer.new_fact(accepted, tenant="t", actor="key:k", correlation="r")
    assert await asyncio.wait_for(writer.append(subjects.traffic(0), [fact]), 5) == 1
    assert writer.healthy and writer.admitted == 1
    await writer.close()

    seen = []
    async for batch in StreamReader(connection, "TRAFFIC").batches(follow=False):
        seen += batch
    assert [message.msg_id for message in seen] == ["w/b/1", "w/b/2"]
    segment = codec.decode_segment(seen[0].payload)
    assert segment.facts == [fact] and codec.open_fact(segment.facts[0]) == accepted
    last = codec.decode_segment(seen[1].payload)
    assert last.previous == codec.segment_hash(seen[0].payload)
    assert [item.type for item in last.facts] == ["writer.closed.v1"]

    store = ConfigStore(connection, clock, ids, writer="admin")
    made = await store.handle(
        tenant.DECIDER, "system", "acme", Create(tenant.Tenant(id="acme")), actor="admin:x", correlation="c"
    )
    other = ConfigStore(connection, clock, ids, writer="other")
    loaded = await other.load(tenant.DECIDER, "system", "acme")
    assert loaded.sequence == made.sequence == 1 and loaded.version == 1 and loaded.state == made.state
    await connection.close()
