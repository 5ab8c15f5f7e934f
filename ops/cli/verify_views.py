"""`nexus verify --views`: every row of the views against the log. The comparing is done in projections."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from ops.cli.log_of import log_at
from ops.cli.output import Output, table
from ops.cli.rebuild import settings_of
from ops.progress import Progress
from projections.clickhouse.client import ClickHouse
from projections.comparing.clickhouse import ClickHouseRows
from projections.comparing.postgres import PostgresRows, postgres_rows
from projections.comparing.rows import FINDING, TRAFFIC_EVENT
from projections.comparing.run import (
    ViewReport,
    acknowledged,
    compare_configuration,
    compare_spend,
    compare_traffic,
)
from projections.log.connection import LogConnection
from projections.postgres.pool import open_pool

COLUMNS = ("store", "table", "through", "rows", "unchecked", "faults")
FAULT_COLUMNS = ("store", "table", "row", "place", "kind", "column")
VIEWED = ("TRAFFIC", "DECISIONS", "LEDGER", "CONFIG")
"""Streams of which PostgreSQL has views."""
SHOWN = 20
"""Rows in the text; JSON has all that are told."""
Show = Callable[[str, int, int], None]


async def verify_views(data: Path, output: Output) -> list[ViewReport]:
    """Reads the log once for each store that there is."""
    settings = settings_of(data, os.environ)
    progress = Progress(output.stderr)
    began = time.monotonic()

    def show(what: str, at: int, last: int) -> None:
        progress.bar(at, last, what, rate="segments")

    reports: list[ViewReport] = []
    async with log_at(settings.nats_url, "verify-views") as connection:
        if settings.postgres_url:
            pool = await open_pool(settings.postgres_url, name="verify", largest=1)
            try:
                # before the moment that is looked at
                least = {stream: await acknowledged(connection, "postgres", stream) for stream in VIEWED}
                async with postgres_rows(pool) as store:
                    reports += await _postgres(connection, store, show, least)
            finally:
                await pool.close()
        if settings.clickhouse_url:
            clickhouse = ClickHouse(settings.clickhouse_url)
            try:
                least = {"TRAFFIC": await acknowledged(connection, "clickhouse", "TRAFFIC")}
                there = ClickHouseRows(clickhouse)
                ordered = [(TRAFFIC_EVENT, await there.ordered(TRAFFIC_EVENT, "TRAFFIC"))]
                reports += await compare_traffic(connection, there, ordered, "TRAFFIC", show, least["TRAFFIC"])
            finally:
                await clickhouse.close()
    progress.done()
    rows, seconds = sum(report.rows for report in reports), time.monotonic() - began
    output.message(f"{rows:,} rows in {seconds:.1f} s, {rows / max(seconds, 1e-6):,.0f} rows/s")
    return reports


async def _postgres(
    connection: LogConnection, store: PostgresRows, show: Show, least: Mapping[str, int]
) -> list[ViewReport]:
    both = [(one, await store.ordered(one, "TRAFFIC")) for one in (TRAFFIC_EVENT, FINDING)]
    reports = await compare_traffic(connection, store, both, "TRAFFIC", show, least["TRAFFIC"])
    found = [(FINDING, await store.ordered(FINDING, "DECISIONS"))]
    reports += await compare_traffic(connection, store, found, "DECISIONS", show, least["DECISIONS"])
    spend = await compare_spend(connection, store, least["LEDGER"])
    return [*reports, spend, await compare_configuration(connection, store, least["CONFIG"])]


def views_as_text(reports: Sequence[ViewReport]) -> str:
    """Tables of views and of rows that are not what the log makes, and a verdict."""
    rows = [
        [one.store, one.table, f"{one.stream}:{one.through}", str(one.rows), str(one.unchecked), str(len(one.faults))]
        for one in reports
    ]
    faults = [
        [one.store, fault.table, fault.key, fault.place, fault.kind, fault.column]
        for one in reports
        for fault in one.faults
    ]
    parts = [table(rows, COLUMNS)]
    if faults:
        parts.append(table(faults[:SHOWN], FAULT_COLUMNS))
        parts.append(f"{len(faults)} rows are not what the log says; `nexus rebuild` builds a view anew from it")
    else:
        parts.append(f"all {sum(one.rows for one in reports)} rows are what the log says")
    if gone := sum(one.gone for one in reports):
        parts.append(f"{gone} of them have gone by retention, as the log says; see `nexus retention report`")
    return "\n\n".join(parts)
