"""Says once a minute, from one process of all, which emergency passthroughs are on. Ending them needs nobody."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from typing import Protocol

from processors.checkpoint.retaining import claim
from processors.shared import Shared
from projections.log.connection import LogConnection
from projections.log.writer import SegmentWriter
from schemas import subjects
from schemas.aggregates.passthrough import Passthrough
from schemas.facts.ops import PassthroughStood
from schemas.ids import Clock, Ids, SystemClock

log = logging.getLogger(__name__)

WRITER = "alerts"
KIND = "alerts"
EVERY_S = 60
_QUEUE_BYTES = 1024 * 1024


class Specs(Protocol):
    """What is needed of the live configuration."""

    def all_of(self, aggregate: str, tenant: str | None = None) -> Iterable[Passthrough]: ...


def standing(configuration: Specs, now_us: int) -> list[Passthrough]:
    """The passthroughs that are on at this moment, of all tenants."""
    return [each for each in configuration.all_of("passthrough") if each.on(now_us)]


def alert(spec: Passthrough) -> PassthroughStood:
    return PassthroughStood(spec.id, spec.bypass, spec.scope, spec.target, spec.reason, spec.until_us)


async def warn(connection: LogConnection, shared: Shared, clock: Clock | None = None) -> None:
    """Works until it is cancelled. What goes wrong is told and tried again; it ends nothing else."""
    clock = clock or SystemClock()
    while True:
        try:
            found = standing(await shared.configuration(), clock.now_us())
            if found and await claim(connection, clock.now_us(), WRITER, EVERY_S - 1):
                await _tell(connection, clock, found)
        except Exception as error:
            # the log is away, most often; checkpoints must go on whatever it is
            log.warning("event=alerts_failed error=%s: %s", type(error).__name__, error)
        await asyncio.sleep(EVERY_S)


async def _tell(connection: LogConnection, clock: Clock, found: list[Passthrough]) -> None:
    ids = Ids(clock)
    writer = SegmentWriter(
        connection, clock, ids,
        stream="OPS", writer=WRITER, boot=ids.new(), queue_bytes=_QUEUE_BYTES, segment_bytes=_QUEUE_BYTES,
    )  # fmt: skip
    await writer.start()
    try:
        run = ids.new()
        facts = [
            writer.new_fact(alert(spec), tenant=spec.tenant, actor=f"worker:{WRITER}", correlation=run)
            for spec in found
        ]
        await writer.append(subjects.ops(KIND), facts)
        for spec in found:
            log.warning("event=passthrough_on tenant=%s id=%s bypass=%s", spec.tenant, spec.id, ",".join(spec.bypass))
    finally:
        await writer.close()
