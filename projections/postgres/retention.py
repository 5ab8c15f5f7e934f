"""Rows that are older than a tenant keeps them: counted, deleted, and days without rows dropped whole."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

import asyncpg

from projections.postgres.migrate import lock_key, quoted
from projections.postgres.pool import LIVE, outage

TRAFFIC, FINDINGS = "traffic_event", "finding"
_HELD = {
    TRAFFIC: "subject = ANY($3)",
    # a finding names the request, and the request's row the person
    FINDINGS: "EXISTS (SELECT FROM {schema}.traffic_event e WHERE e.day BETWEEN f.day - 1 AND f.day + 1"
    " AND e.request_id = f.request_id AND e.tenant = f.tenant AND e.subject = ANY($3))",
}


async def count(
    pool: asyncpg.Pool[Any], table: str, tenant: str, before_us: int, held: Sequence[str], schema: str = LIVE
) -> tuple[int, int]:
    """(rows that may go, rows that a legal hold keeps).

    Raises:
        Rejected: Postgres does not answer.
    """
    where, keep = _where(table, schema)
    query = f"SELECT count(*) FILTER (WHERE NOT {keep}), count(*) FILTER (WHERE {keep}) FROM {where}"
    async with outage("postgres"), pool.acquire() as connection:
        row = await connection.fetchrow(query, tenant, before_us, list(held), _day(before_us))
    assert row is not None
    return int(row[0]), int(row[1])


async def remove(
    pool: asyncpg.Pool[Any], table: str, tenant: str, before_us: int, held: Sequence[str], schema: str = LIVE
) -> int:
    """Deletes what `count` counts first; how many rows went.

    Raises:
        Rejected: Postgres does not answer; some may be gone.
    """
    where, keep = _where(table, schema)
    async with outage("postgres"), pool.acquire() as connection:
        told = await connection.execute(
            f"DELETE FROM {where} AND NOT {keep}", tenant, before_us, list(held), _day(before_us), timeout=600
        )
    return int(told.rpartition(" ")[2])


async def drop_empty_days(pool: asyncpg.Pool[Any], table: str, before_us: int, schema: str = LIVE) -> list[str]:
    """Drops partitions of days before a time in which no tenant has a row any more; their names.

    A row that comes late for such a day makes its partition anew: whoever writes asks for it, after a failure too.

    Raises:
        Rejected: Postgres does not answer.
    """
    dropped = []
    async with outage("postgres"), pool.acquire() as connection:
        names = await connection.fetch(
            "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid "
            "JOIN pg_class p ON p.oid = i.inhparent JOIN pg_namespace n ON n.oid = p.relnamespace "
            "WHERE n.nspname = $1 AND p.relname = $2 ORDER BY 1",
            schema, table,
        )  # fmt: skip
        for (name,) in names:
            day = _day_of(name)
            if day is None or day >= _day(before_us):
                continue
            async with connection.transaction():
                # makers of partitions wait for the same lock
                await connection.execute("SELECT pg_advisory_xact_lock($1)", lock_key(schema))
                await connection.execute(f"LOCK TABLE {quoted(schema)}.{quoted(name)} IN ACCESS EXCLUSIVE MODE")
                if not await connection.fetchval(f"SELECT EXISTS (SELECT FROM {quoted(schema)}.{quoted(name)})"):
                    await connection.execute(f"DROP TABLE {quoted(schema)}.{quoted(name)}")
                    dropped.append(name)
    return dropped


def _where(table: str, schema: str) -> tuple[str, str]:
    """What comes after FROM, and the condition of a hold. The day lets whole partitions be left out."""
    keep = _HELD[table].format(schema=quoted(schema))
    return f"{quoted(schema)}.{quoted(table)} f WHERE f.tenant = $1 AND f.time_us < $2 AND f.day <= $4", f"({keep})"


def _day(time_us: int) -> date:
    return datetime.fromtimestamp(time_us / 1e6, UTC).date()


def _day_of(partition: str) -> date | None:
    try:
        return datetime.strptime(partition.rpartition("_")[2], "%Y%m%d").replace(tzinfo=UTC).date()
    except ValueError:
        return None
