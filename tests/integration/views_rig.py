"""A log of one's own, both stores, and the workers between them: for tests of views as a whole."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import asyncpg

from processors.analytics import app as analytics
from processors.audit import app as audit
from projections.clickhouse.client import ClickHouse
from projections.log.connection import LogConnection
from projections.log.topology import apply
from projections.log.writer import SegmentWriter
from projections.postgres.pool import open_pool
from schemas.errors import Rejected
from schemas.ids import Ids, SystemClock
from schemas.settings import Settings
from schemas.topology import EMBEDDED
from tests.integration.contents import Contents, in_clickhouse, in_postgres
from tests.integration.nats_fixture import NatsServer
from tests.integration.sample_log import Traffic
from tests.integration.working import working
from tests.waiting import BOUND

WORKERS: dict[str, Callable[[Settings, asyncio.Event], Coroutine[Any, Any, None]]] = {
    "audit": audit.run,
    "analytics": analytics.run,
}


class Rig:
    """Made by `rig`. `settings` fits a worker in another process too."""

    def __init__(
        self, settings: Settings, connection: LogConnection, pool: asyncpg.Pool[Any], store: ClickHouse
    ) -> None:
        self.settings = settings
        self.connection = connection
        self.pool = pool
        self.store = store
        clock = SystemClock()
        ids = Ids(clock)
        self.source = Traffic(clock=clock)
        self.writer = SegmentWriter(
            connection,
            clock,
            ids,
            stream="TRAFFIC",
            writer="gateway",
            boot=ids.new(),
            queue_bytes=64 * 1024 * 1024,
            segment_bytes=1024 * 1024,
        )
        self.requests = 0

    async def write(self, requests: int, *, hits: int = 1) -> None:
        """So many requests through the real writer; returns when the log has them."""
        acknowledged = [
            self.writer.append("traffic.0", self.source.request(hits=hits), must=True) for _ in range(requests)
        ]
        self.requests += requests
        await asyncio.gather(*acknowledged)

    async def counts(self) -> tuple[int, int]:
        """Rows in Postgres and in ClickHouse; -1 where the table cannot be asked."""
        try:
            postgres = await self.pool.fetchval("SELECT count(*) FROM nexus.traffic_event")
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
            postgres = -1
        try:
            clickhouse = (await self.store.query("SELECT count() FROM traffic_events"))[0][0]
        except Rejected:
            clickhouse = -1
        return postgres, clickhouse

    async def settle(self, requests: int | None = None) -> None:
        """Waits until both stores have so many requests, or all that were written."""
        want = self.requests if requests is None else requests
        give_up = time.monotonic() + BOUND
        while (found := await self.counts()) != (want, want):
            assert time.monotonic() < give_up, f"(postgres, clickhouse) have {found} of {want} requests"
            await asyncio.sleep(0.05)

    async def reach(self, requests: int) -> None:
        """Waits until both stores have at least so many requests."""
        give_up = time.monotonic() + BOUND
        while min(found := await self.counts()) < requests:
            assert time.monotonic() < give_up, f"(postgres, clickhouse) have {found}, less than {requests} requests"
            await asyncio.sleep(0.05)

    async def contents(self) -> tuple[dict[str, Contents], dict[str, Contents]]:
        """Hashes of everything in Postgres and in ClickHouse, which must agree on requests."""
        postgres, clickhouse = await in_postgres(self.pool), await in_clickhouse(self.store)
        assert postgres["traffic_event"] == clickhouse["traffic_events"]
        return postgres, clickhouse


@asynccontextmanager
async def rig(server: NatsServer, database: str, clickhouse_url: str, tmp_path: Any) -> AsyncIterator[Rig]:
    """A log with its streams, and connections to everything; no worker runs yet."""
    settings = Settings(
        nats_url=server.url, postgres_url=database, clickhouse_url=clickhouse_url, data_dir=str(tmp_path)
    )
    connection = await LogConnection.open(server.url, "test")
    await apply(connection, EMBEDDED, replicas=1, partitions=1)
    pool = await open_pool(database, name="test")
    store = ClickHouse(clickhouse_url)
    made = Rig(settings, connection, pool, store)
    await made.writer.start()
    try:
        yield made
    finally:
        await made.writer.close()
        await store.close()
        await pool.close()
        await connection.close()


@asynccontextmanager
async def workers(settings: Settings, *names: str) -> AsyncIterator[None]:
    """Workers in this process; an error of theirs is the test's."""
    async with working(*(partial(WORKERS[name], settings) for name in names or WORKERS)):
        yield
