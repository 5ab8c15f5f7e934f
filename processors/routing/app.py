"""The process that watches provider accounts. Composition only."""

from __future__ import annotations

import asyncio
import logging

from processors.marks import Mark
from processors.routing.health import Health
from processors.routing.worker import WORKER, RoutingWorker
from processors.shared import Shared
from projections.log.connection import LogConnection
from projections.log.ending import end
from projections.log.reader import last_sequence
from projections.log.tail import Tails
from projections.log.writer import SegmentWriter
from schemas.ids import Ids, SystemClock
from schemas.settings import Settings

log = logging.getLogger(__name__)

_QUEUE_BYTES = 4 * 1024 * 1024
_TICK_S = 1.0
_MARK_S = 5.0


async def run(settings: Settings, stop: asyncio.Event, shared: Shared | None = None) -> None:
    """Works until `stop` is set.

    Raises:
        Unavailable: the log cannot be reached at the start.
    """
    clock = SystemClock()
    ids = Ids(clock)
    connection = await LogConnection.open(settings.nats_url, WORKER)
    writer = SegmentWriter(
        connection,
        clock,
        ids,
        stream="DECISIONS",
        writer=WORKER,
        boot=ids.new(),
        queue_bytes=_QUEUE_BYTES,
        segment_bytes=settings.segment_bytes,
    )
    own = Tails("", connection)
    tasks: set[asyncio.Task[None]] = set()
    try:
        await writer.start()
        mark = Mark(connection, WORKER)
        # a stream that was begun anew has not come so far as the mark
        position = min(await mark.load() - 1, await last_sequence(connection, "TRAFFIC"))
        worker = RoutingWorker(connection, writer, Health(), clock, position=position)
        await worker.warm()
        log.info("event=routing_started after=TRAFFIC:%d", worker.position)
        tasks = {
            asyncio.create_task(_follow(shared.tails if shared else own, worker), name="routing follows"),
            asyncio.create_task(_tick(worker), name="routing ticks"),
            asyncio.create_task(_remember(worker, mark), name="routing remembers"),
        }
        asked = asyncio.create_task(stop.wait())
        done, _ = await asyncio.wait({*tasks, asked}, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
        await end({*tasks, asked})
        await mark.save(worker.position + 1)
    finally:
        await end(tasks)
        await own.close()
        await writer.close()
        await connection.close()


async def _follow(tails: Tails, worker: RoutingWorker) -> None:
    tail = tails.follow("TRAFFIC", start=worker.position + 1)
    try:
        async for batch in tail.batches():
            await worker.handle(batch)
    finally:
        await tail.close()


async def _tick(worker: RoutingWorker) -> None:
    while True:
        await asyncio.sleep(_TICK_S)
        await worker.tick()


async def _remember(worker: RoutingWorker, mark: Mark) -> None:
    """Saves now and then up to where everything is said. What is read twice after a kill is not said twice."""
    while True:
        await asyncio.sleep(_MARK_S)
        await mark.save(worker.position + 1)
