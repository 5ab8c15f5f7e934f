"""What the control plane asks of the views. Who asks for one tenant cannot see another's rows: the database sees to it.

Every function raises Rejected while Postgres does not answer.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any

import asyncpg
import msgspec

from projections.postgres import cursor as cursors
from projections.postgres.migrate import columns_of, quoted
from projections.postgres.pool import LIVE, outage
from projections.rows import FINDINGS, TRAFFIC
from schemas.errors import InvalidRequest
from schemas.ids import millis_of

LARGEST_PAGE = 1_000
GROUPS = {"key": "key_id", "model": "model", "provider": "account", "day": "day::text"}
_SLOWEST_MS = 20_000

_ROW = columns_of(column.name for column in TRAFFIC)
_FINDING = columns_of(column.name for column in FINDINGS)

Record = dict[str, Any]


class TrafficFilter(msgspec.Struct, frozen=True):
    """What is empty, 0 or None does not filter. Without a tenant the rows of all are seen."""

    tenant: str = ""
    key_id: str = ""
    model: str = ""
    account: str = ""
    code: str = ""
    kind: str = ""
    status: int | None = None
    since_us: int = 0
    """Of the request's end, inclusive."""
    until_us: int = 0
    """Exclusive."""
    request_id: str = ""


class Page(msgspec.Struct, frozen=True):
    rows: list[Record]
    """By column name, newest first."""
    next_cursor: str | None


async def list_traffic(pool: asyncpg.Pool[Any], filters: TrafficFilter, cursor: str = "", limit: int = 100) -> Page:
    """A page of requests, in the order in which the log has their ends, newest first.

    Rows that arrive meanwhile are before the first page: later pages neither repeat nor omit anything.

    Args:
        cursor: `next_cursor` of the page before; empty for the first.

    Raises:
        InvalidRequest: the limit or the cursor is not acceptable.
    """
    if not 1 <= limit <= LARGEST_PAGE:
        raise InvalidRequest(f"limit must be from 1 to {LARGEST_PAGE}", param="limit")
    query = msgspec.msgpack.encode(filters)
    conditions, values = _conditions(filters)
    if cursor:
        values += cursors.decode(cursor, query)
        conditions.append(f"(sequence, position) < (${len(values) - 1}::bigint, ${len(values)}::integer)")
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    async with _reading(pool, filters.tenant) as connection:
        found = await connection.fetch(
            f"SELECT {_ROW} FROM {quoted(LIVE)}.traffic_event {where} "
            f"ORDER BY sequence DESC, position DESC LIMIT {limit + 1}",
            *values,
        )
    rows = [dict(record) for record in found[:limit]]
    more = len(found) > limit
    return Page(rows, cursors.encode((rows[-1]["sequence"], rows[-1]["position"]), query) if more else None)


async def get_traffic(pool: asyncpg.Pool[Any], request_id: str, *, tenant: str = "") -> Record | None:
    """The row of one request; None when it has not ended, or is not of this tenant."""
    async with _reading(pool, tenant) as connection:
        found = await connection.fetchrow(
            f"SELECT {_ROW} FROM {quoted(LIVE)}.traffic_event WHERE request_id = $1 AND day >= $2 ORDER BY day LIMIT 1",
            request_id,
            _earliest(request_id),
        )
    return None if found is None else dict(found)


async def findings_of(pool: asyncpg.Pool[Any], request_id: str, *, tenant: str = "") -> list[Record]:
    """What screening found in one request, in the order of the log."""
    async with _reading(pool, tenant) as connection:
        found = await connection.fetch(
            f"SELECT {_FINDING} FROM {quoted(LIVE)}.finding WHERE request_id = $1 AND day >= $2 "
            "ORDER BY time_us, fact_id, hit",
            request_id,
            _earliest(request_id),
        )
    return [dict(record) for record in found]


async def usage(
    pool: asyncpg.Pool[Any], tenant: str, group_by: str, since_us: int = 0, until_us: int = 0
) -> list[Record]:
    """Sums over requests: `group`, `requests`, `input_tokens`, `output_tokens`, `cost_micros`; the dearest first, days
    in their order.

    Args:
        tenant: empty for all.
        group_by: one of `GROUPS`.

    Raises:
        InvalidRequest: unknown group.
    """
    if group_by not in GROUPS:
        raise InvalidRequest(f"group_by must be one of {', '.join(GROUPS)}", param="group_by")
    conditions, values = _conditions(TrafficFilter(tenant=tenant, since_us=since_us, until_us=until_us))
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    async with _reading(pool, tenant) as connection:
        found = await connection.fetch(
            f'SELECT {GROUPS[group_by]} AS "group", count(*) AS requests, '
            "sum(input_tokens)::bigint AS input_tokens, sum(output_tokens)::bigint AS output_tokens, "
            f"sum(cost_micros)::bigint AS cost_micros FROM {quoted(LIVE)}.traffic_event {where} GROUP BY 1 "
            f"ORDER BY {'1' if group_by == 'day' else 'cost_micros DESC, 1'}",
            *values,
        )
    return [dict(record) for record in found]


async def position(pool: asyncpg.Pool[Any], stream: str) -> int:
    """Up to which sequence of a stream the views are; of several partitions the one that is furthest behind."""
    async with outage("postgres"):
        found = await pool.fetchval(
            f"SELECT min(sequence) FROM {quoted(LIVE)}.position WHERE sink = 'audit' AND stream = $1", stream
        )
    return int(found or 0)


@asynccontextmanager
async def _reading(pool: asyncpg.Pool[Any], tenant: str) -> AsyncIterator[Any]:
    """A transaction that can only read, and only this tenant's rows; all rows without one."""
    async with outage("postgres"), pool.acquire() as connection, connection.transaction(readonly=True):
        await connection.execute(
            "SELECT set_config('role', $1, true), set_config('nexus.tenant', $2, true), "
            "set_config('statement_timeout', $3, true)",
            "nexus_reader" if tenant else "nexus_operator",
            tenant,
            str(_SLOWEST_MS),
        )
        yield connection


def _conditions(filters: TrafficFilter) -> tuple[list[str], list[Any]]:
    conditions: list[str] = []
    values: list[Any] = []

    def add(condition: str, value: Any) -> None:
        values.append(value)
        conditions.append(condition.format(f"${len(values)}"))

    for name in ("tenant", "key_id", "model", "account", "code", "kind", "request_id"):
        if text := getattr(filters, name):
            add(f"{name} = {{}}", text)
    if filters.status is not None:
        add("status = {}", filters.status)
    if filters.request_id:
        add("day >= {}", _earliest(filters.request_id))
    if filters.since_us:
        add("time_us >= {}", filters.since_us)
        add("day >= {}", _day(filters.since_us))
    if filters.until_us:
        add("time_us < {}", filters.until_us)
        add("day <= {}", _day(filters.until_us))
    return conditions, values


def _day(time_us: int) -> date:
    try:
        return datetime.fromtimestamp(time_us // 1_000_000, UTC).date()
    except (ValueError, OverflowError, OSError):
        raise InvalidRequest("since and until must be times within the calendar") from None


def _earliest(request_id: str) -> date:
    """The first day on which a request can have ended: its id says when it began. A day of grace for clocks."""
    try:
        return _day(millis_of(request_id) * 1000) - timedelta(days=1)
    except (ValueError, OverflowError, InvalidRequest):
        return date(1970, 1, 1)
