"""Screening as the gateway does it: the placement decides who scans, the step and the fact are the same everywhere."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from nats.errors import Error as NatsError

from ingress.codecs.codec import Malformed
from projections.log.connection import LogConnection
from projections.screening.aside import Aside, is_small
from projections.screening.screener import Screener
from projections.screening.step import screen_step
from projections.screening.stream import StreamScreener
from projections.screening.tenants import Screeners, TenantPacks
from projections.screening.tools import ToolLane
from schemas import subjects
from schemas.aggregates.rule import PACK
from schemas.errors import Unavailable
from schemas.screening.allowing import ValueHash, hashed_by
from schemas.screening.model import TOO_MANY_HITS, Hit, ScreeningPolicy, Verdict, strictness
from schemas.screening.work import ScreeningWork
from schemas.text import TOOL_LANE

WORKER_TIMEOUT_S = 5.0
MOST_LANES = 2_048
"""Texts of one answer: each has a scanner of its own, and a provider may number its choices and calls as it likes."""
EVERYTHING = 1 << 62
"""More characters than any text has."""

_encode = msgspec.msgpack.Encoder().encode
_verdict = msgspec.msgpack.Decoder(Verdict).decode


class Screening:
    """Verdicts for one gateway process."""

    def __init__(
        self,
        screener: Screener,
        connection: LogConnection,
        hash_key: ValueHash = lambda _: "",
        packs: TenantPacks | None = None,
    ) -> None:
        """
        Args:
            hash_key: keyed, for values that policies allow; without one, none is known.
            packs: of tenants that have rules of their own.
        """
        self._screener = screener
        self._screeners = Screeners(screener)
        self._tenants = packs
        self._connection = connection
        self._hash_key = hash_key
        self._packs: dict[str, str] | None = None
        self._aside = Aside(screener.pack)

    def close(self) -> None:
        """Ends the threads for large texts."""
        self._aside.close()

    async def verdict(
        self,
        placement: str,
        tenant: str,
        request: str,
        stage: str,
        texts: Sequence[str],
        policy: ScreeningPolicy,
        tools: tuple[int, ...] = (),
    ) -> Verdict | None:
        """The verdict on these texts; None when a worker will look at them later (placement `observe`).

        Raises:
            Unavailable: the worker did not decide in time; an unscreened text goes nowhere.
        """
        if placement == "observe":
            return None
        if placement == "inline":
            return await self._step(tenant, texts, stage, policy, tools)
        work = _encode(ScreeningWork(tenant, request, stage, tuple(texts), policy, tools))
        try:
            reply = await self._connection.nc.request(subjects.screening_work(tenant), work, timeout=WORKER_TIMEOUT_S)
            return _verdict(reply.data)
        except (NatsError, TimeoutError, msgspec.MsgspecError):
            raise Unavailable(
                "The screening worker did not decide in time.", code="screening_unavailable", retry_after=2
            ) from None

    def now(
        self, tenant: str, stage: str, texts: Sequence[str], policy: ScreeningPolicy, tools: tuple[int, ...] = ()
    ) -> Verdict:
        """The verdict of placement `inline` on small texts: here, and at once.

        Raises:
            Unavailable: the tenant's own rules are not ready.
        """
        screener = self._screener if self._tenants is None else self._screener_of(tenant)
        hash_of = self._hash_of(tenant, policy) if policy.allowed else None
        return screen_step(screener, texts, stage, policy, tools, hash_of)

    async def _step(
        self, tenant: str, texts: Sequence[str], stage: str, policy: ScreeningPolicy, tools: Sequence[int]
    ) -> Verdict:
        """As `now`; large texts in a thread, while others are served."""
        screener, hash_of = self._screener_of(tenant), self._hash_of(tenant, policy)
        if is_small(texts) or not policy.enabled:
            return screen_step(screener, texts, stage, policy, tools, hash_of)
        return await self._aside.step(screener.pack, texts, stage, policy, tools, hash_of)

    async def hits(
        self, tenant: str, texts: Sequence[str], direction: str, tools: Sequence[int], policy: ScreeningPolicy
    ) -> tuple[tuple[Hit, ...], bool]:
        """What all rules find that a policy does not silence, for hooks that go by it; whether that is all of it."""
        policy = msgspec.structs.replace(policy, enabled=True)
        found = await self._step(tenant, texts, direction, policy, tools)
        return found.hits, found.rule != TOO_MANY_HITS

    def pack_of(self, rule: str) -> str:
        """The pack that a rule came with; what did not come with Nexus is a tenant's own."""
        if self._packs is None:
            self._packs = {each.id: each.pack for each in self._screener.pack.rules}
        return self._packs.get(rule, PACK)

    def stream(self, tenant: str, policy: ScreeningPolicy) -> StreamScreening:
        return StreamScreening(self._screener_of(tenant), policy, self._hash_of(tenant, policy))

    def _screener_of(self, tenant: str) -> Screener:
        """
        Raises:
            Unavailable: the tenant's own rules are not ready.
        """
        if self._tenants is None or tenant not in self._tenants.own:
            return self._screener
        return self._screeners.of(self._tenants.pack_of(tenant))

    def _hash_of(self, tenant: str, policy: ScreeningPolicy) -> ValueHash | None:
        return hashed_by(self._hash_key, tenant) if policy.allowed else None


class StreamScreening:
    """Screens the texts of an answer while it arrives, one lane for each text (`parse_chunk` names the lanes)."""

    def __init__(self, screener: Screener, policy: ScreeningPolicy, hash_of: ValueHash | None = None) -> None:
        self._screener = screener
        self._policy = policy
        self._hash_of = hash_of
        self._lanes: dict[str, StreamScreener | ToolLane] = {}
        self._hits: dict[str, list[Hit]] = {}
        """Of each lane, as far as they are decided."""
        self._verdict: Verdict | None = None
        self.characters = 0

    def push(self, lane: str, piece: str) -> bool:
        """Takes a piece in; true when a rule says that the answer must stop here.

        Raises:
            Malformed: an answer of so many texts is none.
        """
        found = self._lanes.get(lane)
        if found is None:
            if len(self._lanes) >= MOST_LANES:
                raise Malformed("an answer has too many texts")
            kind = ToolLane if TOOL_LANE in lane else StreamScreener
            found = self._lanes[lane] = kind(self._screener, "response", self._policy, self._hash_of)
        self.characters += len(piece)
        verdict = found.push(piece)
        if verdict.hits:
            self._hits.setdefault(lane, []).extend(verdict.hits)
        return verdict.action == "block"

    def settled(self, lane: str) -> int:
        """No hit still to come begins before this character of the lane."""
        if not self._policy.enabled:
            return EVERYTHING
        return self._lanes[lane].settled

    def hits(self, lane: str) -> list[Hit]:
        """What rules have found in a lane so far."""
        return self._hits.get(lane, [])

    def finish(self) -> Verdict:
        """The verdict on all lanes; a hit's `text` is the number of its lane in order of appearance."""
        if self._verdict is not None:
            return self._verdict
        hits, allowed = [], 0
        best = Verdict("approve", (), "", self._screener.pack.version if self._policy.enabled else "")
        for index, (name, lane) in enumerate(self._lanes.items()):
            verdict = lane.finish()
            self._hits[name] = list(verdict.hits)
            allowed += verdict.allowed
            hits += [msgspec.structs.replace(hit, text=index) for hit in verdict.hits]
            if strictness(verdict.action) > strictness(best.action):
                best = verdict
        self._verdict = Verdict(best.action, tuple(hits), best.rule, best.pack, allowed)
        return self._verdict
