"""The process that checkpoints the log. Composition only."""

from __future__ import annotations

import asyncio
import contextlib
import logging

from processors.checkpoint.alerting import warn
from processors.checkpoint.append import Overtaken
from processors.checkpoint.retaining import retain
from processors.checkpoint.switching import tell_switches
from processors.checkpoint.worker import WRITER, Checkpointer
from processors.shared import Shared
from processors.stopping import pause
from projections.log.connection import LogConnection
from projections.log.ending import end
from projections.log.reader import StreamReader, last_sequence
from projections.log.tail import Tails
from projections.log.topology import apply
from projections.vault.signing import Signer
from schemas.errors import Unavailable
from schemas.ids import Ids, SystemClock
from schemas.settings import Settings
from schemas.topology import EMBEDDED

log = logging.getLogger(__name__)

LEAVE_S = 5.0
"""At the stop, for the last checkpoint."""
SHARED = "TRAFFIC"
"""The other workers of a process follow it too."""
CATCH_UP_S = 2.0
"""Of this, for what has been written and not yet read."""


async def run(settings: Settings, stop: asyncio.Event, shared: Shared | None = None) -> None:
    """Works until `stop` is set; then a last checkpoint over what the log holds.

    Raises:
        Unavailable: the log cannot be reached at the start.
        BadMasterKey: the file of the signing key is not fit to be used.
    """
    clock = SystemClock()
    signer = Signer.open(settings.data)
    connection = await LogConnection.open(settings.nats_url, WRITER)
    own = Shared("", connection)
    common = shared or own
    retaining: set[asyncio.Task[None]] = set()
    try:
        await apply(connection, EMBEDDED, replicas=settings.replicas, partitions=settings.partitions)
        worker = Checkpointer(
            connection, signer, clock, Ids(clock),
            renewed=lambda: Signer.open(settings.data), directory=settings.data,
        )  # fmt: skip
        retaining.add(asyncio.create_task(retain(settings, connection, common), name="retain"))
        retaining.add(asyncio.create_task(warn(connection, common), name="warn of passthroughs"))
        retaining.add(asyncio.create_task(tell_switches(connection, clock), name="tell of switches"))
        while not stop.is_set():
            await worker.begin()
            log.info("event=checkpoint_started public_key=%s", signer.public_key.hex())
            try:
                await _work(connection, common.tails, worker, settings.checkpoint_s, stop)
            except Overtaken:
                log.info("event=checkpoint_overtaken")
    finally:
        await end(retaining)
        await own.close()
        await connection.close()


async def _work(
    connection: LogConnection, tails: Tails, worker: Checkpointer, every_s: float, stop: asyncio.Event
) -> None:
    following = {
        asyncio.create_task(
            _follow_shared(tails, worker) if stream == SHARED else _follow(connection, worker, stream),
            name=f"checkpoint follows {stream}",
        )
        for stream in worker.positions
    }
    ticking = asyncio.create_task(_tick(worker, every_s, stop), name="checkpoint ticks")
    asked = asyncio.create_task(stop.wait())
    try:
        done, _ = await asyncio.wait({*following, ticking, asked}, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
        # one under way ends first: the last one is to cover all that there is
        await asyncio.wait({ticking}, timeout=LEAVE_S)
        if ticking.done():
            ticking.result()
        await _finish(connection, worker)
    finally:
        await end({*following, ticking, asked})


async def _finish(connection: LogConnection, worker: Checkpointer) -> None:
    """The last checkpoint, within bounds: without it the next start says the same."""
    try:
        async with asyncio.timeout(LEAVE_S):
            ends = {stream: await last_sequence(connection, stream) for stream in worker.positions}
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CATCH_UP_S):
                    await worker.reach(ends)
            if worker.gathered:
                await worker.write()
    except (TimeoutError, Unavailable, Overtaken) as error:
        log.info("event=last_checkpoint_missing reason=%s", type(error).__name__)


async def _follow(connection: LogConnection, worker: Checkpointer, stream: str) -> None:
    async for batch in StreamReader(connection, stream, start=worker.positions[stream] + 1).batches():
        await worker.take(batch)


async def _follow_shared(tails: Tails, worker: Checkpointer) -> None:
    tail = tails.follow(SHARED, start=worker.positions[SHARED] + 1)
    try:
        async for batch in tail.batches():
            await worker.take(batch)
    finally:
        await tail.close()


async def _tick(worker: Checkpointer, every_s: float, stop: asyncio.Event) -> None:
    while not stop.is_set():
        if not await pause(stop, every_s):
            await worker.write()
