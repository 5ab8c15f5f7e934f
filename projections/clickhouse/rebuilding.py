"""Fills the next generation of tables from the log while the live one is read and written, then switches."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from projections.clickhouse import tables
from projections.clickhouse.client import ClickHouse
from projections.clickhouse.sink import Read, TrafficSink
from projections.files import held
from projections.filling import Filling, Progress
from projections.log.connection import LogConnection
from projections.log.reader import Message
from projections.ranges import between
from schemas import subjects
from schemas.errors import Conflict

log = logging.getLogger(__name__)

_ROUNDS = 10


@contextmanager
def alone(data: Path) -> Iterator[None]:
    """Nobody else fills a next generation meanwhile, for each takes away what others have begun.

    Args:
        data: the data directory; of those who use another one nothing is known.

    Raises:
        Conflict: somebody does.
    """
    try:
        lock = ExitStack()
        lock.enter_context(held(data / "run" / "clickhouse-next.lock"))
    except BlockingIOError:
        raise Conflict("another rebuild of clickhouse, or replay into it, is running; wait for its end") from None
    with lock:
        yield


async def rebuild_clickhouse(
    connection: LogConnection, store: ClickHouse, partitions: int, progress: Progress
) -> tuple[int, int]:
    """Replaces the tables by what the log says; traffic goes on meanwhile. Only inside `alone`: a second rebuild would
    take the tables of an unfinished first away.

    Returns:
        The number of rows inserted, and up to which sequence of TRAFFIC.

    Raises:
        Rejected, Unavailable: ClickHouse or the log does not answer; the live tables are as they were.
    """
    await drop_all_but(store, await tables.current(store))
    async with store.exclusive:
        generation = await tables.create(store)
    sinks = []
    fillings = []
    for partition in range(partitions):
        subject = subjects.traffic(partition) if partitions > 1 else ""
        sink = TrafficSink(store, reader(connection, subject), partition=partition, generation=generation)
        await sink.refresh()
        sinks.append(sink)
        fillings.append(Filling(connection, sink, "TRAFFIC", subject))
    try:
        await finish(store, generation, fillings, progress)
    except BaseException:
        if await tables.current(store) != generation:
            await tables.drop(store, generation)
        raise
    return sum(sink.rows for sink in sinks), max(sink.position() for sink in sinks)


async def finish(store: ClickHouse, generation: int, fillings: Sequence[Filling], progress: Progress) -> None:
    """Fills a generation up to the end of the log, and puts it to use. Raises as `rebuild_clickhouse`."""
    for _ in range(_ROUNDS):
        left = sum([await filling.behind() for filling in fillings])
        total = left + sum(filling.sink.position() for filling in fillings)

        def told(total: int = total) -> None:
            progress(min(total, sum(filling.sink.position() for filling in fillings)), total)

        told()
        if not left:
            break
        for filling in fillings:
            await filling.catch_up(told)
    # what comes in between is read from the log by the live writer, once it notices the switch
    async with store.exclusive:
        await tables.switch(store, generation)
    await drop_all_but(store, generation)
    log.info("event=swapped projection=clickhouse generation=%d", generation)


async def drop_all_but(store: ClickHouse, kept: int) -> None:
    """Takes away what unfinished rebuilds left."""
    for generation in await tables.generations(store):
        if generation != kept:
            await tables.drop(store, generation)


def reader(connection: LogConnection, subject: str) -> Read:
    """Reads ranges of TRAFFIC, or of one partition of it, for a sink."""

    async def read(first: int, last: int) -> Sequence[Message]:
        return await between(connection, "TRAFFIC", first, last, subject=subject)

    return read
