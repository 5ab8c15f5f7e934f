"""What comes back from DEAD is applied by the views out of its order, and counts once however often it comes."""

from __future__ import annotations

from typing import Any

import asyncpg
import pytest

from projections.clickhouse.client import ClickHouse
from projections.clickhouse.sink import TrafficSink
from projections.log.reader import Message
from projections.postgres.configuration import config_sink
from projections.postgres.migrate import migrate
from projections.postgres.traffic import traffic_sink
from projections.rows import rows_of
from schemas import codec, subjects
from schemas.aggregates.tenant import Tenant, TenantChanged, TenantCreated
from schemas.envelope import GENESIS
from schemas.errors import Invalid
from tests.integration.sample_log import START_US, Traffic, message, messages
from tests.integration.test_analytics_clickhouse import assert_rollups_agree, log_of
from tests.integration.views_fixture import clickhouse_url, database, module_database, pool, store

__all__ = ["clickhouse_url", "database", "module_database", "pool", "store"]


def requests(log: list[Message]) -> list[str]:
    facts = [fact for one in log for fact in codec.decode_segment(one.payload).facts]
    return sorted({fact.correlation for fact in facts})


async def test_postgres_takes_what_it_stepped_over(pool: asyncpg.Pool[Any]) -> None:
    await migrate(pool)
    log = messages(5)
    sink = traffic_sink(pool)
    await sink.refresh()
    await sink.handle(log[:2])
    await sink.skip(3)
    await sink.handle(log[3:])
    for _ in range(3):
        await sink.again(log[2])
    with pytest.raises(Invalid):
        await sink.again(Message("TRAFFIC", 3, "traffic.0", b"no segment", START_US, ""))
    rows = await pool.fetch("SELECT request_id FROM nexus.traffic_event")
    assert sorted(row[0] for row in rows) == requests(log)
    assert await pool.fetchval("SELECT count(*) FROM nexus.finding") == len(rows_of(log).findings)
    await sink.refresh()
    assert sink.position() == 5


async def test_a_configuration_that_comes_late_does_not_replace_a_newer_one(pool: asyncpg.Pool[Any]) -> None:
    await migrate(pool)
    ids = Traffic().ids
    log = []
    changes = (TenantCreated(Tenant(id="t")), TenantChanged(Tenant(id="t", name="new")))
    for number, said in enumerate(changes, 1):
        fact = codec.fact(said, id=ids.new(), time=START_US, tenant="t", actor="admin:x", correlation="c")
        subject = subjects.config("t", "tenant", "t")
        payload = codec.encode_segment(subject, "admin", "b", number, GENESIS, [codec.encode_fact(fact)])
        log.append(Message("CONFIG", number, subject, payload, START_US, ""))
    sink = config_sink(pool)
    await sink.refresh()
    await sink.skip(1)
    await sink.handle(log[1:])
    await sink.again(log[0])
    assert await pool.fetchval("SELECT spec->>'name' FROM nexus.config_current") == "new"
    assert sink.position() == 2


async def test_clickhouse_takes_what_it_stepped_over(store: ClickHouse) -> None:
    log = messages(5)
    sink = TrafficSink(store, log_of(log))
    await sink.refresh()
    await sink.handle(log[:2])
    await sink.skip(3)
    await sink.handle(log[3:])
    for _ in range(3):
        await sink.again(log[2])
    # what is there in part already
    await sink.again(message(6, [*codec.decode_segment(log[0].payload).facts]))
    rows = await store.query("SELECT request_id FROM traffic_events")
    assert sorted(row[0] for row in rows) == requests(log)
    await assert_rollups_agree(store, log)
    assert sink.position() == 5
