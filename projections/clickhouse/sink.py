"""Requests into ClickHouse, each once, although it has no transactions.

A batch is announced in the position table (first and last sequence) before its rows are inserted under a token made of
the same numbers. Who finds an announcement of which it does not know whether the rows followed inserts exactly that
range again: the token makes ClickHouse drop what it has, in the table and in each rollup by itself.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import date
from operator import itemgetter

import msgspec

from projections.clickhouse.client import ClickHouse
from projections.clickhouse.tables import ensure, table
from projections.log.pull import Message
from projections.rows import TRAFFIC, Row, rows_in
from schemas.errors import Invalid, Rejected

log = logging.getLogger(__name__)

Read = Callable[[int, int], Awaitable[Sequence[Message]]]

CHECK_S = 2.0
"""How often, under load, it is asked whether another generation is in use."""
ANNOUNCE_EVERY = 5_000
"""Sequences without a row after which the position is stored all the same."""
ANNOUNCE_IDLE_S = 30.0
"""Likewise the time; until then the table seems to be behind by what made no rows."""
_LATE_US = 1_000_000
_LONG_US = 30_000_000
_LOOKUP = 1_000

_TYPES = {"text": "String", "texts": "Array(String)", "integer": "Int64", "boolean": "Bool"}
_INSERTED = [number for number, column in enumerate(TRAFFIC) if column.kind in _TYPES]
"""The day and the time are made from `time_us` by the table."""
_inserted = itemgetter(*_INSERTED)
COLUMNS = [*((TRAFFIC[number].name, _TYPES[TRAFFIC[number].kind]) for number in _INSERTED), ("batch", "Int64")]
_PLACE = {column.name: number for number, column in enumerate(TRAFFIC)}
_DAY, _TENANT, _REQUEST, _KIND = (_PLACE[name] for name in ("day", "tenant", "request_id", "kind"))
_TIME, _STARTED, _FACT = (_PLACE[name] for name in ("time_us", "started_us", "fact_id"))


class _Batch(msgspec.Struct):
    rows: dict[tuple[date, str], Row]
    suspects: list[tuple[date, str]]
    """Keys of rows that may be in the table already."""


class TrafficSink:
    """One partition of TRAFFIC into `traffic_events` and its rollups. One process at a time may run it."""

    def __init__(self, store: ClickHouse, read: Read, *, partition: int = 0, generation: int = 0) -> None:
        """
        Args:
            read: the messages of the partition between two sequences, both inclusive.
            generation: write to this one, whichever is in use; for rebuilds.
        """
        self._store = store
        self._read = read
        self._partition = partition
        self._fixed = generation
        self._generation = generation
        self._sequence = 0
        self._announced = 0
        self._announced_at = time.monotonic()
        self._settled: tuple[int, int] | None = None
        """Generation and last sequence of the announcement that is known to be followed by its rows."""
        self._checked_at = 0.0
        self.rows = 0
        """Inserted since the start."""

    def position(self) -> int:
        """The last sequence of the stream that is in the table, as far as this process knows."""
        return self._sequence

    async def refresh(self) -> None:
        """Learns where the table stands, finishes what was announced, makes tables that are missing.

        Raises:
            Rejected: ClickHouse cannot answer now.
        """
        generation = self._fixed or await ensure(self._store)
        rows = await self._store.query(
            f"SELECT first, last FROM {table('traffic_position', generation)} WHERE partition = {{partition:Int64}} "
            "ORDER BY last DESC, first DESC LIMIT 1",
            {"partition": self._partition},
        )
        self._checked_at = time.monotonic()
        first, last = rows[0] if rows else (0, 0)
        if rows and self._settled != (generation, last):
            await self._insert(generation, first, last, await self._read(first, last))
            self._settled = (generation, last)
        if generation != self._generation or self._sequence < last or self._announced != last:
            log.info("event=position sink=analytics generation=%d from=%d to=%d", generation, self._sequence, last)
            self._generation, self._sequence, self._announced = generation, last, last
        elif self._sequence > self._announced and time.monotonic() - self._announced_at > ANNOUNCE_IDLE_S:
            await self._announce(self._announced + 1, self._sequence)
            self._announced = self._sequence
            self._settled = (generation, self._announced)

    async def handle(self, messages: Sequence[Message]) -> None:
        """Applies messages that follow the position without a gap.

        Raises:
            Invalid: one of them can never be applied; nothing was.
            Rejected: ClickHouse is out of order, or another generation is in use: call `refresh`, ask `position`.
        """
        fresh = [message for message in messages if message.sequence > self._sequence]
        if not fresh:
            return
        batch = _batch(fresh)
        if time.monotonic() - self._checked_at > CHECK_S or not self._generation:
            before = (self._generation, self._sequence)
            await self.refresh()
            if before != (self._generation, self._sequence):
                raise Rejected(f"clickhouse: the table stands at {self._sequence}")
        last = fresh[-1].sequence
        if batch.rows or last - self._announced >= ANNOUNCE_EVERY:
            await self._announce(self._announced + 1, last)
            await self._add(self._generation, last, f"{self._partition}:{self._announced + 1}-{last}", batch)
            self._announced = last
            self._settled = (self._generation, last)
        self._sequence = last

    async def skip(self, sequence: int) -> None:
        """Steps over a message that can never be applied. Raises Rejected as `handle`."""
        await self._announce(self._announced + 1, sequence)
        self._sequence = self._announced = sequence
        self._settled = (self._generation, sequence)

    async def again(self, message: Message) -> None:
        """Applies a message that was stepped over, wherever the table stands, and leaves the position alone.

        Raises:
            Invalid: it still cannot be applied.
            Rejected: ClickHouse is out of order.
        """
        batch = _batch([message])
        generation = self._fixed or await ensure(self._store)
        # no batch has a negative end, so whatever is in the table counts as known
        known = await self._known(generation, -1, list(batch.rows))
        missing = {key: row for key, row in batch.rows.items() if key not in known}
        token = f"{self._partition}:again-{message.sequence}"
        await self._add(generation, message.sequence, token, _Batch(missing, []))

    async def _announce(self, first: int, last: int) -> None:
        self._announced_at = time.monotonic()
        await self._store.insert(
            table("traffic_position", self._generation),
            [("partition", "Int64"), ("first", "Int64"), ("last", "Int64")],
            [(self._partition, first, last)],
            {"async_insert": 0},
        )

    async def _insert(self, generation: int, first: int, last: int, messages: Sequence[Message]) -> None:
        rows: dict[tuple[date, str], Row] = {}
        suspects: list[tuple[date, str]] = []
        split = await self._split(generation, first, last)
        for message in messages:
            try:
                one = _batch([message])
            except Invalid as error:
                log.warning("event=skipped_again sink=analytics reason=%s", error)  # it is in DEAD
                continue
            for key, row in one.rows.items():
                rows.setdefault(key, row)
            suspects += one.rows if split else one.suspects
        try:
            await self._add(generation, last, f"{self._partition}:{first}-{last}", _Batch(rows, suspects))
        except Invalid:
            await self._each(messages)

    async def _split(self, generation: int, first: int, last: int) -> bool:
        """Whether parts of an announced range were announced by themselves: their rows are under other tokens."""
        parts = await self._store.query(
            f"SELECT 1 FROM {table('traffic_position', generation)} WHERE partition = {{partition:Int64}} "
            "AND first >= {first:Int64} AND last < {last:Int64} LIMIT 1",
            {"partition": self._partition, "first": first, "last": last},
        )
        return bool(parts)

    async def _each(self, messages: Sequence[Message]) -> None:
        """What the store does not take all at once; that one of them is refused must not keep the others out."""
        for message in messages:
            try:
                await self.again(message)
            except Invalid as error:
                log.error("event=left_out sink=analytics sequence=%d reason=%s", message.sequence, error)

    async def _add(self, generation: int, last: int, token: str, batch: _Batch) -> None:
        known = await self._known(generation, last, batch.suspects)
        rows = [(*_inserted(row), last) for key, row in batch.rows.items() if key not in known]
        if not rows:
            return
        await self._store.insert(
            table("traffic_events", generation),
            COLUMNS,
            rows,
            {
                "async_insert": 0,
                "insert_deduplicate": 1,
                "insert_deduplication_token": token,
                "deduplicate_blocks_in_dependent_materialized_views": 1,
                "max_insert_block_size": max(len(rows), 1_048_449),
            },
        )
        self.rows += len(rows)

    async def _known(self, generation: int, last: int, keys: Sequence[tuple[date, str]]) -> set[tuple[date, str]]:
        """Which requests another batch brought already."""
        found: set[tuple[date, str]] = set()
        for at in range(0, len(keys), _LOOKUP):
            some = keys[at : at + _LOOKUP]
            rows = await self._store.query(
                f"SELECT day, request_id FROM {table('traffic_events', generation)} "
                "WHERE batch != {last:Int64} AND day IN {days:Array(Date)} AND request_id IN {requests:Array(String)}",
                {"last": last, "days": sorted({day for day, _ in some}), "requests": [request for _, request in some]},
            )
            found |= {(day, request) for day, request in rows}
        if found:
            log.info("event=repeated_requests sink=analytics count=%d", len(found))
        return found


def _batch(messages: Sequence[Message]) -> _Batch:
    """Rows by their key, the first for each, and the keys that have to be looked up.

    A segment stands on the log twice only if it was sent again after the server forgot its id, so its facts are older
    than the message; a request ends twice only if it was taken for abandoned.
    """
    rows: dict[tuple[date, str], Row] = {}
    suspects = []
    for message in messages:
        for row in message.once(rows_in).traffic:
            key = (row[_DAY], row[_REQUEST])
            if key in rows:
                if rows[key][_FACT] != row[_FACT]:
                    log.warning("event=second_fact_dropped kept=%s dropped=%s", rows[key][_FACT], row[_FACT])
                continue
            rows[key] = row
            late = abs(message.time_us - row[_TIME]) > _LATE_US or row[_TIME] - row[_STARTED] > _LONG_US
            if late or row[_KIND] == "abandoned":
                suspects.append(key)
    return _Batch(rows, suspects)
