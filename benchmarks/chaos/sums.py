"""Counts, tokens and cost by tenant and stretch of time, as the log has them and as each view adds them up."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import asyncpg
import clickhouse_connect

from benchmarks.chaos.oracle import Promise, Seen

MINUTES_5, HOUR, DAY = 300, 3_600, 86_400

Sum = tuple[int, int, int, int]
"""Requests, input tokens, output tokens, micro-dollars."""
Sums = dict[tuple[str, int], Sum]
"""By tenant and the beginning of the stretch, seconds since the epoch."""
View = tuple[str, int, Sums]
"""Name, length of its stretches in seconds, and what it says."""

_ADDED = "sum(input_tokens), sum(output_tokens), sum(cost_micros)"
_POSTGRES = (
    ("PostgreSQL by 5 minutes", MINUTES_5, f"time_us / 1000000 / {MINUTES_5} * {MINUTES_5}, count(*)", "traffic_event"),
    ("PostgreSQL by hour", HOUR, f"time_us / 1000000 / {HOUR} * {HOUR}, count(*)", "traffic_event"),
    ("PostgreSQL's spend by day", DAY, "extract(epoch FROM day), 0", "spend"),
)
_CLICKHOUSE = (
    ("ClickHouse by hour", HOUR, f"intDiv(time_us, {HOUR} * 1000000) * {HOUR}, count()", "traffic_events"),
    ("ClickHouse's traffic_5m", MINUTES_5, "toUnixTimestamp(bucket), sum(requests)", "traffic_5m"),
    ("ClickHouse's traffic_hour", HOUR, "toUnixTimestamp(bucket), sum(requests)", "traffic_hour"),
    ("ClickHouse's traffic_day", DAY, "toUnixTimestamp(bucket), sum(requests)", "traffic_day"),
)
"""Name, length of the stretches, the beginning of one and its requests, and where they stand. `spend` leaves out the
requests that came near no provider and no budget: only tokens and cost are the log's."""


def sums_of(seen: Seen, seconds: int) -> Sums:
    """What the log has: each request at the time of its terminal fact."""
    found: Sums = {}
    for request, (tenant, _, read, written, cost) in seen.summaries().items():
        at = (tenant, seen.ended_us[request] // 1_000_000 // seconds * seconds)
        before = found.get(at, (0, 0, 0, 0))
        found[at] = (before[0] + 1, before[1] + read, before[2] + written, before[3] + cost)
    return found


async def postgres_sums(url: str) -> list[View]:
    connection = await asyncpg.connect(url)
    try:
        return [
            (name, seconds, _sums(await connection.fetch(_query(columns, source))))
            for name, seconds, columns, source in _POSTGRES
        ]
    finally:
        await connection.close()


def clickhouse_sums(url: str) -> list[View]:
    client = clickhouse_connect.get_client(dsn=url, compress=False)
    try:
        return [
            (name, seconds, _sums(client.query(_query(columns, source)).result_rows))
            for name, seconds, columns, source in _CLICKHOUSE
        ]
    finally:
        client.close()


def _query(columns: str, source: str) -> str:
    return f"SELECT tenant, {columns}, {_ADDED} FROM {source} GROUP BY 1, 2"


def _sums(rows: Iterable[Any]) -> Sums:
    return {(row[0], int(row[1])): (int(row[2]), int(row[3]), int(row[4]), int(row[5])) for row in rows}


def equal(seen: Seen, views: Sequence[View]) -> list[Promise]:
    """A promise a view: it adds up to what the log has, stretch by stretch."""
    return [_equal(name, sums_of(seen, seconds), said) for name, seconds, said in views]


def _equal(name: str, wanted: Sums, said: Sums) -> Promise:
    counted = any(each[0] for each in said.values())
    if not counted:
        wanted, said = _spent(wanted), _spent(said)
    different = [at for at in sorted(wanted.keys() | said.keys()) if wanted.get(at) != said.get(at)]
    requests, read, written, cost = (sum(each[place] for each in said.values()) for place in range(4))
    return Promise(
        f"{name}: {'counts, ' if counted else ''}tokens, cost = log",
        bool(wanted) and not different,
        f"sums={len(wanted)} requests={requests} tokens={read}+{written} micros={cost} different={different[:3]}",
    )


def _spent(sums: Sums) -> Sums:
    return {at: (0, *each[1:]) for at, each in sums.items() if any(each[1:])}
