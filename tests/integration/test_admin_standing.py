"""How far the stores' views are, asked of real stores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from projections.clickhouse import standing as clickhouse
from projections.clickhouse.client import ClickHouse
from projections.clickhouse.sink import TrafficSink
from projections.log.reader import Message
from projections.postgres import standing as postgres
from projections.postgres.migrate import migrate
from projections.postgres.traffic import findings_sink, traffic_sink
from schemas.errors import Rejected
from tests.integration.sample_log import messages
from tests.integration.views_fixture import clickhouse_url, database, module_database, pool, store

__all__ = ["clickhouse_url", "database", "module_database", "pool", "store"]

if TYPE_CHECKING:
    Pool = asyncpg.Pool[Any]


async def test_clickhouse_tells_the_last_batch(store: ClickHouse) -> None:
    await clickhouse.check(store)
    assert await clickhouse.positions(store) == []
    log = messages(6)

    async def read(first: int, last: int) -> list[Message]:
        return log[first - 1 : last]

    sink = TrafficSink(store, read)
    await sink.refresh()
    assert await clickhouse.positions(store) == [("analytics", "TRAFFIC", 0)]
    await sink.handle(log[:4])
    assert await clickhouse.positions(store) == [("analytics", "TRAFFIC", 4)]
    await sink.handle(log[4:])
    assert await clickhouse.positions(store) == [("analytics", "TRAFFIC", 6)]


async def test_postgres_tells_the_partition_that_is_furthest_behind(pool: Pool) -> None:
    await postgres.check(pool)
    with pytest.raises(Rejected):
        await postgres.positions(pool)
    await migrate(pool)
    assert await postgres.positions(pool) == []
    log = messages(5)
    await traffic_sink(pool).handle(log)
    await traffic_sink(pool, partition=1).handle(log[:2])
    await findings_sink(pool).handle(log[:1])
    assert sorted(await postgres.positions(pool)) == [("audit", "DECISIONS", 1), ("audit", "TRAFFIC", 2)]
