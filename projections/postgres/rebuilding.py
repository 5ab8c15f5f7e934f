"""Builds the views in Postgres anew beside the live ones and swaps them in one transaction."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from projections.filling import Filling, Progress
from projections.log.connection import LogConnection
from projections.postgres.configuration import config_sink
from projections.postgres.migrate import drop, lock_key, migrate, quoted
from projections.postgres.pool import LIVE, outage
from projections.postgres.sink import Sink
from projections.postgres.spending import spend_sink
from projections.postgres.traffic import findings_sink, traffic_sink
from schemas import subjects
from schemas.errors import Conflict

log = logging.getLogger(__name__)

NEXT, OLD = f"{LIVE}_next", f"{LIVE}_old"
CLOSE = 1_000
"""Messages that may be left to apply while the live writers wait."""
_ROUNDS = 10


async def rebuild_postgres(
    connection: LogConnection, pool: asyncpg.Pool[Any], partitions: int, progress: Progress
) -> tuple[int, int]:
    """Replaces the views by what the log says; traffic goes on meanwhile.

    Args:
        pool: at least three connections.

    Returns:
        The number of rows written, and up to which sequence of TRAFFIC.

    Raises:
        Conflict: another rebuild is running.
        Rejected, Unavailable: Postgres or the log does not answer; the live views are as they were.
    """
    async with _alone(pool):
        await drop(pool, NEXT)
        await migrate(pool, NEXT)
        sinks = _sinks(connection, pool, partitions)
        try:
            await _fill(list(sinks), progress)
            await _swap(pool, list(sinks))
        except BaseException:
            await drop(pool, NEXT)
            raise
        await drop(pool, OLD)
    through = max((filling.sink.position() for filling in sinks if filling.stream == "TRAFFIC"), default=0)
    return sum(sink.rows for sink in sinks.values()), through


def _sinks(connection: LogConnection, pool: asyncpg.Pool[Any], partitions: int) -> dict[Filling, Sink[Any]]:
    found: dict[Filling, Sink[Any]] = {}
    for sink, stream in (
        (config_sink(pool, schema=NEXT), "CONFIG"),
        (spend_sink(pool, schema=NEXT), "LEDGER"),
        (findings_sink(pool, schema=NEXT), "DECISIONS"),
    ):
        found[Filling(connection, sink, stream)] = sink
    for partition in range(partitions):
        traffic = traffic_sink(pool, schema=NEXT, partition=partition)
        subject = subjects.traffic(partition) if partitions > 1 else ""
        found[Filling(connection, traffic, "TRAFFIC", subject)] = traffic
    return found


async def _fill(fillings: list[Filling], progress: Progress) -> None:
    for _ in range(_ROUNDS):
        left = [await filling.behind() for filling in fillings]
        total = sum(left) + sum(filling.sink.position() for filling in fillings)

        def told(total: int = total) -> None:
            progress(min(total, sum(filling.sink.position() for filling in fillings)), total)

        told()
        if sum(left) <= CLOSE:
            return
        for filling in fillings:
            await filling.catch_up(told)


async def _swap(pool: asyncpg.Pool[Any], fillings: list[Filling]) -> None:
    await drop(pool, OLD)
    async with outage("postgres"), pool.acquire() as connection, connection.transaction():
        # every writer of the live views holds this lock shared: now none is at work, and none begins
        await connection.execute("SELECT pg_advisory_xact_lock($1)", lock_key(LIVE))
        for filling in fillings:
            await filling.catch_up()
        if await connection.fetchval("SELECT 1 FROM pg_namespace WHERE nspname = $1", LIVE):
            await connection.execute(f"ALTER SCHEMA {quoted(LIVE)} RENAME TO {quoted(OLD)}")
        await connection.execute(f"ALTER SCHEMA {quoted(NEXT)} RENAME TO {quoted(LIVE)}")
    log.info("event=swapped projection=postgres")


@asynccontextmanager
async def _alone(pool: asyncpg.Pool[Any]) -> AsyncIterator[None]:
    async with outage("postgres"), pool.acquire() as connection:
        if not await connection.fetchval("SELECT pg_try_advisory_lock($1)", lock_key(NEXT + " rebuild")):
            raise Conflict("another rebuild of postgres is running; wait for its end")
        try:
            yield
        finally:
            await connection.execute("SELECT pg_advisory_unlock_all()")
