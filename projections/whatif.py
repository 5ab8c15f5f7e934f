"""Holds recorded traffic against a candidate configuration. Reads the log and bodies; writes nothing, calls nobody."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing

import msgspec

from projections.live.epochs import Epochs
from projections.live.health import PastHealth
from projections.log.connection import LogConnection
from projections.log.requests import Requests
from projections.log.span import Span
from projections.screening import CompiledPack, PackError, Screener, screen_step
from projections.screening.compiled import extended
from projections.screening.compiling import compile_custom
from projections.screening.tenants import Screeners
from projections.vault import BodyVault
from projections.vault.errors import Erased, NotAuthentic
from schemas.errors import NotFound, Unavailable
from schemas.facts.traffic import SealedBody
from schemas.kept import NoTexts, slots_of
from schemas.screening.allowing import ValueHash, hashed_by
from schemas.screening.model import Rule, Verdict
from schemas.screening.rules import version
from schemas.text import tools_among
from schemas.whatif import (
    ERASED,
    GONE,
    NOT_CAPTURED,
    UNREADABLE,
    Recorded,
    Ways,
    judge,
    look_with,
    to_read,
)
from schemas.whatif_budgets import Player
from schemas.whatif_rates import RatePlayer
from schemas.whatif_report import Report

_AT_ONCE = 32
"""Requests whose bodies are in memory together."""
_AT_ONCE_BYTES = 32 * 1024 * 1024

Show = Callable[[int, int, int], None]
"""Told messages done, messages in all (each part of the log is read once, or twice when bodies are needed), and
requests judged."""


class Texts:
    """Opens bodies and holds their texts against rules; nothing of them is kept."""

    def __init__(self, bodies: BodyVault, screener: Screener, hash_key: ValueHash) -> None:
        """
        Args:
            screener: of the rules that come with Nexus.
            hash_key: keyed, for values that policies allow.
        """
        self._bodies = bodies
        self._built_in = screener.pack
        self._screeners = Screeners(screener)
        self._hash_key = hash_key
        self._packs: dict[str, CompiledPack] = {}
        self._compiling = asyncio.Lock()
        self.opened = 0

    async def _pack(self, own: Sequence[Rule]) -> CompiledPack:
        """With a tenant's own rules as they were."""
        if not own:
            return self._built_in
        wanted = version(own)
        async with self._compiling:
            if wanted not in self._packs:
                try:
                    self._packs[wanted] = extended(self._built_in, await compile_custom(own))
                except PackError as problem:
                    raise Unavailable(f"The rules of a tenant cannot be compiled: {problem}") from None
        return self._packs[wanted]

    async def verdict(self, recorded: Recorded, way: Ways, stage: str) -> Verdict | str:
        """The verdict, or why there is none.

        Raises:
            Unavailable: the keys or the objects do not answer, or the tenant's rules cannot be compiled.
        """
        sealed = body_of(recorded, stage)
        if sealed is None:
            return NOT_CAPTURED
        try:
            body = await self._bodies.open(recorded.tenant, recorded.id, stage, sealed)
        except Erased:
            return ERASED
        except NotFound:
            return GONE
        except NotAuthentic:
            return UNREADABLE
        self.opened += 1
        try:
            slots = slots_of(body, stage, stream=recorded.end.stream)
        except NoTexts:
            return UNREADABLE
        texts = [slot.text for slot in slots]
        screener = self._screeners.of(await self._pack(way.before.own))
        policy = look_with(recorded, way, stage)
        hash_of = hashed_by(self._hash_key, recorded.tenant) if policy.allowed else None
        return screen_step(screener, texts, stage, policy, tools_among(slots), hash_of)


Permit = Callable[[int], Awaitable[Texts]]
"""Told how many bodies have to be opened, before the first one is. Says so on the log, then hands over the means."""


class Compared(msgspec.Struct):
    report: Report
    span: Span
    needed: int = 0
    """Bodies that had to be looked at."""
    opened: int = 0
    unreadable: list[int] = []
    """Messages that are no segments."""
    complete: bool = True
    """False: the limit was reached."""


class _Pending(msgspec.Struct, frozen=True):
    recorded: Recorded
    way: Ways
    stages: tuple[str, ...]


