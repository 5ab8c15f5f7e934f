"""The process that watches provider accounts.

After a kill it may repeat what it said in its last seconds: a decision is known by tenant, account and time, and saying
it twice changes nothing.
"""

from __future__ import annotations

import asyncio
import logging

from processors.marks import Mark
from processors.routing.state import WINDOW_US, Said, State
from projections.log.connection import LogConnection
from projections.log.ending import end
from projections.log.reader import StreamReader
from projections.log.writer import SegmentWriter
from schemas import codec, subjects
from schemas.codec import Malformed
from schemas.ids import Ids, SystemClock
from schemas.settings import Settings

log = logging.getLogger(__name__)

GRACE_US = 2_000_000
"""How long after the end of a window its last calls may still be on their way."""


async def run(settings: Settings, stop: asyncio.Event) -> None:
    """Watches until `stop` is set.

    Raises:
        Unavailable: the log cannot be reached at the start.
    """
    connection = await LogConnection.open(settings.nats_url, "routing")
    clock = SystemClock()
    ids = Ids(clock)
    writer = SegmentWriter(
        connection,
        clock,
        ids,
        stream="DECISIONS",
        writer="routing",
        boot=ids.new(),
        queue_bytes=settings.queue_bytes,
        segment_bytes=settings.segment_bytes,
    )
    mark = Mark(connection, "routing")
    start = await mark.load()
    state = State(start - 1)

    def say(said: list[Said]) -> list[asyncio.Future[int]]:
        futures = []
        for each in said:
            fact = codec.fact(
                each.data,
                id=ids.new(),
                time=each.time_us,
                tenant=each.tenant,
                actor="worker:routing",
                correlation=each.data.account,
            )
            futures.append(writer.append(subjects.decisions("routing", each.tenant), [fact], must=True))
        return futures

    async def follow() -> None:
        async for batch in StreamReader(connection, "TRAFFIC", start=start).batches():
            for message in batch:
                try:
                    say(state.apply(message.sequence, message.payload))
                except Malformed as error:
                    log.error("event=segment_skipped position=TRAFFIC:%d reason=%s", message.sequence, error)
                    state.sequence = message.sequence

    await writer.start()
    following = asyncio.create_task(follow(), name="routing follows")
    asked = asyncio.create_task(stop.wait())
    try:
        while not asked.done() and not following.done():
            await asyncio.wait({asked, following}, timeout=WINDOW_US / 2e6, return_when=asyncio.FIRST_COMPLETED)
            said = say(state.pass_time(clock.now_us() - GRACE_US))
            if said:
                # the mark may pass a window only once the log has what was said of it
                await asyncio.wait(said, timeout=WINDOW_US / 2e6)
            if all(future.done() for future in said):
                await mark.save(state.mark())
        if following.done():
            following.result()
    finally:
        await end({following, asked})
        await writer.close()
        await connection.close()
