"""A view's writer: rows and position in one transaction, so that no delivery counts twice and none is lost."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Generic, Protocol, TypeVar

import asyncpg

from projections.log.pull import Message
from projections.postgres.migrate import lock_key, mend, migrate, missing, quoted
from projections.postgres.pool import LIVE, storing
from schemas.errors import Rejected

log = logging.getLogger(__name__)

BatchT = TypeVar("BatchT")


class View(Protocol[BatchT]):
    """What a sink writes: how messages become a batch, and how a batch becomes rows."""

    def read(self, messages: Sequence[Message]) -> BatchT:
        """Pure. Raises Invalid when a message can never be applied."""
        ...

    async def prepare(self, batch: BatchT) -> None:
        """What has to stand before the transaction begins. Raises Rejected."""
        ...

    async def write(self, connection: Any, batch: BatchT) -> int:
        """Within the transaction; returns the number of rows. Must bear batches that were applied before."""
        ...

    def forget(self) -> None:
        """The tables may be others now."""
        ...


class Sink(Generic[BatchT]):
    """Applies one stream to one view. `name`, stream and partition are the key of its position."""

    def __init__(
        self,
        pool: asyncpg.Pool[Any],
        view: View[BatchT],
        *,
        name: str,
        stream: str,
        partition: int = 0,
        schema: str = LIVE,
    ) -> None:
        self._pool = pool
        self._view = view
        self._name = name
        self._stream = stream
        self._key = (name, stream, partition)
        self._schema = schema
        self._table = f"{quoted(schema)}.position"
        self._sequence = 0
        self.rows = 0
        """Written since the start."""

    def position(self) -> int:
        """The last sequence of the stream that is in the view, as far as this process knows."""
        return self._sequence

    async def refresh(self) -> None:
        """Learns where the view stands; makes tables that are missing.

        Raises:
            Rejected: Postgres does not answer.
        """
        lost = await missing(self._pool, self._schema)
        if "position" in lost:
            await migrate(self._pool, self._schema)  # nothing may be there at all
        if lost:
            await mend(self._pool, self._schema)
            self._view.forget()
        async with storing(), self._pool.acquire() as connection:
            stored = await connection.fetchval(
                f"SELECT sequence FROM {self._table} WHERE sink = $1 AND stream = $2 AND partition = $3", *self._key
            )
        self._moved(stored or 0)

    async def handle(self, messages: Sequence[Message]) -> None:
        """Applies messages that follow the position without a gap.

        Raises:
            Invalid: one of them can never be applied; nothing was.
            Rejected: Postgres is out of order, or the view was moved by somebody else: ask `position` again.
        """
        fresh = [message for message in messages if message.sequence > self._sequence]
        if not fresh:
            return
        batch = self._view.read(fresh)
        through = fresh[-1].sequence
        async with storing(), self._partitioned():
            await self._view.prepare(batch)
            async with self._pool.acquire() as connection, connection.transaction():
                written = await self._apply(connection, batch, through)
        self.rows += written
        self._sequence = through

    async def _apply(self, connection: Any, batch: BatchT, through: int) -> int:
        await connection.execute("SELECT pg_advisory_xact_lock_shared($1)", lock_key(self._schema))
        await connection.execute(
            f"INSERT INTO {self._table} (sink, stream, partition) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
            *self._key,
        )
        stored = await connection.fetchval(
            f"SELECT sequence FROM {self._table} WHERE sink = $1 AND stream = $2 AND partition = $3 FOR UPDATE",
            *self._key,
        )
        if stored != self._sequence:
            self._moved(stored)
            raise Rejected(f"postgres: the view stands at {self._stream}:{stored}")
        written = await self._view.write(connection, batch)
        await connection.execute(
            f"UPDATE {self._table} SET sequence = $4, updated = now() "
            "WHERE sink = $1 AND stream = $2 AND partition = $3",
            *self._key,
            through,
        )
        return written

    @asynccontextmanager
    async def _partitioned(self) -> AsyncIterator[None]:
        try:
            yield
        except asyncpg.CheckViolationError as error:
            self._view.forget()  # a partition was dropped behind our back
            raise Rejected("postgres: a partition is missing") from error

    def _moved(self, stored: int) -> None:
        if stored != self._sequence:
            log.info("event=position sink=%s stream=%s from=%d to=%d", self._name, self._stream, self._sequence, stored)
            self._view.forget()
            self._sequence = stored

    async def skip(self, sequence: int) -> None:
        """Steps over a message that can never be applied and lies in DEAD now; it has to be the next one.

        Raises:
            Rejected: as `handle`.
        """
        async with storing(), self._pool.acquire() as connection, connection.transaction():
            await self._apply(connection, self._view.read([]), sequence)
        self._sequence = sequence

    async def again(self, message: Message) -> None:
        """Applies a message that was stepped over, wherever the view stands now, and leaves the position alone.

        Only for views whose rows say themselves what is newer: those bear it twice and out of order.

        Raises:
            Invalid: it still cannot be applied.
            Rejected: Postgres is out of order.
        """
        batch = self._view.read([message])
        async with storing(), self._partitioned():
            await self._view.prepare(batch)
            async with self._pool.acquire() as connection, connection.transaction():
                await connection.execute("SELECT pg_advisory_xact_lock_shared($1)", lock_key(self._schema))
                self.rows += await self._view.write(connection, batch)
