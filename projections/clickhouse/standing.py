"""How far the views in ClickHouse have got, and whether ClickHouse answers at all. For those who watch."""

from __future__ import annotations

from projections.clickhouse.client import ClickHouse
from projections.clickhouse.tables import current, table


async def check(store: ClickHouse) -> None:
    """Returns when ClickHouse has answered. Raises Rejected when it does not."""
    await store.query("SELECT 1")


async def positions(store: ClickHouse) -> list[tuple[str, str, int]]:
    """(sink, stream, sequence) of the view of traffic; of several partitions the one that is furthest behind.

    The rows of the last batch may still be on their way: it is announced before it is inserted.

    Raises:
        Rejected: ClickHouse does not answer.
    """
    generation = await current(store)
    if not generation:
        return []
    rows = await store.query(
        f"SELECT min(last) FROM (SELECT partition, max(last) AS last FROM {table('traffic_position', generation)} "
        "GROUP BY partition)"
    )
    return [("analytics", "TRAFFIC", int(rows[0][0]))]
