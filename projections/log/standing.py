"""How the log stands, for those who watch: what waits to be applied, what nobody could apply, the last checkpoint."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from projections.log.api import call, get_message
from projections.log.checkpoints import STREAM
from projections.log.connection import LogConnection
from projections.log.dead import NAME
from schemas.aggregates.siem_target import SiemTarget
from schemas.checkpoint import SUBJECT
from schemas.ids import Clock
from schemas.subjects import token
from schemas.topology import SIEM_POSITIONS


class RecordStanding(msgspec.Struct, frozen=True):
    """Of the record as a whole."""

    dead: int
    """Messages that no worker could apply and nobody has dealt with."""
    checkpoint_age_s: float | None
    """Since the last signed checkpoint; null when there is none."""


class _Stored(msgspec.Struct, frozen=True):
    """What a SIEM's worker keeps of a target, as far as it counts here."""

    place: tuple[int, int]


_decode = msgspec.json.Decoder(_Stored).decode


class LogStanding:
    """Asks the log's server."""

    def __init__(self, connection: LogConnection, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock

    async def waiting_s(self, stream: str, after: int) -> float:
        """How long the first message after a position has been waiting; 0 when there is none.

        Raises:
            Unavailable: no answer.
        """
        stored = await get_message(self._connection, stream, sequence=after + 1)
        return 0.0 if stored is None else self._since(stored.time_us)

    async def record(self) -> RecordStanding:
        """
        Raises:
            Unavailable: no answer.
        """
        dead = (await call(self._connection, f"STREAM.INFO.{NAME}"))["state"]["messages"]
        last = await get_message(self._connection, STREAM, last_of=SUBJECT)
        return RecordStanding(int(dead), None if last is None else self._since(last.time_us))

    async def siem(self, targets: Iterable[SiemTarget]) -> list[tuple[str, str, int]]:
        """(name, stream, sequence) of each target that is in force and was begun; some seconds old.

        Raises:
            Unavailable: no answer.
        """
        found = []
        for target in targets:
            if not target.enabled:
                continue
            subject = f"$KV.{SIEM_POSITIONS}.{token(target.tenant)}.{token(target.id)}"
            stored = await get_message(self._connection, f"KV_{SIEM_POSITIONS}", last_of=subject)
            if stored is None or not stored.payload:
                continue
            try:
                place = _decode(stored.payload).place
            except msgspec.MsgspecError:
                continue  # its worker says so
            found.append((f"siem {target.tenant}/{target.id}", "TRAFFIC", place[0]))
        return found

    def _since(self, time_us: int) -> float:
        return round(max(0, self._clock.now_us() - time_us) / 1e6, 3)
