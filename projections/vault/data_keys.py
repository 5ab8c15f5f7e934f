"""Data keys, one per subject: wrapped in a key-value bucket, unwrapped in a bounded memory. No bodies here."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import secrets
from collections import Counter, OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import msgspec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from projections.log import api
from projections.log.api import ApiError, Stored
from projections.log.connection import LogConnection
from projections.vault.errors import Erased, NotAuthentic
from projections.vault.vault import Vault
from schemas.errors import Unavailable
from schemas.ids import Clock
from schemas.subjects import token
from schemas.topology import VAULT

log = logging.getLogger(__name__)

FORMAT = 1
_LONGEST = 180
"""Characters of a subject token; longer names are stored under their hash."""
_TRIES = 5


class _Record(msgspec.Struct, frozen=True, array_like=True):
    """What the bucket holds for a subject. An erased subject has an empty message instead."""

    format: int
    key: str
    master: str
    nonce: bytes
    wrapped: bytes

    def __repr__(self) -> str:
        return f"_Record(key={self.key})"


class DataKey(NamedTuple):
    """A subject's key, ready for use. Its representation tells only the name."""

    id: str
    cipher: AESGCM
    checked: float
    """Monotonic time when the bucket last said that it is in force."""

    def __repr__(self) -> str:
        return f"DataKey({self.id})"


