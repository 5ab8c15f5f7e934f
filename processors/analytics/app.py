"""The process that keeps ClickHouse up to date with TRAFFIC."""

from __future__ import annotations

import asyncio

from processors.door import keep
from processors.shared import Shared
from projections.clickhouse.client import ClickHouse
from projections.clickhouse.rebuilding import reader
from projections.clickhouse.sink import TrafficSink
from projections.log.connection import LogConnection
from schemas import subjects
from schemas.settings import BadSettings, Settings

GATHER_S = 1.0
"""An insert into the table and its rollups costs the server 40 ms of CPU, however few its rows."""


async def run(settings: Settings, stop: asyncio.Event, shared: Shared | None = None) -> None:
    """Keeps ClickHouse up to date until `stop` is set.

    Raises:
        BadSettings: there is no URL of a ClickHouse.
        Unavailable: the log did not answer at the start.
    """
    if not settings.clickhouse_url:
        raise BadSettings(["NEXUS_CLICKHOUSE_URL is missing: analytics writes there"])
    tails = shared.tails if shared is not None else None
    connection = await LogConnection.open(settings.nats_url, "analytics")
    store = ClickHouse(settings.clickhouse_url)
    try:
        async with asyncio.TaskGroup() as doors:
            for partition in range(settings.partitions):
                subject = subjects.traffic(partition) if settings.partitions > 1 else ""
                sink = TrafficSink(store, reader(connection, subject), partition=partition)
                work = keep(
                    sink,
                    settings,
                    connection,
                    "analytics",
                    stop,
                    tails=tails,
                    partition=partition,
                    gather_s=GATHER_S,
                )
                doors.create_task(work)
    finally:
        await store.close()
        await connection.close()
