"""Whole requests out of a part of TRAFFIC: each once, when it ended, with all facts of it. Opens no body."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing

import msgspec

from projections.log.connection import LogConnection
from projections.log.reader import Message
from projections.log.span import Span
from projections.log.trail import trail
from projections.ranges import batches
from schemas.codec import Malformed, decode_segment, open_fact
from schemas.envelope import Fact
from schemas.facts.traffic import (
    TERMINALS,
    ProviderCalled,
    RequestAccepted,
    RequestRouted,
    RequestScreened,
    Terminal,
)
from schemas.whatif import Recorded

MOST_BYTES = 64 * 1024 * 1024
"""Of facts of requests that have not ended yet; the oldest go first and are read again at their end."""
_BATCH = 64
_ENDED = 65_536
"""Requests of which is remembered that they ended: a segment may stand on the log twice."""
_BEFORE = frozenset({"authenticate", "kill", "limits", "parse", "connection"})
"""Where a request was refused that was never accepted."""
_NEVER_ACCEPTED = _BEFORE | {"log"}
"""The log may have taken nothing at that moment, or not this request's first facts."""
_KEPT = frozenset({"request.accepted.v1", "request.screened.v1", "request.routed.v1", "provider.called.v1"})


class Ended(msgspec.Struct, frozen=True):
    """Requests that ended in some messages."""

    requests: list[Recorded]
    last: int
    """Sequence of the last of those messages."""
    time_us: int
    """When it was stored."""


class Requests:
    """Puts facts together. Memory is bounded by what is under way, and by `MOST_BYTES`."""

    def __init__(self, connection: LogConnection, tenant: str = "", most_bytes: int = MOST_BYTES) -> None:
        self.unreadable: list[int] = []
        """Messages that are no segments."""
        self._connection = connection
        self._tenant = tenant
        self._most = most_bytes
        self._bytes = 0
        self._open: OrderedDict[str, list[Fact]] = OrderedDict()
        self._ended: OrderedDict[str, None] = OrderedDict()

    async def between(self, span: Span) -> AsyncGenerator[Ended, None]:
        """All requests whose terminal fact is in the span, in the order of these facts."""
        found = batches(self._connection, span.stream, span.first, span.last, size=_BATCH)
        async with aclosing(found):
            async for batch in found:
                ended: list[Recorded] = []
                for message in batch:
                    ended += [one async for one in self._take(message)]
                yield Ended(ended, batch[-1].sequence, batch[-1].time_us)

    async def _take(self, message: Message) -> AsyncGenerator[Recorded, None]:
        try:
            facts = decode_segment(message.payload).facts
        except Malformed:
            self.unreadable.append(message.sequence)
            return
        fresh: dict[str, list[Fact]] = {}
        for fact in facts:
            if self._tenant and fact.tenant != self._tenant:
                continue
            if fact.type in _KEPT:
                fresh.setdefault(fact.correlation, []).append(fact)
            elif fact.type in TERMINALS and self._is_first(fact.correlation):
                before = self._forget(fact.correlation) + fresh.pop(fact.correlation, [])
                yield await self._ended_with(fact, message.sequence, before)
        for request, kept in fresh.items():
            self._remember(request, kept)

    def _is_first(self, request: str) -> bool:
        if request in self._ended:
            return False
        self._ended[request] = None
        if len(self._ended) > _ENDED:
            self._ended.popitem(last=False)
        return True

    def _remember(self, request: str, facts: list[Fact]) -> None:
        # a fact's data is part of its segment's bytes: without a copy all of them would stay in memory
        kept = [msgspec.structs.replace(fact, data=msgspec.Raw(bytes(fact.data))) for fact in facts]
        self._open.setdefault(request, []).extend(kept)
        self._bytes += sum(len(bytes(fact.data)) for fact in kept)
        while self._bytes > self._most and self._open:
            self._forget(next(iter(self._open)))

    def _forget(self, request: str) -> list[Fact]:
        facts = self._open.pop(request, [])
        self._bytes -= sum(len(bytes(fact.data)) for fact in facts)
        return facts

    async def _ended_with(self, terminal: Fact, sequence: int, before: list[Fact]) -> Recorded:
        end = _opened(terminal)
        if not isinstance(end, Terminal):
            return Recorded(terminal.correlation, terminal.tenant, sequence, _kind(terminal), Terminal(), damaged=True)
        accepted = any(fact.type == "request.accepted.v1" for fact in before)
        if not accepted and end.stage not in _BEFORE:
            before = await self._from_log(terminal.correlation, end.accepted_sequence, sequence)
        return _recorded(terminal, end, sequence, before)

    async def _from_log(self, request: str, first: int, last: int) -> list[Fact]:
        """What stands before the span, or was too much to keep."""
        try:
            return [fact for _, fact in await trail(self._connection, request, first, last) if fact.type in _KEPT]
        except ValueError:
            return []  # an id of another form tells no time to begin at


def _recorded(terminal: Fact, end: Terminal, sequence: int, facts: Iterable[Fact]) -> Recorded:
    accepted: RequestAccepted | None = None
    routed: RequestRouted | None = None
    screened: dict[str, RequestScreened] = {}
    calls: list[ProviderCalled] = []
    damaged = False
    for fact in facts:
        match _opened(fact):
            case RequestAccepted() as data:
                accepted = data
            case RequestScreened() as data:
                screened.setdefault(data.stage, data)
            case RequestRouted() as data:
                routed = data
            case ProviderCalled() as data:
                calls.append(data)
            case None:
                damaged = True
    return Recorded(
        terminal.correlation,
        terminal.tenant,
        sequence,
        _kind(terminal),
        end,
        accepted,
        screened,
        routed,
        tuple(calls),
        damaged or (accepted is None and end.stage not in _NEVER_ACCEPTED),
    )


def _opened(fact: Fact) -> msgspec.Struct | None:
    try:
        return open_fact(fact)
    except Malformed:
        return None


def _kind(terminal: Fact) -> str:
    return terminal.type.split(".")[1]