class DataKeys:
    """Finds, makes and erases data keys. What was found is trusted until a change in the bucket is `noticed`, and for
    `trust_s` seconds at most; then it is looked up again."""

    def __init__(self, connection: LogConnection, vault: Vault, clock: Clock, *, bound: int, trust_s: float) -> None:
        self._connection = connection
        self._vault = vault
        self._clock = clock
        self._bound = bound
        self._trust_s = trust_s
        self._known: OrderedDict[tuple[str, str], DataKey] = OrderedDict()
        self._names: dict[str, tuple[str, str]] = {}
        """Of what is known, by place."""
        self._reading: Counter[str] = Counter()
        self._heard: dict[str, str] = {}
        """Key ids that were noticed for places that are being read just now: an answer may be older than that."""
        self._under_way: dict[tuple[str, str], asyncio.Task[DataKey]] = {}
        self._erasures = 0

    def known(self, tenant: str, subject: str) -> DataKey | None:
        """The key if it is in memory and still trusted."""
        name = (tenant, subject)
        found = self._known.get(name)
        if found is None or self._clock.monotonic() - found.checked > self._trust_s:
            return None
        self._known.move_to_end(name)
        return found

    async def to_seal(self, tenant: str, subject: str) -> DataKey:
        """The subject's key, made when there is none. Any number of processes agree on one.

        Raises:
            Unavailable: the bucket does not answer.
            NotAuthentic: what the bucket holds cannot be unwrapped.
        """
        found = self.known(tenant, subject)
        if found is not None:
            return found
        name = (tenant, subject)
        task = self._under_way.get(name)
        if task is None:
            task = asyncio.create_task(self._find_or_make(tenant, subject))
            self._under_way[name] = task
            task.add_done_callback(lambda done: self._arrived(name, done))
        return await asyncio.shield(task)

    async def to_open(self, tenant: str, subject: str, key: str) -> DataKey:
        """The key of this id.

        Raises:
            Erased: it is gone; there may be a newer one for the same subject.
            Unavailable, NotAuthentic: as above.
        """
        found = self.known(tenant, subject)
        if found is None or found.id != key:
            with self._listening(place_of(tenant, subject)):
                erasures = self._erasures
                record, _ = await self._read(tenant, subject)
                found = None if record is None else self._unwrap(tenant, subject, record, erasures)
        if found is None or found.id != key:
            raise Erased("This text was erased: the key of the person or system that it belonged to no longer exists.")
        return found

    async def erase(self, tenant: str, subject: str) -> bool:
        """Deletes the subject's key for good; False when there was none.

        Raises:
            Unavailable: the bucket does not answer; the key may or may not be gone, so try again.
        """
        self._erasures += 1
        place = place_of(tenant, subject)
        had = False
        for _ in range(_TRIES):
            stored = await self._stored(place)
            if stored is None or not stored.payload:
                break
            had = True
            if not await self._overwrite(stored):
                await self._mark(place, {"Nats-Rollup": "sub"})
        else:
            raise Unavailable("the key store changes too fast to erase a key; try again", retry_after=1)
        if stored is None:
            # who follows the bucket hears of it by this; when somebody has made a new key meanwhile, by that
            await self._mark(place, {"Nats-Expected-Last-Subject-Sequence": "0"})
        self.noticed(place, b"")
        self._erasures += 1
        return had

    def noticed(self, place: str, payload: bytes) -> None:
        """The bucket has changed: forgets the key that was there before."""
        key = _key_of(payload)
        if place in self._reading:
            self._heard[place] = key
        name = self._names.get(place)
        if name is not None and self._known[name].id != key:
            del self._known[name], self._names[place]

    def forget_all(self) -> None:
        """For when changes may have been missed."""
        self._known.clear()
        self._names.clear()
        self._erasures += 1

    async def _overwrite(self, stored: Stored) -> bool:
        """Takes a message out and its bytes off the disk; False where the bucket does not let that happen.

        A purge would do the first only: the wrapped key stays in the file until the server next compacts it.
        """
        try:
            await api.call(self._connection, f"STREAM.MSG.DELETE.KV_{VAULT}", {"seq": stored.sequence})
        except ApiError as error:
            still = await self._stored(stored.subject)
            if still is None or still.sequence != stored.sequence:
                return True
            log.warning(
                "a data key is purged but not overwritten on the disk, for its bucket was made without leave to delete"
                " reason=%s", error.description,
            )  # fmt: skip
            return False
        return True

    async def _mark(self, place: str, headers: dict[str, str]) -> None:
        """Leaves the message that says that there is no key."""
        ack = await api.publish(self._connection, place, b"", {"KV-Operation": "PURGE", **headers})
        if ack.error is not None and ack.error.err_code != api.WRONG_LAST_SEQUENCE:
            raise Unavailable(f"the key store refused to erase: {ack.error.description}", retry_after=1)

    @contextmanager
    def _listening(self, place: str) -> Iterator[None]:
        self._reading[place] += 1
        try:
            yield
        finally:
            self._reading[place] -= 1
            if not self._reading[place]:
                del self._reading[place]
                self._heard.pop(place, None)

    def _arrived(self, name: tuple[str, str], task: asyncio.Task[DataKey]) -> None:
        del self._under_way[name]
        if not task.cancelled():
            # looked at here too, in case everybody who waited has left
            task.exception()

    async def _find_or_make(self, tenant: str, subject: str) -> DataKey:
        with self._listening(place_of(tenant, subject)):
            return await self._agreed(tenant, subject)

    async def _agreed(self, tenant: str, subject: str) -> DataKey:
        for _ in range(_TRIES):
            erasures = self._erasures
            record, last = await self._read(tenant, subject)
            if record is not None:
                return self._unwrap(tenant, subject, record, erasures)
            key = secrets.token_hex(8)
            nonce, wrapped = self._vault.wrap(tenant, subject, key, os.urandom(32))
            draft = _Record(FORMAT, key, self._vault.key_id, nonce, wrapped)
            headers = {"Nats-Expected-Last-Subject-Sequence": str(last)}
            ack = await api.publish(self._connection, place_of(tenant, subject), msgspec.msgpack.encode(draft), headers)
            if ack.error is None:
                return self._unwrap(tenant, subject, draft, erasures)
            if ack.error.err_code != api.WRONG_LAST_SEQUENCE:
                raise Unavailable(f"the key store refused a new key: {ack.error.description}", retry_after=1)
            # somebody else was first: their key is the one
        raise Unavailable("the key store changes too fast to agree on a key; try again", retry_after=1)

    async def _read(self, tenant: str, subject: str) -> tuple[_Record | None, int]:
        """The record in force and the sequence of the last message about the subject, 0 when there was never one."""
        stored = await self._stored(place_of(tenant, subject))
        if stored is None:
            return None, 0
        if not stored.payload:
            return None, stored.sequence
        try:
            return msgspec.msgpack.decode(stored.payload, type=_Record), stored.sequence
        except msgspec.MsgspecError:
            raise NotAuthentic("a data key's record is not readable") from None

    async def _stored(self, place: str) -> Stored | None:
        if not self._connection.connected:
            # the client would wait for its connection until the request times out
            raise Unavailable("the key store cannot be reached: no connection to the log; try again", retry_after=1)
        return await api.get_message(self._connection, f"KV_{VAULT}", last_of=place)

    def _unwrap(self, tenant: str, subject: str, record: _Record, erasures: int) -> DataKey:
        if record.master != self._vault.key_id:
            raise NotAuthentic(
                f"a data key was wrapped under master key {record.master[:8]}, this one is {self._vault.key_id}"
            )
        clear = self._vault.unwrap(tenant, subject, record.key, record.nonce, record.wrapped)
        found = DataKey(record.key, AESGCM(clear), self._clock.monotonic())
        place = place_of(tenant, subject)
        if erasures == self._erasures and self._heard.get(place, record.key) == record.key:
            self._known[tenant, subject] = found
            self._known.move_to_end((tenant, subject))
            self._names[place] = (tenant, subject)
            while len(self._known) > self._bound:
                gone, _ = self._known.popitem(last=False)
                del self._names[place_of(*gone)]
        return found


def _key_of(payload: bytes) -> str:
    """Id of the key in a record of the bucket; empty when there is none in it, or it cannot be read."""
    try:
        return msgspec.msgpack.decode(payload, type=_Record).key if payload else ""
    except msgspec.MsgspecError:
        return ""


def place_of(tenant: str, subject: str) -> str:
    """Subject of the bucket's entry, which also labels the data subject's objects."""
    name = token(subject)
    if len(name) > _LONGEST:
        name = "=H" + hashlib.sha256(subject.encode("utf-8", "surrogatepass")).hexdigest()
    return f"$KV.{VAULT}.{token(tenant)}.{name}"
