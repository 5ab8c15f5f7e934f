"""Placement `observe`: screens what was kept of a request after it ended, and says on DECISIONS what it found."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

import msgspec

from processors.compliance.accepted import NAME as ACCEPTED
from processors.compliance.accepted import Accepted, AcceptedFacts
from processors.compliance.bodies import NoTexts, slots_of
from processors.compliance.reported import WORKER, Said, reported_since
from processors.compliance.scanning import Scanner
from processors.history import OBSERVE, PastConfig
from projections.log.connection import LogConnection
from projections.log.opened import segment_of
from projections.log.reader import Message, last_sequence
from projections.log.writer import SegmentWriter
from projections.screening import CompiledPack, PackError, screened
from projections.screening.tenants import TenantPacks
from projections.vault import BodyVault
from projections.vault.errors import NotAuthentic
from schemas import subjects
from schemas.codec import Malformed, open_fact
from schemas.envelope import Fact
from schemas.errors import Invalid, NotFound, Rejected
from schemas.facts.traffic import TERMINALS, RequestScreened, SealedBody, Terminal
from schemas.screening.model import ScreeningPolicy
from schemas.text import tools_among

log = logging.getLogger(__name__)

ACTOR = f"worker:{WORKER}"
CONFIG_WAIT_S = 5.0


class Observer:
    """Looks at the requests of one partition. Everything it says follows from the log alone."""

    def __init__(
        self,
        connection: LogConnection,
        configuration: PastConfig,
        bodies: BodyVault,
        scanner: Scanner,
        writer: SegmentWriter,
        position: int,
        packs: TenantPacks | None = None,
    ) -> None:
        """
        Args:
            position: sequence in TRAFFIC up to which everything had been said when this process started.
        """
        self._packs = packs
        self._position = position
        self._connection = connection
        self._configuration = configuration
        self._bodies = bodies
        self._scanner = scanner
        self._writer = writer
        self._accepted = AcceptedFacts(connection)
        self._said: set[Said] | None = None

    def position(self) -> int:
        return self._position

    async def skip(self, sequence: int) -> None:
        """Goes on behind a message that cannot be read."""
        self._position = sequence

    async def handle(self, messages: list[Message]) -> None:
        """Screens what ended in these messages; returns once the log has what there is to say.

        Raises:
            Invalid: a message is no segment.
            Rejected, Unavailable: the log, the vault or the configuration is not there at the moment.
        """
        if self._said is None:
            # later messages cannot have been worked on before
            self._said = await reported_since(self._connection, messages[0].time_us)
        # whatever gateways decided with is on CONFIG by now
        goal = await last_sequence(self._connection, "CONFIG")
        if not await self._configuration.wait_for(goal, CONFIG_WAIT_S):
            raise Rejected(f"the configuration is not yet known up to CONFIG:{goal}")
        found: list[list[Fact]] = []
        observed = self._configuration.history.tenants
        for message in messages:
            for fact in _facts(message):
                if fact.tenant not in observed:
                    continue
                if fact.type == ACCEPTED:
                    self._accepted.remember(fact)
                elif fact.type in TERMINALS:
                    if said := await self._look(fact, message.sequence):
                        found.append(said)
                    self._accepted.forget(fact.correlation)
        # all or nothing: from here on nothing is left that could fail and be tried again
        written = [
            self._writer.append(subjects.decisions(WORKER, facts[0].tenant), facts, must=True) for facts in found
        ]
        await asyncio.gather(*written)
        self._position = messages[-1].sequence

    async def _look(self, terminal: Fact, sequence: int) -> list[Fact]:
        """What there is to say about a request that ended."""
        tenant, request = terminal.tenant, terminal.correlation
        try:
            end = open_fact(terminal)
        except Malformed as error:
            log.error("event=observe_unreadable request=%s position=TRAFFIC:%d reason=%s", request, sequence, error)
            return []
        assert isinstance(end, Terminal)
        history = self._configuration.history
        if not history.ever_observed(tenant, end.route):
            return []
        accepted = await self._accepted.of(request, end.accepted_sequence, sequence)
        if accepted is None:
            log.warning("event=observe_without_accepted request=%s position=TRAFFIC:%d", request, sequence)
            return []
        at = accepted.data.config_sequence
        route = history.route(tenant, end.route, at)
        if route is None or route.placement != OBSERVE:
            return []
        policy = history.policy(tenant, route.policy, at)
        pack = await self._pack(tenant, at)
        found = []
        for stage, body in (("request", accepted.data.body), ("response", end.body)):
            if body is not None and (request, stage) not in (self._said or ()):
                data = await self._screen(
                    tenant, request, stage, body, policy.screening(stage), pack, stream=end.stream
                )
                if data is not None:
                    found.append(self._fact(data, terminal, accepted))
        await asyncio.sleep(0)  # whoever waits for a verdict of this process goes first
        return found

    async def _pack(self, tenant: str, sequence: int) -> CompiledPack | None:
        """What the tenant's texts were held against at a position of CONFIG."""
        if self._packs is None:
            return None
        try:
            return await self._packs.pack_with(tenant, self._configuration.history.rules(tenant, sequence))
        except PackError as error:
            raise Rejected(f"the rules of {tenant} cannot be compiled at the moment: {error}") from None

    async def _screen(
        self,
        tenant: str,
        request: str,
        stage: str,
        sealed: SealedBody,
        policy: ScreeningPolicy,
        pack: CompiledPack | None,
        *,
        stream: bool,
    ) -> RequestScreened | None:
        """The verdict on a kept body as a fact; None when it can no longer be looked at."""
        try:
            body = await self._bodies.open(tenant, request, stage, sealed)
        except NotFound as error:
            log.info("event=observe_nothing_kept request=%s stage=%s reason=%s", request, stage, error.error_code)
            return None
        except NotAuthentic as error:
            log.error("event=observe_not_authentic request=%s stage=%s reason=%s", request, stage, error)
            return None
        try:
            slots = slots_of(body, stage, stream=stream)
        except NoTexts as error:
            log.warning("event=observe_no_texts request=%s stage=%s reason=%s", request, stage, error)
            return None
        return await judged(
            self._scanner, tenant, [slot.text for slot in slots], stage, policy, tools_among(slots), pack
        )

    def _fact(self, data: msgspec.Struct, terminal: Fact, accepted: Accepted) -> Fact:
        return self._writer.new_fact(
            data,
            tenant=terminal.tenant,
            actor=ACTOR,
            correlation=terminal.correlation,
            causation=accepted.id,
        )


async def judged(
    scanner: Scanner,
    tenant: str,
    texts: Sequence[str],
    stage: str,
    policy: ScreeningPolicy,
    tools: Sequence[int] = (),
    pack: CompiledPack | None = None,
) -> RequestScreened:
    """The fact about some texts: the same that the gateway leaves for them."""
    verdict = await scanner.verdict(tenant, texts, stage, policy, tools, pack)
    return screened(stage, verdict, sum(map(len, texts)))


def _facts(message: Message) -> list[Fact]:
    try:
        return message.once(segment_of).facts
    except Malformed as error:
        raise Invalid(f"{message.stream}:{message.sequence}: {error}") from None
