"""What a foreign writer does to the log: bytes that are no facts, and segments once more, in order and out of it."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass, field

import msgspec

from benchmarks.chaos.lag import Lag
from projections.log.api import Ack, get_message, publish
from schemas import subjects
from schemas.codec import encode_fact, encode_segment
from schemas.envelope import GENESIS, Fact
from schemas.errors import Unavailable

SUBJECT = subjects.traffic(0)
FOREIGN = "foreign"
AGE = 40
"""How many messages back, at least, a segment is taken from that is sent again."""
AGE_S = 3.0
"""And how long ago it was stored: nobody repeats in earnest what the server still knows, so views look for a repeated
request among those that come a second after their facts."""
_SPAN = 400


@dataclass
class Injected:
    """What was put on TRAFFIC by the campaign, so that the oracle can tell it from the traffic."""

    poison: dict[int, bytes] = field(default_factory=dict)
    """Bytes by sequence."""
    copies: dict[int, int] = field(default_factory=dict)
    """Sequence of a copy to that of the original."""
    forgotten: int = 0
    """Copies with the same id, which the server dropped."""


class Injector:
    def __init__(self, lag: Lag, dice: random.Random) -> None:
        self.injected = Injected()
        self._lag = lag
        self._dice = dice
        self._count = 0

    async def poison(self) -> int:
        """One message that no reader can apply; its sequence."""
        self._count += 1
        kind = self._count % 3
        if kind == 0:
            payload = self._dice.randbytes(200)
        elif kind == 1:
            good = encode_segment(SUBJECT, FOREIGN, f"boot-{self._count}", 1, GENESIS, [])
            payload = good[: len(good) - 3]
        else:
            # a whole segment with a terminal fact whose data does not fit its name
            fact = Fact(f"fact-{self._count}", 1, "chaos", "foreign", f"poison-{self._count}", "",
                        "request.completed.v1", msgspec.Raw(msgspec.msgpack.encode("nothing of the kind")))  # fmt: skip
            payload = encode_segment(SUBJECT, FOREIGN, f"boot-{self._count}", 1, GENESIS, [encode_fact(fact)])
        sequence = (await self._publish(payload, f"chaos/poison/{self._count}")).seq
        self.injected.poison[sequence] = payload
        return sequence

    async def repeat(self, copies: int = 3) -> None:
        """Segments of some while ago once more: with the id they had, then, the last first, with another."""
        last = await self._lag.last()
        ours = {*self.injected.poison, *self.injected.copies}
        choice = [number for number in range(max(1, last - _SPAN), last - AGE) if number not in ours]
        chosen = sorted(self._dice.sample(choice, min(copies, len(choice))), reverse=True)
        for sequence in chosen:
            stored = await get_message(self._lag.connection, "TRAFFIC", sequence=sequence)
            if stored is None:
                continue
            await asyncio.sleep(max(0.0, AGE_S + stored.time_us / 1e6 - time.time()))
            same = await self._publish(stored.payload, stored.msg_id)
            if same.duplicate:
                self.injected.forgotten += 1
            else:
                self.injected.copies[same.seq] = sequence
            self._count += 1
            other = await self._publish(stored.payload, f"chaos/copy/{self._count}")
            self.injected.copies[other.seq] = sequence

    async def _publish(self, payload: bytes, msg_id: str) -> Ack:
        while True:
            try:
                ack = await publish(self._lag.connection, SUBJECT, payload, {"Nats-Msg-Id": msg_id})
            except Unavailable:
                # with the same id it is stored once
                await asyncio.sleep(0.5)
                continue
            if ack.error is not None:
                raise Unavailable(f"the log refuses: {ack.error.description}")
            return ack
