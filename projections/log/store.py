"""The event store of CONFIG: load, decide, append with the expected version. Decisions themselves are in `schemas`."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict

import msgspec

from projections.log import api
from projections.log.api import ApiError, get_message, publish
from projections.log.connection import LogConnection
from schemas import codec, subjects
from schemas.aggregates.decider import Command, Create, Decider, Remove, State, fold
from schemas.envelope import GENESIS, Fact
from schemas.errors import Conflict, Unavailable
from schemas.ids import Clock, Ids

_log = logging.getLogger(__name__)

STREAM = "CONFIG"
_ATTEMPTS = 5
_APPEND_WAIT_S = 10.0
_REMEMBERED = 10_000


class Loaded(msgspec.Struct, frozen=True):
    """An aggregate as its facts have made it."""

    state: State
    version: int
    """Number of its segments; 0 when there is none."""
    sequence: int
    """Of its last message in the stream; 0 when there is none."""
    hash: bytes
    """SHA-256 of its last segment."""


class Handled(msgspec.Struct, frozen=True):
    """What a command led to; without facts, nothing was to be done."""

    sequence: int
    version: int
    facts: tuple[Fact, ...]
    state: State


_NOTHING = Loaded(None, 0, 0, GENESIS)
_CHANGED = "changed by someone else at the same time; read it again"


class _Lost(Exception):
    """Another append took the place."""


class ConfigStore:
    """Handles commands on aggregates; any number of stores may work on the same ones."""

    def __init__(self, connection: LogConnection, clock: Clock, ids: Ids, *, writer: str) -> None:
        self._connection = connection
        self._clock = clock
        self._ids = ids
        self._writer = writer
        self._boot = ids.new()
        self._appended = 0
        self._known: OrderedDict[str, Loaded] = OrderedDict()
        """Folded so far; the log only grows, so this is only ever behind and `load` reads on from it."""

    async def load(self, decider: Decider, tenant: str, id: str) -> Loaded:
        """The aggregate as of now.

        Raises:
            Unavailable: the log gives no answer.
            ApiError: the stream does not exist.
            Malformed: a stored segment cannot be read.
        """
        subject = subjects.config(tenant, decider.name, id)
        loaded = self._known.get(subject, _NOTHING)
        while True:
            stored = await get_message(self._connection, STREAM, next_of=subject, sequence=loaded.sequence + 1)
            if stored is None:
                break
            segment = codec.decode_segment(stored.payload)
            facts = [data for fact in segment.facts if (data := codec.open_fact(fact)) is not None]
            loaded = Loaded(
                fold(decider, facts, loaded.state),
                segment.number,
                stored.sequence,
                codec.segment_hash(stored.payload),
            )
        self._remember(subject, loaded)
        return loaded

    async def handle(
        self,
        decider: Decider,
        tenant: str,
        id: str,
        command: Command,
        *,
        actor: str,
        correlation: str,
        expected: int | None = None,
    ) -> Handled:
        """Loads, decides, appends.

        Args:
            expected: sequence at which the caller saw the aggregate; None if it had not looked.

        Raises:
            Conflict: the aggregate is not at `expected`, exists already, or was changed at the same moment.
            CallerError: what the decider refuses.
            Unavailable: the log gives no answer; whether the change is in force is then to be read again.
        """
        loaded = await self.load(decider, tenant, id)
        for _ in range(_ATTEMPTS):
            if expected is not None and loaded.sequence != expected:
                raise Conflict(f"{decider.name} {id}: {_CHANGED}")
            decided = decider.decide(command, loaded.state)
            if not decided:
                return Handled(loaded.sequence, loaded.version, (), loaded.state)
            facts = self._facts(decided, tenant, actor, correlation)
            try:
                after = await self._append(decider, tenant, id, loaded, facts, decided)
            except _Lost:
                newer = await self.load(decider, tenant, id)
                # who wants it made or gone may decide again; who replaces it must have seen what he replaces, unless
                # the other one did the same
                replaces = not isinstance(command, (Create, Remove))
                if replaces and newer.state != loaded.state and decider.decide(command, newer.state):
                    raise Conflict(f"{decider.name} {id}: {_CHANGED}") from None
                loaded = newer
                continue
            return Handled(after.sequence, after.version, facts, after.state)
        raise Conflict(f"{decider.name} {id}: too many changes at the same time; try again")

    def _facts(
        self, decided: tuple[msgspec.Struct, ...], tenant: str, actor: str, correlation: str
    ) -> tuple[Fact, ...]:
        now = self._clock.now_us()
        return tuple(
            codec.fact(data, id=self._ids.new(), time=now, tenant=tenant, actor=actor, correlation=correlation)
            for data in decided
        )

    async def _append(
        self,
        decider: Decider,
        tenant: str,
        id: str,
        loaded: Loaded,
        facts: tuple[Fact, ...],
        decided: tuple[msgspec.Struct, ...],
    ) -> Loaded:
        subject = subjects.config(tenant, decider.name, id)
        version = loaded.version + 1
        payload = codec.encode_segment(
            subject, self._writer, self._boot, version, loaded.hash, [codec.encode_fact(fact) for fact in facts]
        )
        # the number of a CONFIG segment counts within its subject, so the id of the message counts on its own
        self._appended += 1
        msg_id = f"{self._writer}/{self._boot}/c{self._appended}"
        sequence = await self._put(subject, payload, msg_id, loaded.sequence)
        after = Loaded(fold(decider, decided, loaded.state), version, sequence, codec.segment_hash(payload))
        self._remember(subject, after)
        return after

    async def _put(self, subject: str, payload: bytes, msg_id: str, expected: int) -> int:
        """Compare and append, until it is known how it ended.

        Raises:
            _Lost: somebody else's message is after `expected`.
        """
        headers = {"Nats-Msg-Id": msg_id, "Nats-Expected-Last-Subject-Sequence": str(expected)}
        deadline = self._clock.monotonic() + _APPEND_WAIT_S
        while True:
            reason = ""
            try:
                ack = await publish(self._connection, subject, payload, headers, wait_s=2.0)
                if ack.error is None:
                    return ack.seq
                if ack.error.err_code == api.WRONG_LAST_SEQUENCE:
                    own = await self._find(subject, expected, msg_id)
                    if own is None:
                        raise _Lost
                    return own
                reason = ack.error.description
                if ack.error.code < 500:
                    raise ApiError(ack.error.code, ack.error.err_code, ack.error.description)
            except Unavailable as error:
                reason = error.message
            if self._clock.monotonic() >= deadline:
                raise Unavailable(
                    f"the change could not be confirmed ({reason}); read it again before repeating it", retry_after=5
                )
            _log.warning("config append is tried again msg_id=%s reason=%s", msg_id, reason)
            await asyncio.sleep(0.1)

    async def _find(self, subject: str, after: int, msg_id: str) -> int | None:
        """The sequence of our own message, when an earlier try had succeeded without our hearing of it."""
        sequence = after
        while True:
            stored = await get_message(self._connection, STREAM, next_of=subject, sequence=sequence + 1)
            if stored is None or stored.msg_id == msg_id:
                return None if stored is None else stored.sequence
            sequence = stored.sequence

    def _remember(self, subject: str, loaded: Loaded) -> None:
        self._known[subject] = loaded
        self._known.move_to_end(subject)
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
