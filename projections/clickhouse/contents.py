"""Contents of the views in ClickHouse; `traffic_events` has the hash of Postgres's `traffic_event`."""

from __future__ import annotations

from projections.clickhouse.client import ClickHouse
from projections.clickhouse.tables import DIMENSIONS, ROLLUPS, SUMS
from projections.content import ContentHash, Contents
from projections.rows import TRAFFIC

_COLUMNS = {
    "traffic_events": ", ".join(column.name for column in TRAFFIC),
    **{rollup: ", ".join((DIMENSIONS, *SUMS, "latency_us_max")) for rollup in ROLLUPS},
}


async def content_hash(store: ClickHouse) -> dict[str, Contents]:
    """Every view's contents.

    Raises:
        Rejected: ClickHouse does not answer, or a view is missing.
    """
    found = {}
    for view, columns in _COLUMNS.items():
        hashed = ContentHash()
        await store.scan(f"SELECT {columns} FROM {view}", hashed.add)
        found[view] = hashed.contents
    return found
