"""A replay into a view: a part of the log applied once more, batch by batch, with a mark after each."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Protocol

import msgspec

from ops.cli.exits import CommandFailed
from ops.replay.bookmark import Bookmark, Mark
from ops.replay.run import BATCH, Outcome
from projections.clickhouse.client import ClickHouse
from projections.clickhouse.rebuilding import alone
from projections.clickhouse.replaying import ClickHouseRange
from projections.log.connection import LogConnection
from projections.log.reader import Message
from projections.log.span import Span
from projections.postgres.pool import open_pool
from projections.postgres.replaying import PostgresRange, readable_rows
from projections.ranges import batches
from schemas.settings import Settings

Show = Callable[[int, int], None]


class View(Protocol):
    async def begin(self, mark: Mark) -> Mark:
        """The mark to begin or go on at: what the view has not come to yet is left to its own writer."""
        ...

    async def apply(self, messages: Sequence[Message]) -> tuple[int, int]:
        """Rows that were written, and messages that were left out."""
        ...

    async def complete(self, mark: Mark, show: Show) -> None:
        """All of the range has been applied."""
        ...


class PostgresView:
    def __init__(self, part: PostgresRange) -> None:
        self._part = part

    async def begin(self, mark: Mark) -> Mark:
        return _until(mark, await self._part.begin())

    async def apply(self, messages: Sequence[Message]) -> tuple[int, int]:
        applied = await self._part.apply(messages)
        return applied.rows, applied.left_out

    async def complete(self, mark: Mark, show: Show) -> None:
        """Each batch was in force when it was written."""


class ClickHouseView:
    def __init__(self, part: ClickHouseRange) -> None:
        self._part = part

    async def begin(self, mark: Mark) -> Mark:
        through = await self._part.begin()
        if not mark.generation:
            mark = msgspec.structs.replace(_until(mark, through), through=through)
        if not len(mark.span):
            return mark
        await self._part.prepare(mark.span.first, mark.span.last, mark.generation)
        return msgspec.structs.replace(mark, generation=self._part.generation)

    async def apply(self, messages: Sequence[Message]) -> tuple[int, int]:
        return await self._part.apply(messages), 0

    async def complete(self, mark: Mark, show: Show) -> None:
        if len(mark.span):
            await self._part.complete(mark.span.last, mark.through, show)


class Counted:
    """Tells how many rows there would be, and writes none."""

    def __init__(self, name: str) -> None:
        self._findings = name == "postgres"

    async def begin(self, mark: Mark) -> Mark:
        return mark

    async def apply(self, messages: Sequence[Message]) -> tuple[int, int]:
        rows, left_out = readable_rows(messages)
        return len(rows.traffic) + (len(rows.findings) if self._findings else 0), left_out

    async def complete(self, mark: Mark, show: Show) -> None:
        """Nothing was done."""


def _until(mark: Mark, last: int) -> Mark:
    span = mark.span
    return msgspec.structs.replace(mark, span=Span(span.stream, span.first, min(span.last, last)))


@asynccontextmanager
async def opened(name: str, connection: LogConnection, settings: Settings, stream: str) -> AsyncIterator[View]:
    """The view of a name.

    Raises:
        CommandFailed: its store is not configured.
        Conflict: it is being filled by another command.
        Rejected: it does not answer.
    """
    url = settings.postgres_url if name == "postgres" else settings.clickhouse_url
    if not url:
        raise CommandFailed(f"NEXUS_{name.upper()}_URL is not set: there is no view to replay into")
    if name == "postgres":
        pool = await open_pool(url, name="replay", largest=3)
        try:
            yield PostgresView(PostgresRange(pool, stream))
        finally:
            await pool.close()
    else:
        store = ClickHouse(url)
        try:
            with alone(settings.data):
                yield ClickHouseView(ClickHouseRange(connection, store, settings.partitions))
        finally:
            await store.close()


async def replay_into(
    connection: LogConnection, mark: Mark, view: View, bookmark: Bookmark | None, *, limit: int, show: Show
) -> Outcome:
    """Applies whole segments in the order of the log, from the mark on.

    Args:
        mark: as `View.begin` gave it.
        limit: rows after which this run ends, with the segment that brings them; 0 for no limit.

    Raises:
        Rejected: the store is out of order; the mark says how far it has come.
    """
    span, outcome = mark.span, Outcome(mark, unreadable=[])
    size = 1 if limit else BATCH
    found = batches(connection, span.stream, max(mark.place[0], span.first), span.last, size=BATCH)
    async with aclosing(found):
        async for batch in found:
            for at in range(0, len(batch), size):
                some = batch[at : at + size]
                rows, left_out = await view.apply(some)
                outcome.events += rows
                outcome.left_out += left_out
                outcome.segments += len(some)
                outcome.mark = msgspec.structs.replace(
                    outcome.mark, place=(some[-1].sequence + 1, -1), events=outcome.mark.events + rows
                )
                if bookmark is not None:
                    bookmark.save(outcome.mark)
                show(some[-1].sequence - span.first + 1, len(span))
                if limit and outcome.events >= limit and some[-1].sequence < span.last:
                    return outcome
    await view.complete(outcome.mark, show)
    outcome.complete = True
    return outcome
