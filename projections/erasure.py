"""Erasing a data subject: keys and objects go, two facts stay on OPS. Who may ask for it is decided elsewhere."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

import msgspec

from projections.live.config import LiveConfig
from projections.log.connection import LogConnection
from projections.log.facts import facts_on
from projections.log.writer import SegmentWriter
from projections.vault import BodyVault
from schemas import subjects
from schemas.aggregates.hold import EVERYONE, Hold
from schemas.codec import open_fact
from schemas.envelope import Fact
from schemas.errors import Conflict, Unavailable
from schemas.facts.ops import OperatorActed, SubjectErased

log = logging.getLogger(__name__)

KIND = "erasure"
"""Last token of the subject of these facts."""
ACTION = "erase"
SETTLE_S = 5.0
SAY_S = 10.0
OBJECTS_S = 20.0
"""Less than the time for which `nexus erase` waits for an answer."""


class OnHold(Conflict):
    """A legal hold is in force for the data subject."""

    code = "legal_hold"


class Erased(msgspec.Struct, frozen=True):
    """What was done."""

    tenant: str
    subject: str
    """The pseudonym."""
    reason: str
    keys: int
    objects: int
    sequence: int
    """Of the fact on OPS."""


class Eraser:
    """Erases data subjects, one at a time for each process."""

    def __init__(
        self,
        bodies: BodyVault,
        live: LiveConfig,
        writer: SegmentWriter,
        config_sequence: Callable[[], Awaitable[int]],
    ) -> None:
        """
        Args:
            writer: of OPS.
            config_sequence: asks the log for its last position of CONFIG.
        """
        self._bodies = bodies
        self._live = live
        self._writer = writer
        self._config_sequence = config_sequence
        self._one = asyncio.Lock()

    async def erase(self, tenant: str, subject: str, reason: str, *, actor: str, correlation: str) -> Erased:
        """Makes every body of the subject unreadable, in every copy, and says so on the log.

        That it was asked for is on the log before anything is done, that it was done afterwards. Erasing again what is
        erased does no harm and is a fact too: whoever got no answer may repeat it.

        Args:
            subject: the pseudonym.

        Raises:
            OnHold: nothing was done.
            Unavailable: not done, or not known to be done to the end; try again.
        """
        async with self._one:
            await self._check_holds(tenant, subject)
            asked = self._writer.new_fact(
                OperatorActed(ACTION, f"{subject}: {reason}"), tenant=tenant, actor=actor, correlation=correlation
            )
            await self._say(asked)
            return await self._finish(tenant, subject, reason, asked)

    async def resume(self, connection: LogConnection) -> list[Erased]:
        """Does to the end what was asked for and not said to be done: its process died meanwhile.

        What came under a legal hold since is left as it is until somebody asks again.

        Raises:
            Unavailable: as `erase`.
        """
        open_ones: dict[str, Fact] = {}
        async for fact, data in facts_on(connection, "OPS", subjects.ops(KIND)):
            if isinstance(data, OperatorActed) and data.action == ACTION:
                open_ones[fact.id] = fact
            elif isinstance(data, SubjectErased):
                open_ones.pop(fact.causation, None)
                # who had no answer asked again, and that was done
                same = (fact.tenant, data.subject)
                open_ones = {id: one for id, one in open_ones.items() if (one.tenant, _asked(one)[0]) != same}
        finished = []
        for fact in open_ones.values():
            subject, reason = _asked(fact)
            async with self._one:
                try:
                    await self._check_holds(fact.tenant, subject)
                except OnHold:
                    log.warning("event=erasure_on_hold tenant=%s subject=%s asked=%s", fact.tenant, subject, fact.id)
                    continue
                finished.append(await self._finish(fact.tenant, subject, reason, fact))
            log.warning("event=erasure_resumed tenant=%s subject=%s asked=%s", fact.tenant, subject, fact.id)
        return finished

    async def _finish(self, tenant: str, subject: str, reason: str, asked: Fact) -> Erased:
        """What follows once it is on the log that it was asked for."""
        keys = await self._bodies.erase_subject(tenant, subject)
        try:
            async with asyncio.timeout(OBJECTS_S):
                objects = await self._bodies.remove_objects(tenant, subject)
        except TimeoutError:
            raise Unavailable(
                "The key is gone, so nobody can open anything any more, but not all large bodies were taken out of "
                "their store in time; erase again.",
                retry_after=5,
            ) from None
        done = self._writer.new_fact(
            SubjectErased(subject, reason, keys, objects),
            tenant=tenant, actor=asked.actor, correlation=asked.correlation, causation=asked.id,
        )  # fmt: skip
        sequence = await self._say(done)
        return Erased(tenant, subject, reason, keys, objects, sequence)

    async def _say(self, fact: Fact) -> int:
        """Returns when the fact is on the log."""
        try:
            async with asyncio.timeout(SAY_S):
                # what was given to the writer will be written, whether or not anybody still waits
                return await asyncio.shield(self._writer.append(subjects.ops(KIND), [fact]))
        except TimeoutError:
            raise Unavailable("The log does not take the record of this; erase again.", retry_after=5) from None

    async def _check_holds(self, tenant: str, subject: str) -> None:
        # a hold that was acknowledged anywhere before this was asked for counts
        if not await self._live.wait_for(await self._config_sequence(), SETTLE_S):
            raise Unavailable("Which legal holds are in force is not known here yet; try again.", retry_after=1)
        holds: list[Hold] = [hold for hold in self._live.all_of("hold", tenant) if hold.subject in (subject, EVERYONE)]
        if holds:
            named = ", ".join(hold.id for hold in holds[:5])
            raise OnHold(
                f"A legal hold is in force for this subject ({named}); nothing was erased. Remove the hold first."
            )


def _asked(fact: Fact) -> tuple[str, str]:
    """(subject, reason) of what was asked for."""
    data = open_fact(fact)
    assert isinstance(data, OperatorActed)
    subject, _, reason = data.detail.partition(": ")
    return subject, reason
