"""When a target came into being, which is where its events begin."""

from __future__ import annotations

import msgspec

from projections.log.connection import LogConnection
from projections.log.reader import StreamReader
from schemas import subjects
from schemas.aggregates.siem_target import SiemTargetCreated
from schemas.codec import decode_segment, open_fact


class Birth(msgspec.Struct, frozen=True):
    """The newest creation of a target."""

    life: str
    """Id of the fact."""
    time_us: int


async def birth_of(connection: LogConnection, tenant: str, target: str) -> Birth | None:
    """Reads the target's facts on CONFIG; None when it was never created.

    A target that was there before any traffic gets all of it; one that is created later gets what ends after its
    creation, not what lies before.
    """
    reader = StreamReader(connection, "CONFIG", subjects=(subjects.config(tenant, "siem-target", target),))
    found: Birth | None = None
    async for batch in reader.batches(follow=False):
        for message in batch:
            for fact in decode_segment(message.payload).facts:
                if isinstance(open_fact(fact), SiemTargetCreated):
                    found = Birth(fact.id, fact.time)
    return found
