"""Accepted-facts by request: recent ones from memory, others from the log."""

from __future__ import annotations

from collections import OrderedDict

import msgspec

from projections.log import api
from projections.log.connection import LogConnection
from projections.log.trail import trail
from schemas.codec import Malformed, decode_segment, open_fact
from schemas.envelope import Fact
from schemas.facts.traffic import RequestAccepted

MOST_BYTES = 64 * 1024 * 1024
NAME = "request.accepted.v1"


class Accepted(msgspec.Struct, frozen=True):
    """How a request came in."""

    id: str
    """Of the fact."""
    data: RequestAccepted


class AcceptedFacts:
    """Remembers what passes by until it is asked for, up to a bound of bytes; the oldest go first."""

    def __init__(self, connection: LogConnection, most_bytes: int = MOST_BYTES) -> None:
        self._connection = connection
        self._most = most_bytes
        self._bytes = 0
        self._facts: OrderedDict[str, Fact] = OrderedDict()

    def remember(self, fact: Fact) -> None:
        self.forget(fact.correlation)
        # a fact's data is part of its segment's bytes: without a copy all of them would stay in memory
        self._facts[fact.correlation] = msgspec.structs.replace(fact, data=msgspec.Raw(bytes(fact.data)))
        self._bytes += len(bytes(fact.data))
        while self._bytes > self._most:
            self.forget(next(iter(self._facts)))

    def forget(self, request: str) -> None:
        fact = self._facts.pop(request, None)
        if fact is not None:
            self._bytes -= len(bytes(fact.data))

    async def of(self, request: str, accepted_sequence: int, terminal_sequence: int) -> Accepted | None:
        """The accepted-fact of a request that ended at a place in TRAFFIC; None when there is none.

        Args:
            accepted_sequence: where it is, 0 when that is not known.

        Raises:
            Unavailable: the log does not answer.
        """
        fact = self._facts.get(request)
        if fact is None and accepted_sequence:
            fact = await self._at(accepted_sequence, request)
        if fact is None:
            fact = await self._anywhere(request, terminal_sequence)
        if fact is None:
            return None
        try:
            data = open_fact(fact)
        except Malformed:
            return None
        return Accepted(fact.id, data) if isinstance(data, RequestAccepted) else None

    async def _at(self, sequence: int, request: str) -> Fact | None:
        stored = await api.get_message(self._connection, "TRAFFIC", sequence=sequence)
        try:
            facts = decode_segment(stored.payload).facts if stored is not None else []
        except Malformed:
            return None
        return next((fact for fact in facts if fact.correlation == request and fact.type == NAME), None)

    async def _anywhere(self, request: str, last: int) -> Fact | None:
        try:
            facts = await trail(self._connection, request, 0, last)
        except ValueError:
            return None  # an id of another form tells no time to begin at
        return next((fact for _, fact in facts if fact.type == NAME), None)
