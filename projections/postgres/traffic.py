"""The views `traffic_event` and `finding`: what TRAFFIC and DECISIONS become in Postgres."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import asyncpg

from projections.log.pull import Message
from projections.postgres.copying import Copier, Target
from projections.postgres.partitions import Partitions
from projections.postgres.pool import LIVE
from projections.postgres.sink import Sink
from projections.rows import FINDINGS, TRAFFIC, Rows, rows_of

TRAFFIC_EVENT = Target("traffic_event", TRAFFIC, ("day", "request_id"))
FINDING = Target("finding", FINDINGS, ("day", "fact_id", "hit"))


class TrafficView:
    """Rows of terminal facts and of screenings that hit. On DECISIONS there are only the latter."""

    def __init__(self, pool: asyncpg.Pool[Any], schema: str = LIVE) -> None:
        self._partitions = Partitions(pool, schema)
        self._traffic = Copier(TRAFFIC_EVENT, schema)
        self._findings = Copier(FINDING, schema)

    def read(self, messages: Sequence[Message]) -> Rows:
        return rows_of(messages)

    async def prepare(self, batch: Rows) -> None:
        await self._partitions.ensure("traffic_event", (row[0] for row in batch.traffic))
        await self._partitions.ensure("finding", (row[0] for row in batch.findings))

    async def write(self, connection: Any, batch: Rows) -> int:
        return await self._traffic.write(connection, batch.traffic) + await self._findings.write(
            connection, batch.findings
        )

    def forget(self) -> None:
        self._partitions.forget()


def traffic_sink(pool: asyncpg.Pool[Any], *, schema: str = LIVE, partition: int = 0) -> Sink[Rows]:
    """TRAFFIC, or one partition of it, into `traffic_event` and `finding`."""
    view = TrafficView(pool, schema)
    return Sink(pool, view, name="audit", stream="TRAFFIC", partition=partition, schema=schema)


def findings_sink(pool: asyncpg.Pool[Any], *, schema: str = LIVE) -> Sink[Rows]:
    """DECISIONS into `finding`."""
    return Sink(pool, TrafficView(pool, schema), name="audit", stream="DECISIONS", schema=schema)
