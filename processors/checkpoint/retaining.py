"""Applies retentions once an hour, in whichever process comes first. What goes is known in `projections`."""

from __future__ import annotations

import asyncio
import logging
from contextlib import AsyncExitStack

from processors.shared import Shared
from projections.clickhouse.client import ClickHouse
from projections.gone import KIND
from projections.log import api
from projections.log.connection import LogConnection
from projections.log.reader import last_sequence
from projections.log.writer import SegmentWriter
from projections.postgres.pool import open_pool
from projections.retention import Retainer, Went
from schemas import subjects
from schemas.errors import Unavailable
from schemas.facts.ops import RetentionApplied
from schemas.ids import Clock, Ids, SystemClock
from schemas.settings import Settings
from schemas.topology import WORKER_MARKS

log = logging.getLogger(__name__)

WRITER = "retention"
EVERY_S = 3600
LOOK_S = 60.0
"""Between two looks at whether it is time."""
_QUEUE_BYTES = 1024 * 1024
_SETTLE_S = 10.0


async def retain(settings: Settings, connection: LogConnection, shared: Shared, clock: Clock | None = None) -> None:
    """Works until it is cancelled. What goes wrong is told and tried again; it ends nothing else."""
    clock = clock or SystemClock()
    while True:
        try:
            if await claim(connection, clock.now_us()):
                for went in await once(settings, connection, shared, clock):
                    log.info(
                        "event=retention_applied tenant=%s %s", went.tenant,
                        " ".join(f"{one.kind}={one.count}" for one in went.removed),
                    )  # fmt: skip
        except Exception as error:
            # a store that is away, most often; checkpoints must go on whatever it is
            log.warning("event=retention_failed error=%s: %s", type(error).__name__, error)
        await asyncio.sleep(LOOK_S)


async def claim(connection: LogConnection, now_us: int, work: str = WRITER, every_s: int = EVERY_S) -> bool:
    """Whether this process is the one to do it now: nobody has begun within the last hour, or whatever time.

    Raises:
        Unavailable: the log does not answer.
    """
    subject = f"$KV.{WORKER_MARKS}.{work}"
    stored = await api.get_message(connection, f"KV_{WORKER_MARKS}", last_of=subject)
    if stored is not None and stored.payload.isdigit() and 0 <= now_us - int(stored.payload) < every_s * 1_000_000:
        return False
    headers = {"Nats-Expected-Last-Subject-Sequence": str(stored.sequence if stored is not None else 0)}
    ack = await api.publish(connection, subject, str(now_us).encode(), headers)
    # an error says that another process was faster
    return ack.error is None


async def once(settings: Settings, connection: LogConnection, shared: Shared, clock: Clock) -> list[Went]:
    """Applies all retentions with the holds that are in force now.

    Raises:
        Unavailable, Rejected: a store does not answer.
    """
    async with AsyncExitStack() as opened:
        live = await shared.configuration()
        if not await live.wait_for(await last_sequence(connection, "CONFIG"), _SETTLE_S):
            raise Unavailable("which legal holds are in force is not known yet", retry_after=1)
        ids = Ids(clock)
        writer = SegmentWriter(
            connection, clock, ids,
            stream="OPS", writer=WRITER, boot=ids.new(), queue_bytes=_QUEUE_BYTES, segment_bytes=_QUEUE_BYTES,
        )  # fmt: skip
        await writer.start()
        opened.push_async_callback(writer.close)
        pool = store = None
        if settings.postgres_url:
            pool = await open_pool(settings.postgres_url, name=WRITER, smallest=0, largest=1)
            opened.callback(pool.terminate)
        if settings.clickhouse_url:
            store = ClickHouse(settings.clickhouse_url)
            opened.push_async_callback(store.close)
        run = ids.new()

        async def say(tenant: str, done: RetentionApplied) -> None:
            fact = writer.new_fact(done, tenant=tenant, actor=f"worker:{WRITER}", correlation=run)
            await writer.append(subjects.ops(KIND), [fact])

        return await Retainer(connection, clock, pool, store).apply(live, say)
