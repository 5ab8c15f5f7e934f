"""How far each target is, in a bucket on the log's server. Positions only move forward."""

from __future__ import annotations

import asyncio
import logging

import msgspec

from processors.siem.sink import Stored
from projections.log import api
from projections.log.connection import LogConnection
from schemas import subjects
from schemas.errors import Unavailable
from schemas.topology import SIEM_POSITIONS

log = logging.getLogger(__name__)

_decode = msgspec.json.Decoder(Stored).decode
_RETRY_S = 0.5


def key_of(tenant: str, target: str) -> str:
    return f"{subjects.token(tenant)}.{subjects.token(target)}"


class Positions:
    """The entries of all targets; one task per key."""

    def __init__(self, connection: LogConnection) -> None:
        self._connection = connection
        self._known: dict[str, tuple[Stored | None, int]] = {}
        """Value and revision as last seen."""

    async def load(self, key: str) -> Stored | None:
        """The entry, read from the server; waits while it cannot be reached."""
        while True:
            try:
                stored, _ = await self._read(key)
                return stored
            except Unavailable as error:
                log.info("event=position_unread key=%s error=%s", key, error)
            await asyncio.sleep(_RETRY_S)

    async def save(self, key: str, stored: Stored) -> None:
        """Stores an entry unless one of the same life is further already; waits until that is certain."""
        while True:
            try:
                known, revision = self._known.get(key) or await self._read(key)
                if known is not None and known.life == stored.life and known.place > stored.place:
                    log.warning("event=position_kept key=%s place=%s refused=%s", key, known.place, stored.place)
                    return
                if await self._write(key, stored, revision):
                    return
            except Unavailable as error:
                log.info("event=position_unsaved key=%s error=%s", key, error)
                await asyncio.sleep(_RETRY_S)
            # somebody else wrote, or it is not known whether this was written
            self._known.pop(key, None)

    async def _read(self, key: str) -> tuple[Stored | None, int]:
        found = await api.get_message(self._connection, f"KV_{SIEM_POSITIONS}", last_of=_subject(key))
        stored: Stored | None = None
        if found is not None and found.payload:
            try:
                stored = _decode(found.payload)
            except msgspec.MsgspecError:
                log.error("event=position_unreadable key=%s", key)
        entry = (stored, found.sequence if found is not None else 0)
        self._known[key] = entry
        return entry

    async def _write(self, key: str, stored: Stored, revision: int) -> bool:
        headers = {"Nats-Expected-Last-Subject-Sequence": str(revision)}
        ack = await api.publish(self._connection, _subject(key), msgspec.json.encode(stored), headers)
        if ack.error is None:
            self._known[key] = (stored, ack.seq)
            return True
        if ack.error.err_code == api.WRONG_LAST_SEQUENCE:
            return False
        raise Unavailable(f"the bucket refuses: {ack.error.description}")


def _subject(key: str) -> str:
    return f"$KV.{SIEM_POSITIONS}.{key}"
