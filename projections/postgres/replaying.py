"""Applies a part of TRAFFIC or DECISIONS to the live views once more: what the log says stands there afterwards.

Rows of the messages are taken out and written anew in one transaction, so that a reader sees the old or the new ones,
whenever this is cut off. Positions are left alone, and what the live writer has not come to yet is left to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import asyncpg
import msgspec

from projections.log.reader import Message
from projections.postgres.copying import Target
from projections.postgres.migrate import columns_of, lock_key, quoted
from projections.postgres.partitions import Partitions
from projections.postgres.pool import LIVE, outage
from projections.postgres.traffic import FINDING, TRAFFIC_EVENT
from projections.rows import Row, Rows, rows_of
from schemas.errors import Conflict, Invalid, Rejected

STREAMS = ("TRAFFIC", "DECISIONS")
"""Whose rows stand for themselves. Sums (LEDGER) and last states (CONFIG) are only right as a whole."""
_SINK = "audit"


class Applied(msgspec.Struct, frozen=True):
    rows: int
    left_out: int = 0
    """Messages that can never be applied."""


class PostgresRange:
    """One replay into `traffic_event` and `finding`."""

    def __init__(self, pool: asyncpg.Pool[Any], stream: str, schema: str = LIVE) -> None:
        self._pool = pool
        self._stream = stream
        self._schema = schema
        self._partitions = Partitions(pool, schema)
        self._positions: dict[int, int] = {}

    async def begin(self) -> int:
        """Learns where the live view stands; the highest of its partitions' positions.

        Raises:
            Conflict: there is no view yet.
            Rejected: Postgres does not answer.
        """
        async with outage("postgres"):
            found = await self._pool.fetch(
                f"SELECT partition, sequence FROM {quoted(self._schema)}.position WHERE sink = $1 AND stream = $2",
                _SINK,
                self._stream,
            )
        self._positions = {row["partition"]: row["sequence"] for row in found}
        if not self._positions:
            raise Conflict("the view holds nothing of this stream yet: `nexus rebuild postgres` fills it")
        return max(self._positions.values())

    async def apply(self, messages: Sequence[Message]) -> Applied:
        """Makes the rows of these messages what the log says.

        Raises:
            Rejected: Postgres is out of order; the rows are as they were.
        """
        rows, left_out = readable_rows([message for message in messages if self._has_come_to(message)])
        await self._partitions.ensure("traffic_event", (row[0] for row in rows.traffic))
        await self._partitions.ensure("finding", (row[0] for row in rows.findings))
        sequences = [message.sequence for message in messages if self._has_come_to(message)]
        requests = sorted({row[2] for row in rows.findings})
        async with outage("postgres"):
            try:
                async with self._pool.acquire() as connection, connection.transaction():
                    # a rebuild that swaps the views waits for the end of this, or this for its end
                    await connection.execute("SELECT pg_advisory_xact_lock_shared($1)", lock_key(self._schema))
                    schema = quoted(self._schema)
                    await connection.execute(
                        f"DELETE FROM {schema}.finding WHERE log = $1 AND sequence = ANY($2::bigint[]) "
                        "AND request_id = ANY($3::text[])",
                        self._stream,
                        sequences,
                        requests,
                    )
                    if self._stream == "TRAFFIC":
                        await connection.execute(
                            f"DELETE FROM {schema}.traffic_event WHERE sequence = ANY($1::bigint[])", sequences
                        )
                    written = await self._write(connection, TRAFFIC_EVENT, rows.traffic)
                    written += await self._write(connection, FINDING, rows.findings)
            except asyncpg.CheckViolationError as error:
                self._partitions.forget()  # a partition was dropped behind our back
                raise Rejected("postgres: a partition is missing") from error
        return Applied(written, left_out)

    def _has_come_to(self, message: Message) -> bool:
        partition = message.subject.rpartition(".")[2] if self._stream == "TRAFFIC" else "0"
        position = self._positions.get(int(partition)) if partition.isdecimal() else None
        # a view that was written with one partition for all has one position for all
        return message.sequence <= (max(self._positions.values()) if position is None else position)

    async def _write(self, connection: Any, target: Target, rows: Sequence[Row]) -> int:
        """Adds rows; where another row has the key already, the earlier fact's stays, as in a view built anew."""
        places = [number for number, name in enumerate(target.names) if name in target.key]
        first: dict[tuple[Any, ...], Row] = {}
        for row in rows:
            first.setdefault(tuple(row[place] for place in places), row)
        if not first:
            return 0
        table = f"{quoted(self._schema)}.{quoted(target.table)}"
        staged = f"again_{target.table}"
        await connection.execute(f"CREATE TEMPORARY TABLE {staged} ON COMMIT DROP AS TABLE {table} WITH NO DATA")
        await connection.copy_records_to_table(staged, columns=target.names, records=list(first.values()))
        names = columns_of(target.names)
        others = [name for name in target.names if name not in target.key]
        status = await connection.execute(
            f"INSERT INTO {table} AS held ({names}) SELECT {names} FROM {staged} "
            f"ON CONFLICT ({columns_of(target.key)}) DO UPDATE SET "
            + ", ".join(f"{quoted(name)} = excluded.{quoted(name)}" for name in others)
            + " WHERE held.fact_id = excluded.fact_id "
            "OR (held.sequence, held.position) > (excluded.sequence, excluded.position)"
        )
        await connection.execute(f"DROP TABLE {staged}")
        return int(status.rpartition(" ")[2])


def readable_rows(messages: Sequence[Message]) -> tuple[Rows, int]:
    """The rows of some messages, and how many of these were left out because they can never be applied."""
    try:
        return rows_of(messages), 0
    except Invalid:
        whole, left_out = Rows(traffic=[], findings=[]), 0
        for message in messages:
            try:
                one = rows_of([message])
            except Invalid:
                left_out += 1  # it lies in DEAD since it was new
                continue
            whole.traffic += one.traffic
            whole.findings += one.findings
        return whole, left_out
