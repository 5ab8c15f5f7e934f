"""The process that keeps ClickHouse up to date with TRAFFIC."""

from __future__ import annotations

import asyncio

from processors.door import consume
from projections.clickhouse.client import ClickHouse
from projections.clickhouse.rebuilding import reader
from projections.clickhouse.sink import TrafficSink
from projections.log.connection import LogConnection
from schemas import subjects
from schemas.settings import BadSettings, Settings
from schemas.topology import CONSUMERS


async def run(settings: Settings, stop: asyncio.Event) -> None:
    """Keeps ClickHouse up to date until `stop` is set.

    Raises:
        BadSettings: there is no URL of a ClickHouse.
        Unavailable: the log did not answer at the start.
    """
    if not settings.clickhouse_url:
        raise BadSettings(["NEXUS_CLICKHOUSE_URL is missing: analytics writes there"])
    connection = await LogConnection.open(settings.nats_url, "analytics")
    store = ClickHouse(settings.clickhouse_url)
    consumer = next(declared for declared in CONSUMERS if declared.name == "analytics")
    try:
        async with asyncio.TaskGroup() as doors:
            for partition in range(settings.partitions):
                subject = subjects.traffic(partition) if settings.partitions > 1 else ""
                sink = TrafficSink(store, reader(connection, subject), partition=partition)
                doors.create_task(
                    consume(
                        settings,
                        connection,
                        consumer,
                        sink.handle,
                        sink.position,
                        stop,
                        refresh=sink.refresh,
                        skip=sink.skip,
                        again=sink.again,
                        partition=partition,
                    )
                )
    finally:
        await store.close()
        await connection.close()
