"""Another master key in the place of the present one, while everything serves. Who may ask for it is decided elsewhere.

Every step leaves something that the next run goes on from, so a run may be killed anywhere. See the decision on the
keyring in `ops/decisions`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

import msgspec

from projections.log import api
from projections.log.connection import LogConnection
from projections.log.reader import Message, StreamReader, last_sequence
from projections.vault import keyring
from projections.vault.data_keys import Record, unwrapped, wrapped
from projections.vault.errors import BadMasterKey, NotAuthentic
from projections.vault.keyring import Keyring, Rotation, SealedRing
from projections.vault.ring_store import STREAM, forget_older, overwrite, read_ring, write_ring
from projections.vault.vault import Vault
from schemas.errors import Unavailable
from schemas.ids import Clock, Ids
from schemas.topology import VAULT

log = logging.getLogger(__name__)

_AT_ONCE = 32
"""Data keys that are rewrapped at the same time."""
_DATA_KEYS = (f"$KV.{VAULT}.*.*", f"$KV.{VAULT}.*.*.*")

Show = Callable[[int, int], None]
"""Told done and total."""


class Rotated(msgspec.Struct, frozen=True):
    """What was done, by this run and those before it."""

    rotation: str
    old: str
    new: str
    actor: str
    rewrapped: int
    """Data keys."""
    left: int
    """Data keys that could not be renewed: made by an earlier release for a name of more than 180 characters."""
    overwritten: bool
    """False where the bucket does not let old keys be overwritten on the disk."""
    resumed: bool


class Rotator:
    """One rotation; at most one of them has an effect at a time, for the keyring is replaced by compare-and-set."""

    def __init__(self, connection: LogConnection, clock: Clock, ids: Ids, show: Show) -> None:
        self._connection = connection
        self._clock = clock
        self._ids = ids
        self._show = show
        self._overwritten = True

    async def rotate(
        self,
        old: bytes | None,
        new: bytes,
        actor: str,
        *,
        stand_in: Callable[[], None],
        say: Callable[[Rotated], Awaitable[object]],
    ) -> Rotated:
        """Puts `new` in the place of the master key that is in force.

        Args:
            old: the one in force; not needed to go on with a rotation to `new` that was begun.
            stand_in: called when everything opens with the new key and before the old one stops: whatever the next
                start reads must hold the new key afterwards.
            say: puts it on the log.

        Raises:
            BadMasterKey: neither opens the keyring, or they are the same.
            Conflict: somebody else changes the keyring at the same time.
            Unavailable: the log does not answer; the next run goes on.
        """
        record, last = await read_ring(self._connection)
        if record is None:
            raise BadMasterKey("there is no keyring yet: start Nexus with this data directory once, then rotate")
        to = keyring.master_id(new)
        under_way = record.rotation
        resumed = under_way is not None and under_way.new == to
        if not resumed:
            record, last = await self._begin(record, last, old, new, actor)
        elif len(record.slots) == 1 and record.masters != (to,):
            raise BadMasterKey(f"the keyring is sealed under master key {record.masters[0]} only")
        rotation = record.rotation
        assert rotation is not None
        ring = _ring(record, old, new)
        vault = Vault.of(ring)
        rewrapped, left = await self._rewrap(vault)
        rotation = msgspec.structs.replace(rotation, rewrapped=rotation.rewrapped + rewrapped)
        if len(record.slots) > 1:
            stand_in()
            record = SealedRing(
                keyring.FORMAT, record.number + 1, ring.id, (keyring.seal(ring, new),), rotation
            )  # fmt: skip
            last = await write_ring(self._connection, record, last)
        if not await forget_older(self._connection):
            self._overwritten = False
        # what was made meanwhile by a process that had not heard of the new keys yet
        later, left = await self._rewrap(vault)
        done = Rotated(
            rotation.id, rotation.old, rotation.new, rotation.actor, rotation.rewrapped + later, left,
            self._overwritten, resumed,
        )  # fmt: skip
        await say(done)
        last_record = msgspec.structs.replace(record, number=record.number + 1, rotation=None)
        await write_ring(self._connection, last_record, last)
        return done

    async def _begin(
        self, record: SealedRing, last: int, old: bytes | None, new: bytes, actor: str
    ) -> tuple[SealedRing, int]:
        """From here on both master keys open the ring, and what is made new is sealed under new keys of it."""
        if old is None or keyring.unseal(record, old) is None:
            there = " or ".join(record.masters)
            raise BadMasterKey(
                f"the keyring is sealed under master key {there}, and that key is not here: set NEXUS_MASTER_KEY, name "
                "the data directory with --data, or go on with the new key of a rotation that was begun: --new-key-file"
            )
        at, to = keyring.master_id(old), keyring.master_id(new)
        if at == to:
            raise BadMasterKey(f"the new master key is the present one, {to}; nothing was done")
        ring = _ring(record, old, None).renewed()
        rotation = Rotation(self._ids.new(), at, to, actor, self._clock.now_us())
        slots = (keyring.seal(ring, old), keyring.seal(ring, new))
        begun = SealedRing(keyring.FORMAT, record.number + 1, ring.id, slots, rotation)
        sequence = await write_ring(self._connection, begun, last)
        log.info("event=rotation_begun old=%s new=%s", at, to)
        return begun, sequence

    async def _rewrap(self, vault: Vault) -> tuple[int, int]:
        """Wraps every data key under the newest key of the ring: (how many, how many could not be)."""
        total = await last_sequence(self._connection, STREAM)
        turns = asyncio.Semaphore(_AT_ONCE)
        rewrapped = left = 0

        async def one(stored: Message) -> None:
            nonlocal rewrapped, left
            async with turns:
                try:
                    renewed = await self._renew(vault, stored)
                    rewrapped += renewed
                except NotAuthentic as error:
                    left += 1
                    log.error("event=data_key_left place=%s reason=%s", stored.subject, error)

        async for batch in StreamReader(self._connection, STREAM, subjects=_DATA_KEYS).batches(
            follow=False, until=total
        ):
            found = [(message, _record(message.payload)) for message in batch]
            await asyncio.gather(
                *(one(message) for message, record in found if record is not None and record.master != vault.key_id)
            )
            self._show(batch[-1].sequence, total)
        return rewrapped, left

    async def _renew(self, vault: Vault, stored: Message) -> bool:
        """One data key; False when there was nothing to do but to take away what a killed run has left."""
        last = await api.get_message(self._connection, STREAM, last_of=stored.subject)
        renewed = False
        if last is not None and last.sequence == stored.sequence:
            record = Record.decode(stored.payload)
            assert record is not None
            draft = wrapped(vault, stored.subject, record.key, unwrapped(vault, stored.subject, record))
            headers = {"Nats-Expected-Last-Subject-Sequence": str(stored.sequence)}
            ack = await api.publish(self._connection, stored.subject, draft.encode(), headers)
            if ack.error is not None and ack.error.err_code != api.WRONG_LAST_SEQUENCE:
                raise Unavailable(f"the key store refused a data key: {ack.error.description}", retry_after=1)
            # else it was erased, or renewed by somebody else, a moment ago
            renewed = ack.error is None
        if not await overwrite(self._connection, stored):
            self._overwritten = False
        return renewed


def _record(payload: bytes) -> Record | None:
    try:
        return Record.decode(payload)
    except NotAuthentic:
        return None


def _ring(record: SealedRing, *masters: bytes | None) -> Keyring:
    for master in masters:
        ring = None if master is None else keyring.unseal(record, master)
        if ring is not None:
            return ring
    raise BadMasterKey(f"the keyring is sealed under master key {' or '.join(record.masters)}, which is not here")
