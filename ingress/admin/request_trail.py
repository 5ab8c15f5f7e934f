"""Everything the log says about one request, from the gateway and from the workers, for people to read."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

import msgspec

from projections.log.connection import LogConnection
from projections.log.reader import StreamReader
from projections.log.trail import trail
from schemas import subjects
from schemas.codec import Malformed, decode_segment, fact_view
from schemas.envelope import Fact, Position
from schemas.errors import Unavailable
from schemas.facts.traffic import TERMINALS

Placed = tuple[Position, Fact]

READ_S = 10.0
"""Bound of reading a trail: an id whose time lies far back has the log read from there on."""
DECIDED_WITHIN_US = 60_000_000
"""How long after a request workers may still decide something about it; later decisions show in its findings."""
SKEW_US = 5_000_000
"""The gateway's clock may be ahead of the log server's."""
_DECISIONS = "DECISIONS"


class TrailEntry(msgspec.Struct, frozen=True):
    """One fact, and where on the log it stands. Ciphertext is told by its size."""

    position: str
    id: str
    time_us: int
    type: str
    tenant: str
    actor: str
    correlation: str
    causation: str
    data: dict[str, Any] | None
    """By field name; null when the bytes on the log are damaged."""


class RequestTrail:
    """Reads trails. Each call makes readers of its own."""

    def __init__(self, connection: LogConnection) -> None:
        self._connection = connection

    async def read(self, request_id: str, first: int = 0, last: int = 0) -> list[Placed]:
        """The facts of a request in order of time; see `projections.log.trail` for the bounds.

        Raises:
            ValueError: `first` is 0 and the id is not a UUIDv7.
            Unavailable: the log takes too long to answer.
        """
        try:
            async with asyncio.timeout(READ_S):
                found = await trail(self._connection, request_id, first, last)
                if not found:
                    return []
                facts = [fact for _, fact in found]
                decided = await self._decisions(facts[0].tenant, request_id, facts[0].time, facts[-1].time)
        except TimeoutError:
            raise Unavailable(f"The log was not read within {READ_S:g} seconds; try again.", retry_after=5) from None
        return sorted([*found, *decided], key=lambda placed: placed[1].time)

    async def _decisions(self, tenant: str, request_id: str, since_us: int, until_us: int) -> list[Placed]:
        """What workers decided about the request soon after it."""
        reader = StreamReader(
            self._connection,
            _DECISIONS,
            subjects=(subjects.decisions("compliance", tenant),),
            start_time_us=max(since_us - SKEW_US, 1),
        )
        needle = request_id.encode()
        found: list[Placed] = []
        async for batch in reader.batches(follow=False):
            for message in batch:
                if message.time_us > until_us + DECIDED_WITHIN_US:
                    return found
                if needle in message.payload:
                    position = Position(_DECISIONS, message.sequence)
                    found += [(position, fact) for fact in _facts(message.payload) if fact.correlation == request_id]
        return found


def ended(placed: Iterable[Placed]) -> bool:
    """Whether the request has its terminal fact."""
    return any(fact.type in TERMINALS for _, fact in placed)


def entry(placed: Placed) -> TrailEntry:
    """A fact for people."""
    position, fact = placed
    try:
        data = fact_view(fact)["data"]
    except Malformed:
        # the trail shows what can be read; `nexus verify` tells what is damaged
        data = None
    return TrailEntry(
        str(position), fact.id, fact.time, fact.type, fact.tenant, fact.actor, fact.correlation, fact.causation, data
    )


def _facts(payload: bytes) -> list[Fact]:
    try:
        return decode_segment(payload).facts
    except Malformed:
        return []
