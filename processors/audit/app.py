"""The process that copies the log into Postgres: one door and one position for each stream."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import asyncpg

from processors.door import keep
from processors.shared import Shared
from processors.stopping import pause
from projections.log.connection import LogConnection
from projections.postgres.configuration import config_sink
from projections.postgres.migrate import migrate
from projections.postgres.pool import open_pool
from projections.postgres.sink import Sink
from projections.postgres.spending import spend_sink
from projections.postgres.traffic import findings_sink, traffic_sink
from schemas.errors import Rejected
from schemas.settings import BadSettings, Settings

log = logging.getLogger(__name__)

SPEND = "audit-spend"
GATHER_S = 0.5
"""Six statements and a commit to a batch, however few its rows."""
_RETRY_S = 1.0


async def run(settings: Settings, stop: asyncio.Event, shared: Shared | None = None) -> None:
    """Keeps Postgres up to date until `stop` is set.

    Raises:
        BadSettings: there is no URL of a Postgres.
        Unavailable: the log did not answer at the start.
    """
    if not settings.postgres_url:
        raise BadSettings(["NEXUS_POSTGRES_URL is missing: audit writes there"])
    tails = shared.tails if shared is not None else None
    connection = await LogConnection.open(settings.nats_url, "audit")
    try:
        pool = await _open(settings.postgres_url, stop)
        if pool is None:
            return
        try:
            async with asyncio.TaskGroup() as doors:
                for sink, name, partition in _sinks(pool, settings.partitions):
                    # sums of spend are added up in the order of the log
                    work = keep(
                        sink, settings, connection, name, stop,
                        tails=tails, partition=partition, in_order=name == SPEND, gather_s=GATHER_S,
                    )  # fmt: skip
                    doors.create_task(work)
        finally:
            await pool.close()
    finally:
        await connection.close()


def _sinks(pool: asyncpg.Pool[Any], partitions: int) -> list[tuple[Sink[Any], str, int]]:
    """Sink, name of its consumer, partition."""
    return [
        *((traffic_sink(pool, partition=number), "audit", number) for number in range(partitions)),
        (findings_sink(pool), "audit-findings", 0),
        (spend_sink(pool), SPEND, 0),
        (config_sink(pool), "audit-config", 0),
    ]


async def _open(url: str, stop: asyncio.Event) -> asyncpg.Pool[Any] | None:
    """The pool, once Postgres is there and migrated; None when the process is to end before."""
    pool: asyncpg.Pool[Any] | None = None
    while not stop.is_set():
        try:
            pool = pool or await open_pool(url, name="audit", largest=6)
            await migrate(pool)
            return pool
        except Rejected as error:
            log.warning("event=store_not_ready store=postgres error=%s", error)
        await pause(stop, _RETRY_S)
    if pool is not None:
        await pool.close()
    return None
