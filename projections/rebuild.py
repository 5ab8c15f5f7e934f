"""Builds a projection anew from the log and puts it in the place of the live one, by name."""

from __future__ import annotations

import time

import msgspec

from projections.clickhouse.client import ClickHouse
from projections.clickhouse.rebuilding import alone, rebuild_clickhouse
from projections.clickhouse.tables import VERSION
from projections.filling import Progress
from projections.log.connection import LogConnection
from projections.log.once import say_once
from projections.postgres.migrate import version
from projections.postgres.pool import open_pool
from projections.postgres.rebuilding import rebuild_postgres
from schemas.errors import InvalidRequest, NotFound
from schemas.facts.ops import ProjectionRebuilt
from schemas.settings import Settings

PROJECTIONS = ("postgres", "clickhouse")
"""What can be rebuilt. Valkey fills itself from LEDGER, memory from CONFIG, whenever a process starts."""


class Rebuilt(msgspec.Struct, frozen=True):
    projection: str
    rows: int
    """Written."""
    through_sequence: int
    """Everything of TRAFFIC up to here is in it; the live writer goes on from there."""
    duration_us: int


async def rebuild(name: str, settings: Settings, progress: Progress, *, actor: str = "operator") -> Rebuilt:
    """Builds beside the live view, catches up, swaps, and says so in OPS. Traffic goes on, and nothing is sent again.

    Args:
        name: one of `PROJECTIONS`.
        progress: told (messages done, messages in all) now and then.

    Raises:
        NotFound: there is no projection of this name.
        InvalidRequest: its store is not configured.
        Conflict: it is being rebuilt.
        Rejected, Unavailable: its store or the log does not answer; the live view is as it was.
    """
    if name not in PROJECTIONS:
        raise NotFound(f"there is no projection {name!r}; the known ones are {', '.join(PROJECTIONS)}")
    url = settings.postgres_url if name == "postgres" else settings.clickhouse_url
    if not url:
        raise InvalidRequest(f"NEXUS_{name.upper()}_URL is not set: there is nothing to rebuild")
    began = time.monotonic()
    connection = await LogConnection.open(settings.nats_url, "rebuild")
    try:
        if name == "postgres":
            pool = await open_pool(url, name="rebuild", largest=4)
            try:
                rows, through = await rebuild_postgres(connection, pool, settings.partitions, progress)
            finally:
                await pool.close()
        else:
            store = ClickHouse(url)
            try:
                with alone(settings.data):
                    rows, through = await rebuild_clickhouse(connection, store, settings.partitions, progress)
            finally:
                await store.close()
        rebuilt = Rebuilt(name, rows, through, int((time.monotonic() - began) * 1e6))
        number = version() if name == "postgres" else VERSION
        said = ProjectionRebuilt(name, number, through, rows, rebuilt.duration_us)
        await say_once(connection, said, "projection", writer="rebuild", actor=actor)
    finally:
        await connection.close()
    return rebuilt