class Comparison:
    """One run over a part of TRAFFIC."""

    def __init__(
        self,
        connection: LogConnection,
        span: Span,
        epochs: Epochs,
        health: PastHealth,
        budgets: Player,
        *,
        tenant: str,
        limit: int,
    ) -> None:
        self._connection = connection
        self._epochs = epochs
        self._health = health
        self._budgets = budgets
        self._rates = RatePlayer()
        self._tenant = tenant
        self._limit = limit
        self._span = span
        self.outcome = Compared(Report(), span)

    async def run(self, permit: Permit, show: Show) -> Compared:
        """Judges what the facts suffice for; then, if anything is left, asks for permission and reads the bodies."""
        outcome, waiting = self.outcome, 0
        async for batch, done in self._requests(outcome.unreadable):
            for one in batch:
                if one.stages:
                    waiting += 1
                    outcome.needed += sum(body_of(one.recorded, stage) is not None for stage in one.stages)
                else:
                    self._add(one, {})
            show(done, len(self._span) * (2 if waiting else 1), outcome.report.requests)
        if waiting:
            await self._look(await permit(outcome.needed), show)
        rates = self._rates.play()
        outcome.report.play(rates, self._budgets.play({one.id for one in rates.refused}))
        return outcome

    async def _look(self, texts: Texts, show: Show) -> None:
        total = len(self._span)
        async for batch, done in self._requests([]):
            for group in _groups([one for one in batch if one.stages]):
                seen = await asyncio.gather(*(self._seen(texts, one) for one in group))
                for one, verdicts in zip(group, seen, strict=True):
                    self._add(one, verdicts)
                self.outcome.opened = texts.opened
            show(total + done, 2 * total, self.outcome.report.requests)

    async def _seen(self, texts: Texts, one: _Pending) -> dict[str, Verdict | str]:
        return {stage: await texts.verdict(one.recorded, one.way, stage) for stage in one.stages}

    async def _requests(self, unreadable: list[int]) -> AsyncGenerator[tuple[list[_Pending], int], None]:
        """The same requests each time, in batches, with the number of messages read."""
        requests = Requests(self._connection, self._tenant)
        count = 0
        found = requests.between(self._span)
        async with aclosing(found):
            async for ended in found:
                batch = ended.requests
                full = bool(self._limit) and count + len(batch) > self._limit
                if full:
                    batch = batch[: self._limit - count]
                count += len(batch)
                yield [self._pending(recorded) for recorded in batch], ended.last - self._span.first + 1
                if full:
                    self.outcome.complete = False
                    break
        unreadable += requests.unreadable

    def _pending(self, recorded: Recorded) -> _Pending:
        end = recorded.end
        way = self._epochs.at(recorded.tenant, _decided_with(recorded), end.started_us).ways(end.model_requested)
        return _Pending(recorded, way, () if recorded.damaged else to_read(recorded, way))

    def _add(self, one: _Pending, seen: Mapping[str, Verdict | str]) -> None:
        recorded, way = one.recorded, one.way
        judgement = judge(recorded, way, seen, self._allows(recorded))
        self.outcome.report.add(recorded, judgement)
        self._budgets.add(recorded, judgement, way.before.budgets, way.after.budgets)
        end = recorded.end
        rates = self._epochs.rate(recorded.tenant, end.key_id, _decided_with(recorded), end.started_us)
        self._rates.add(recorded, judgement, *rates)

    def _allows(self, recorded: Recorded) -> Callable[[str], bool]:
        """What the request's own gateway saw counts first, then what was told of the account at that time."""

        def allows(account: str) -> bool:
            routed = recorded.routed
            if routed is not None:
                if account in {target.partition("/")[0] for target in routed.targets}:
                    return True
                if account in {target.partition("/")[0] for target in routed.skipped}:
                    return False
            return self._health.allows(recorded.tenant, account, recorded.end.started_us)

        return allows


def _decided_with(recorded: Recorded) -> int:
    """The position of CONFIG; 0 for not known."""
    return recorded.accepted.config_sequence if recorded.accepted is not None else 0


def body_of(recorded: Recorded, stage: str) -> SealedBody | None:
    if stage == "request":
        return recorded.accepted.body if recorded.accepted is not None else None
    return recorded.end.body


def _groups(pending: Sequence[_Pending]) -> list[list[_Pending]]:
    """So few at a time that their bodies fit into memory together."""
    groups: list[list[_Pending]] = []
    size = 0
    for one in pending:
        bodies = [body_of(one.recorded, stage) for stage in one.stages]
        bytes_ = sum(body.size for body in bodies if body is not None)
        if not groups or len(groups[-1]) >= _AT_ONCE or size + bytes_ > _AT_ONCE_BYTES:
            groups.append([])
            size = 0
        groups[-1].append(one)
        size += bytes_
    return groups
