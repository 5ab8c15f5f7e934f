"""Tells on TRAFFIC of every kill switch and passthrough that is turned, once, so that it reaches SIEMs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator

from processors.checkpoint.append import Overtaken, append_next
from projections.log import api
from projections.log.connection import LogConnection
from projections.log.reader import Message, StreamReader
from schemas import codec, subjects
from schemas.aggregates.kill import Kill
from schemas.aggregates.passthrough import Passthrough
from schemas.codec import Malformed
from schemas.envelope import GENESIS, Fact
from schemas.facts.ops import SwitchTurned
from schemas.ids import Clock, Ids

log = logging.getLogger(__name__)

STREAM = "TRAFFIC"
WRITER = "switches"
RETRY_S = 5.0


async def tell_switches(connection: LogConnection, clock: Clock) -> None:
    """Works until it is cancelled. What goes wrong is told and tried again; it ends nothing else."""
    teller = _Teller(connection, clock)
    while True:
        try:
            await teller.follow()
        except Overtaken:
            continue  # another process tells as well; on from where it is
        except Exception as error:
            # the log is away, most often; checkpoints must go on whatever it is
            log.warning("event=switches_not_told error=%s: %s", type(error).__name__, error)
        await asyncio.sleep(RETRY_S)


class _Teller:
    """Of one boot. What was told already, by whomever, is not told again."""

    def __init__(self, connection: LogConnection, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock
        self._ids = Ids(clock)
        self._boot = self._ids.new()
        self._number = 0
        self._hash = GENESIS

    async def follow(self) -> None:
        stored = await api.get_message(self._connection, STREAM, last_of=subjects.SWITCHES)
        last, told = (0, 0) if stored is None else (stored.sequence, told_in(stored.payload))
        reader = StreamReader(self._connection, "CONFIG", subjects=subjects.SWITCH_CONFIG, start=told + 1)
        async for batch in reader.batches():
            for message in batch:
                facts = [self._fact(fact, data) for fact, data in turned_in(message)]
                if facts:
                    last = await self._append(facts, message.sequence, last)

    def _fact(self, of: Fact, data: SwitchTurned) -> Fact:
        now_us = self._clock.now_us()
        return codec.fact(
            data,
            id=self._ids.new(now_us),
            time=of.time,
            tenant=of.tenant,
            actor=f"worker:{WRITER}",
            correlation=of.correlation,
            causation=of.id,
        )

    async def _append(self, facts: list[Fact], config_sequence: int, last: int) -> int:
        number = self._number + 1
        encoded = [codec.encode_fact(fact) for fact in facts]
        payload = codec.encode_segment(subjects.SWITCHES, WRITER, self._boot, number, self._hash, encoded)
        msg_id = f"{WRITER}/{self._boot}/{config_sequence}.{last}"
        last = await append_next(self._connection, STREAM, subjects.SWITCHES, payload, msg_id, last)
        self._number, self._hash = number, codec.segment_hash(payload)
        return last


def told_in(payload: bytes) -> int:
    """Up to which sequence of CONFIG a message on TRAFFIC tells; 0 when it cannot be read."""
    try:
        found = [codec.open_fact(fact) for fact in codec.decode_segment(payload).facts]
    except Malformed:
        return 0
    return max((one.config_sequence for one in found if isinstance(one, SwitchTurned)), default=0)


def turned_in(message: Message) -> Iterator[tuple[Fact, SwitchTurned]]:
    """What a message of CONFIG says of a switch; nothing when it cannot be read, which the live state says as well."""
    _, kind, identifier = subjects.parse_config(message.subject)
    try:
        facts = codec.decode_segment(message.payload).facts
        opened = [(fact, codec.open_fact(fact)) for fact in facts]
    except Malformed as error:
        log.error("event=switch_unreadable position=CONFIG:%d reason=%s", message.sequence, error)
        return
    for fact, data in opened:
        happened = fact.type.split(".")[1]
        spec = getattr(data, "spec", None)
        match spec:
            case Kill():
                turned = SwitchTurned(
                    kind, identifier, happened, fact.actor, message.sequence, spec.scope, spec.target, (), spec.reason
                )
            case Passthrough():
                turned = SwitchTurned(
                    kind, identifier, happened, fact.actor, message.sequence,
                    spec.scope, spec.target, spec.bypass, spec.reason, spec.until_us,
                )  # fmt: skip
            case _:
                turned = SwitchTurned(
                    kind, identifier, happened, fact.actor, message.sequence, reason=getattr(data, "reason", "")
                )
        yield fact, turned
