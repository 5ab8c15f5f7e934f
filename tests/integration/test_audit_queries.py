"""Queries of the control plane: filters, pages, usage, and that no tenant sees another's rows."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from projections.postgres.migrate import migrate
from projections.postgres.queries import (
    TrafficFilter,
    findings_of,
    get_traffic,
    list_traffic,
    position,
    usage,
)
from projections.postgres.traffic import traffic_sink
from projections.rows import TRAFFIC, rows_of
from schemas.errors import InvalidRequest
from tests.integration.sample_log import START_US, Traffic, messages
from tests.integration.views_fixture import database, module_database, pool

__all__ = ["database", "module_database", "pool"]

if TYPE_CHECKING:
    Pool = asyncpg.Pool[Any]

NAMES = [column.name for column in TRAFFIC]
DAY_US = 86_400_000_000


@pytest.fixture
async def log(pool: Pool) -> AsyncIterator[list[dict[str, Any]]]:
    """The rows of 40 messages over three days, newest first, as they are stored."""
    await migrate(pool)
    source = Traffic(step_us=3_600_000_000 // 2)
    made = messages(40, per_segment=3, hits=1, traffic=source)
    sink = traffic_sink(pool)
    for at in range(0, 40, 10):
        await sink.handle(made[at : at + 10])
    yield [dict(zip(NAMES, row, strict=True)) for row in reversed(rows_of(made).traffic)]


async def all_pages(pool: Pool, filters: TrafficFilter, limit: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor = ""
    while True:
        page = await list_traffic(pool, filters, cursor, limit)
        assert len(page.rows) <= limit
        found += page.rows
        if page.next_cursor is None:
            return found
        cursor = page.next_cursor


@pytest.mark.parametrize("limit", [1, 7, 120, 1000])
async def test_pages_hold_every_row_once_newest_first(pool: Pool, log: list[dict[str, Any]], limit: int) -> None:
    assert await all_pages(pool, TrafficFilter(), limit) == log


@pytest.mark.parametrize(
    "filters",
    [
        TrafficFilter(tenant="tenant-1"),
        TrafficFilter(tenant="tenant-1", key_id="key-2"),
        TrafficFilter(model="gpt-4o"),
        TrafficFilter(account="mock", kind="refused"),
        TrafficFilter(account="nobody"),
        TrafficFilter(code="no_provider_available", tenant="tenant-2"),
        TrafficFilter(status=200),
        TrafficFilter(status=0),
        TrafficFilter(since_us=START_US + DAY_US),
        TrafficFilter(until_us=START_US + DAY_US),
        TrafficFilter(since_us=START_US + DAY_US, until_us=START_US + DAY_US + DAY_US // 4, tenant="tenant-0"),
    ],
)
async def test_filters(pool: Pool, log: list[dict[str, Any]], filters: TrafficFilter) -> None:
    want = [
        row
        for row in log
        if all(
            not getattr(filters, name) or row[name] == getattr(filters, name)
            for name in ("tenant", "key_id", "model", "account", "code", "kind")
        )
        and (filters.status is None or row["status"] == filters.status)
        and row["time_us"] >= filters.since_us
        and (not filters.until_us or row["time_us"] < filters.until_us)
    ]
    assert await all_pages(pool, filters, 9) == want


async def test_rows_that_arrive_between_pages_disturb_nothing(pool: Pool, log: list[dict[str, Any]]) -> None:
    first = await list_traffic(pool, TrafficFilter(), "", 50)
    sink = traffic_sink(pool)
    await sink.refresh()
    more = messages(43, per_segment=1)[40:]
    await sink.handle(more)
    assert first.next_cursor is not None
    second = await list_traffic(pool, TrafficFilter(), first.next_cursor, 1000)
    assert first.rows + second.rows == log


async def test_a_cursor_fits_only_its_own_query(pool: Pool, log: list[dict[str, Any]]) -> None:
    page = await list_traffic(pool, TrafficFilter(), "", 5)
    assert page.next_cursor is not None
    broken = page.next_cursor[:-2] + ("AA" if page.next_cursor[-2:] != "AA" else "BB")
    for cursor, filters in [
        (page.next_cursor, TrafficFilter(tenant="tenant-1")),
        (broken, TrafficFilter()),
        ("!", TrafficFilter()),
        ("ü", TrafficFilter()),
        ("AAAA", TrafficFilter()),
        ("A" * 4000, TrafficFilter()),
    ]:
        with pytest.raises(InvalidRequest) as raised:
            await list_traffic(pool, filters, cursor, 5)
        assert raised.value.param == "cursor"


@pytest.mark.parametrize("limit", [0, -1, 1001])
async def test_limits(pool: Pool, log: list[dict[str, Any]], limit: int) -> None:
    with pytest.raises(InvalidRequest):
        await list_traffic(pool, TrafficFilter(), "", limit)


async def test_one_request(pool: Pool, log: list[dict[str, Any]]) -> None:
    row = log[17]
    assert await get_traffic(pool, row["request_id"]) == row
    assert await get_traffic(pool, row["request_id"], tenant=row["tenant"]) == row
    assert await get_traffic(pool, row["request_id"], tenant="tenant-x") is None
    assert await get_traffic(pool, "nothing") is None
    assert [found["request_id"] for found in await findings_of(pool, row["request_id"])] == [row["request_id"]]
    assert await findings_of(pool, row["request_id"], tenant="tenant-x") == []


@pytest.mark.parametrize("group_by", ["key", "model", "provider", "day"])
@pytest.mark.parametrize("tenant", ["", "tenant-1"])
async def test_usage(pool: Pool, log: list[dict[str, Any]], group_by: str, tenant: str) -> None:
    column = {"key": "key_id", "model": "model", "provider": "account", "day": "day"}[group_by]
    since = START_US + DAY_US // 2
    want: dict[str, list[int]] = {}
    for row in log:
        if row["time_us"] >= since and tenant in ("", row["tenant"]):
            sums = want.setdefault(str(row[column]), [0, 0, 0, 0])
            for place, value in enumerate((1, row["input_tokens"], row["output_tokens"], row["cost_micros"])):
                sums[place] += value
    found = await usage(pool, tenant, group_by, since)
    assert {row["group"]: [row["requests"], row["input_tokens"], row["output_tokens"], row["cost_micros"]]
            for row in found} == want  # fmt: skip


async def test_usage_by_something_else_is_refused(pool: Pool) -> None:
    with pytest.raises(InvalidRequest, match="key, model, provider, day"):
        await usage(pool, "", "tenant; DROP TABLE x")


async def test_the_position_of_the_view(pool: Pool, log: list[dict[str, Any]]) -> None:
    assert await position(pool, "TRAFFIC") == 40
    assert await position(pool, "LEDGER") == 0


async def as_role(pool: Pool, role: str, tenant: str, sql: str) -> Any:
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(f"SET LOCAL ROLE {role}")
        await connection.execute("SELECT set_config('nexus.tenant', $1, true)", tenant)
        return await connection.fetch(sql)


@pytest.mark.parametrize("table", ["traffic_event", "finding", "spend", "config_current"])
async def test_the_database_keeps_tenants_apart(pool: Pool, log: list[dict[str, Any]], table: str) -> None:
    await pool.execute("INSERT INTO nexus.spend SELECT 'tenant-' || n, '2026-11-20', 'k', 'a', 'm', 1, 1, 1, 1 "
                       "FROM generate_series(0, 2) AS n")  # fmt: skip
    await pool.execute("INSERT INTO nexus.config_current SELECT 'tenant-' || n, 'model', 'm', 1, 1, 1, 'a', false, "
                       "'{}' FROM generate_series(0, 2) AS n")  # fmt: skip
    tenants = f"SELECT DISTINCT tenant FROM nexus.{table} ORDER BY tenant"
    assert [row[0] for row in await as_role(pool, "nexus_reader", "tenant-1", tenants)] == ["tenant-1"]
    assert await as_role(pool, "nexus_reader", "tenant-1", tenants + " OFFSET 1") == []
    crossing = f"SELECT 1 FROM nexus.{table} WHERE tenant = 'tenant-2'"
    assert await as_role(pool, "nexus_reader", "tenant-1", crossing) == []
    assert await as_role(pool, "nexus_reader", "", tenants) == []
    assert len(await as_role(pool, "nexus_operator", "", tenants)) == 3


async def test_a_reader_has_no_other_way_in(pool: Pool, log: list[dict[str, Any]]) -> None:
    partition = f"traffic_event_{log[0]['day']:%Y%m%d}"
    for role in ("nexus_reader", "nexus_operator"):
        for sql in (
            f"SELECT * FROM nexus.{partition}",
            "UPDATE nexus.traffic_event SET tenant = 'tenant-1'",
            "DELETE FROM nexus.finding",
            "INSERT INTO nexus.spend_through VALUES ('t', 1)",
            "SELECT * FROM nexus.migration",
            "ALTER TABLE nexus.traffic_event DISABLE ROW LEVEL SECURITY",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await as_role(pool, role, "tenant-1", sql)
