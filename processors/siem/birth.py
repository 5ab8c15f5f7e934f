"""When a target came into being, which is where its events begin."""

from __future__ import annotations

import msgspec

from projections.log.connection import LogConnection
from projections.log.facts import facts_on
from schemas import subjects
from schemas.aggregates.siem_target import SiemTargetCreated


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
    found: Birth | None = None
    async for fact, data in facts_on(connection, "CONFIG", subjects.config(tenant, "siem-target", target)):
        if isinstance(data, SiemTargetCreated):
            found = Birth(fact.id, fact.time)
    return found
