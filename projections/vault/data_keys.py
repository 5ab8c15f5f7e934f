"""Data keys, one per subject: wrapped in a key-value bucket, unwrapped in a bounded memory. No bodies here."""

from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
from collections import OrderedDict
from typing import NamedTuple

import msgspec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from projections.log import api
from projections.log.connection import LogConnection
from projections.vault.errors import Erased, NotAuthentic
from projections.vault.vault import Vault
from schemas.errors import Unavailable
from schemas.ids import Clock
from schemas.subjects import token
from schemas.topology import VAULT

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
    """Finds, makes and erases data keys. What was found is trusted for `trust_s` seconds, then looked up again, so an
    erasure elsewhere is in force here after that time."""

    def __init__(self, connection: LogConnection, vault: Vault, clock: Clock, *, bound: int, trust_s: float) -> None:
        self._connection = connection
        self._vault = vault
        self._clock = clock
        self._bound = bound
        self._trust_s = trust_s
        self._known: OrderedDict[tuple[str, str], DataKey] = OrderedDict()
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
        record, _ = await self._read(tenant, subject)
        if record is not None:
            headers = {"KV-Operation": "PURGE", "Nats-Rollup": "sub"}
            ack = await api.publish(self._connection, _place(tenant, subject), b"", headers)
            if ack.error is not None:
                raise Unavailable(f"the key store refused to erase: {ack.error.description}", retry_after=1)
        self._known.pop((tenant, subject), None)
        self._erasures += 1
        return record is not None

    def _arrived(self, name: tuple[str, str], task: asyncio.Task[DataKey]) -> None:
        del self._under_way[name]
        if not task.cancelled():
            # looked at here too, in case everybody who waited has left
            task.exception()

    async def _find_or_make(self, tenant: str, subject: str) -> DataKey:
        for _ in range(_TRIES):
            erasures = self._erasures
            record, last = await self._read(tenant, subject)
            if record is not None:
                return self._unwrap(tenant, subject, record, erasures)
            key = secrets.token_hex(8)
            nonce, wrapped = self._vault.wrap(tenant, subject, key, os.urandom(32))
            draft = _Record(FORMAT, key, self._vault.key_id, nonce, wrapped)
            headers = {"Nats-Expected-Last-Subject-Sequence": str(last)}
            ack = await api.publish(self._connection, _place(tenant, subject), msgspec.msgpack.encode(draft), headers)
            if ack.error is None:
                return self._unwrap(tenant, subject, draft, erasures)
            if ack.error.err_code != api.WRONG_LAST_SEQUENCE:
                raise Unavailable(f"the key store refused a new key: {ack.error.description}", retry_after=1)
            # somebody else was first: their key is the one
        raise Unavailable("the key store changes too fast to agree on a key; try again", retry_after=1)

    async def _read(self, tenant: str, subject: str) -> tuple[_Record | None, int]:
        """The record in force and the sequence of the last message about the subject, 0 when there was never one."""
        if not self._connection.connected:
            # the client would wait for its connection until the request times out
            raise Unavailable("the key store cannot be reached: no connection to the log; try again", retry_after=1)
        stored = await api.get_message(self._connection, f"KV_{VAULT}", last_of=_place(tenant, subject))
        if stored is None:
            return None, 0
        if not stored.payload:
            return None, stored.sequence
        try:
            return msgspec.msgpack.decode(stored.payload, type=_Record), stored.sequence
        except msgspec.MsgspecError:
            raise NotAuthentic("a data key's record is not readable") from None

    def _unwrap(self, tenant: str, subject: str, record: _Record, erasures: int) -> DataKey:
        if record.master != self._vault.key_id:
            raise NotAuthentic(
                f"a data key was wrapped under master key {record.master[:8]}, this one is {self._vault.key_id}"
            )
        clear = self._vault.unwrap(tenant, subject, record.key, record.nonce, record.wrapped)
        found = DataKey(record.key, AESGCM(clear), self._clock.monotonic())
        if erasures == self._erasures:
            self._known[tenant, subject] = found
            self._known.move_to_end((tenant, subject))
            while len(self._known) > self._bound:
                self._known.popitem(last=False)
        return found


def _place(tenant: str, subject: str) -> str:
    """Subject of the bucket's entry."""
    name = token(subject)
    if len(name) > _LONGEST:
        name = "=H" + hashlib.sha256(subject.encode("utf-8", "surrogatepass")).hexdigest()
    return f"$KV.{VAULT}.{token(tenant)}.{name}"
