"""The process that closes the requests of dead writers. Composition only."""

from __future__ import annotations

import asyncio
import logging

from processors.reconcile import checkpoint
from processors.reconcile.sweeper import TICK_S, WRITER, Sweeper
from processors.shared import Shared
from processors.stopping import pause, watch
from projections.log.connection import LogConnection
from projections.log.ending import end
from projections.log.topology import apply
from projections.log.writer import SegmentWriter
from schemas.ids import Ids, SystemClock
from schemas.settings import Settings
from schemas.topology import EMBEDDED

log = logging.getLogger(__name__)

_QUEUE_BYTES = 1024 * 1024


async def run(settings: Settings, stop: asyncio.Event, shared: Shared | None = None) -> None:
    """Works until `stop` is set.

    Raises:
        Unavailable: the log did not answer at the start.
    """
    clock = SystemClock()
    ids = Ids(clock)
    connection = await LogConnection.open(settings.nats_url, WRITER)
    try:
        await apply(connection, EMBEDDED, replicas=settings.replicas, partitions=settings.partitions)
        start = await checkpoint.start_from(connection)
        log.info("event=reconcile_started from=TRAFFIC:%d", start)
        sweeper = Sweeper(connection, clock, ids, start=start, tails=shared.tails if shared else None)
        marks = SegmentWriter(
            connection, clock, ids, stream="OPS", writer=WRITER, boot=ids.new(),
            queue_bytes=_QUEUE_BYTES, segment_bytes=_QUEUE_BYTES,
        )  # fmt: skip
        await marks.start()
        following = asyncio.create_task(sweeper.follow(), name="reconcile-follow")
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(sweeper.sweep_forever(stop))
                tasks.create_task(_mark(sweeper, marks, start - 1, stop))
                tasks.create_task(watch(following, stop))
        finally:
            await end({following})
            await marks.close()
    finally:
        await connection.close()


async def _mark(sweeper: Sweeper, marks: SegmentWriter, last: int, stop: asyncio.Event) -> None:
    """Sets checkpoints as the fold moves on."""
    while not stop.is_set():
        needed = sweeper.state.needed_from
        if checkpoint.needs_one(last, needed):
            last = needed - 1
            checkpoint.write(marks, last)
        await pause(stop, TICK_S)
