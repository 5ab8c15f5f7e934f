"""From TRAFFIC to DECISIONS: what the fold decides is said once, also over restarts."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from processors.routing.health import Decision, Health
from projections.log.connection import LogConnection
from projections.log.opened import segment_of
from projections.log.reader import Message, StreamReader
from projections.log.writer import SegmentWriter
from schemas import subjects
from schemas.codec import Malformed, decode_segment, open_fact
from schemas.envelope import Fact
from schemas.facts.traffic import ProviderCalled
from schemas.ids import Clock

log = logging.getLogger(__name__)

WORKER = "routing"
WARM = 5_000
"""How many messages of the past are read at a start, so that circuits and the windows under way are as they were. A
circuit that opened before them and was not tried since is forgotten: its fact says until when it holds."""
_QUIET_S = 3.0
_CALLED = "provider.called.v1"
Name = tuple[str, str, str]


class RoutingWorker:
    """Hands calls to the fold, and its decisions to the log."""

    def __init__(
        self, connection: LogConnection, writer: SegmentWriter, health: Health, clock: Clock, *, position: int
    ) -> None:
        """
        Args:
            writer: of DECISIONS.
            position: of TRAFFIC; what follows from everything up to there was said before, or is found to be.
        """
        self.position = position
        """Everything that follows from TRAFFIC up to here stands on DECISIONS."""
        self._connection = connection
        self._writer = writer
        self._health = health
        self._clock = clock
        self._said: set[Name] = set()
        self._handled_at = clock.monotonic()
        self._turn = asyncio.Lock()

    async def warm(self) -> None:
        """Folds the recent past without saying anything. To be called once, before all else.

        Raises:
            Unavailable, NotFound: the log cannot be read.
        """
        since = self._clock.now_us()
        if self.position:
            reader = StreamReader(self._connection, "TRAFFIC", start=max(1, self.position + 1 - WARM))
            async for batch in reader.batches(follow=False, until=self.position):
                since = min(since, batch[0].time_us)
                for message in batch:
                    self._fold(message)
        # without a mark, everything is read that TRAFFIC keeps, and DECISIONS keeps as long
        self._said = await said_since(self._connection, since if self.position else 1)

    async def handle(self, messages: Sequence[Message]) -> None:
        """Folds messages that follow the position, and returns once the log has what they led to."""
        async with self._turn:
            decided: list[Decision] = []
            for message in messages:
                decided += self._fold(message)
            # time goes by what the calls say, so that a worker that is behind does not cut windows short
            decided += self._health.ended(self._health.latest_us)
            self._handled_at = self._clock.monotonic()
            await self._say(decided)
            self.position = messages[-1].sequence

    async def tick(self) -> None:
        """Ends windows after which nothing came."""
        async with self._turn:
            if self._clock.monotonic() - self._handled_at > _QUIET_S:
                await self._say(list(self._health.ended(self._clock.now_us())))

    async def _say(self, decided: Sequence[Decision]) -> None:
        # nothing may fail between the fold and this: what was folded is not folded again
        written = [
            self._writer.append(subjects.decisions(WORKER, one.tenant), [self._fact(one)], must=True)
            for one in decided
            if _name(one) not in self._said
        ]
        await asyncio.gather(*written)

    def _fold(self, message: Message) -> list[Decision]:
        found: list[Decision] = []
        try:
            for fact in message.once(segment_of).facts:
                if fact.type == _CALLED and isinstance(call := open_fact(fact), ProviderCalled):
                    found += self._health.called(fact.tenant, call, fact.time, fact.id)
        except Malformed as error:
            log.error("event=unreadable position=%s:%d reason=%s", message.stream, message.sequence, error)
        return found

    def _fact(self, decision: Decision) -> Fact:
        return self._writer.new_fact(
            decision.data,
            tenant=decision.tenant,
            actor=f"worker:{WORKER}",
            correlation=decision.correlation,
            causation=decision.causation,
        )


def _name(decision: Decision) -> Name:
    return decision.tenant, decision.correlation, decision.causation


async def said_since(connection: LogConnection, time_us: int) -> set[Name]:
    """Names of the decisions that stand on the log since a time.

    Raises:
        Unavailable, NotFound: DECISIONS cannot be read.
    """
    reader = StreamReader(connection, "DECISIONS", subjects=(subjects.decisions_of(WORKER),), start_time_us=time_us)
    said: set[Name] = set()
    async for batch in reader.batches(follow=False):
        for message in batch:
            try:
                facts = decode_segment(message.payload).facts
            except Malformed as error:
                log.error("event=unreadable position=%s:%d reason=%s", message.stream, message.sequence, error)
                continue
            said.update((fact.tenant, fact.correlation, fact.causation) for fact in facts)
    return said
