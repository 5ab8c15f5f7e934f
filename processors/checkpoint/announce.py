"""Tells on TRAFFIC of every checkpoint on OPS, once, so that it reaches whatever reads traffic: first of all SIEMs.

Before the first checkpoint that another key has signed stands, in the same segment, what lets that key follow.
"""

from __future__ import annotations

import msgspec

from processors.checkpoint.append import Overtaken, append_next
from projections.log import api
from projections.log.checkpoints import read_handovers
from projections.log.connection import LogConnection
from projections.vault.signing import is_signed
from schemas import codec
from schemas.checkpoint import announcement_of
from schemas.codec import Malformed
from schemas.envelope import GENESIS
from schemas.facts.ops import CheckpointAnnounced, LogCheckpointed, SigningKeyAnnounced
from schemas.facts.traffic import SYSTEM
from schemas.ids import Clock, Ids
from schemas.signing_keys import leading
from schemas.subjects import CHECKPOINTS

STREAM = "TRAFFIC"


class Announcer:
    """Of one boot. A checkpoint that was announced already, by whomever, is not announced again."""

    def __init__(self, connection: LogConnection, clock: Clock, ids: Ids, writer: str, boot: str) -> None:
        self._connection = connection
        self._clock = clock
        self._ids = ids
        self._writer = writer
        self._boot = boot
        self._number = 0
        self._hash = GENESIS
        self._last = 0
        self._announced = 0
        self._key = b""
        """That has signed what was announced last."""

    async def begin(self, made: LogCheckpointed | None) -> None:
        """Makes up for an announcement that the death of a process has prevented.

        Nobody writes a checkpoint before the one before it is announced, so that it can only be one.

        Args:
            made: the last one on OPS.

        Raises:
            Unavailable: the log does not answer.
        """
        await self._look()
        if made is not None:
            await self.announce(made)

    async def announce(self, made: LogCheckpointed) -> None:
        """Returns once it stands on the log."""
        while made.number > self._announced:
            number = self._number + 1
            told: list[msgspec.Struct] = [announcement_of(made)]
            if made.public_key != self._key:
                handovers = [one for _, one in await read_handovers(self._connection)]
                told[:0] = map(SigningKeyAnnounced, leading(handovers, self._key, made.public_key, is_signed))
            facts = [self._fact(data, made.number) for data in told]
            payload = codec.encode_segment(CHECKPOINTS, self._writer, self._boot, number, self._hash, facts)
            msg_id = f"{self._writer}/{self._boot}/announce/{number}.{self._last}"
            try:
                self._last = await append_next(self._connection, STREAM, CHECKPOINTS, payload, msg_id, self._last)
            except Overtaken:
                await self._look()
                continue
            self._number, self._hash = number, codec.segment_hash(payload)
            self._announced, self._key = made.number, made.public_key

    def _fact(self, data: msgspec.Struct, number: int) -> bytes:
        now_us = self._clock.now_us()
        return codec.encode_fact(
            codec.fact(
                data,
                id=self._ids.new(now_us),
                time=now_us,
                tenant=SYSTEM,
                actor=f"worker:{self._writer}",
                correlation=f"checkpoint:{number}",
            )
        )

    async def _look(self) -> None:
        stored = await api.get_message(self._connection, STREAM, last_of=CHECKPOINTS)
        self._last = 0 if stored is None else stored.sequence
        self._announced, self._key = (0, b"") if stored is None else _announced_in(stored.payload)


def _announced_in(payload: bytes) -> tuple[int, bytes]:
    """Number and key of the announced checkpoint; 0 when it cannot be read, which is worth announcing anew."""
    try:
        found = [codec.open_fact(fact) for fact in codec.decode_segment(payload).facts]
    except Malformed:
        return 0, b""
    return max(
        ((one.number, one.public_key) for one in found if isinstance(one, CheckpointAnnounced)), default=(0, b"")
    )
