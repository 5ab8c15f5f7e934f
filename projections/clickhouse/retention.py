"""Rows that are older than a tenant keeps them, counted and deleted. The sums in the rollups stay."""

from __future__ import annotations

from collections.abc import Sequence

from projections.clickhouse.client import ClickHouse
from projections.clickhouse.tables import current, table

_WHERE = "tenant = {tenant:String} AND time_us < {before:Int64}"
_FREE = "NOT has({held:Array(String)}, subject)"


async def count(store: ClickHouse, tenant: str, before_us: int, held: Sequence[str]) -> int:
    """Rows that may go.

    Raises:
        Rejected: ClickHouse does not answer.
    """
    generation = await current(store)
    if not generation:
        return 0
    rows = await store.query(
        f"SELECT count() FROM {table('traffic_events', generation)} WHERE {_WHERE} AND {_FREE}",
        {"tenant": tenant, "before": before_us, "held": list(held)},
    )
    return int(rows[0][0])


async def remove(store: ClickHouse, tenant: str, before_us: int, held: Sequence[str]) -> int:
    """Deletes what `count` counts, and returns when their bytes are gone from the parts; how many rows went.

    Raises:
        Rejected: ClickHouse does not answer; they may be gone, or go in a moment.
    """
    found = await count(store, tenant, before_us, held)
    if found:
        generation = await current(store)
        await store.query(
            f"ALTER TABLE {table('traffic_events', generation)} DELETE WHERE {_WHERE} AND {_FREE} "
            "SETTINGS mutations_sync = 1",
            {"tenant": tenant, "before": before_us, "held": list(held)},
        )
    return found
