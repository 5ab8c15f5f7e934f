"""Data keys, one for a subject and week: wrapped in a bucket, unwrapped in a bounded memory. No bodies here."""

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
from projections.log.api import Stored
from projections.log.connection import LogConnection
from projections.vault import periods
from projections.vault.errors import Erased, NotAuthentic
from projections.vault.ring_store import overwrite
from projections.vault.vault import Vault, bound
from schemas.errors import Unavailable
from schemas.ids import Clock
from schemas.subjects import token, untoken
from schemas.topology import VAULT

log = logging.getLogger(__name__)

FORMAT = 2
"""2 is bound to its place in the bucket. 1 was bound to the names of tenant and subject."""
_LONGEST = 180
"""Characters of a subject token; longer names are stored under their hash."""
_TRIES = 5


class Record(msgspec.Struct, frozen=True, array_like=True):
    """What the bucket holds for a subject. An erased subject has an empty message instead."""

    format: int
    key: str
    master: str
    nonce: bytes
    wrapped: bytes

    def encode(self) -> bytes:
        return msgspec.msgpack.encode(self)

    @classmethod
    def decode(cls, payload: bytes) -> Record | None:
        """None of an erased subject.

        Raises:
            NotAuthentic: this is no record.
        """
        try:
            return msgspec.msgpack.decode(payload, type=cls) if payload else None
        except msgspec.MsgspecError:
            raise NotAuthentic("a data key's record is not readable") from None

    def __repr__(self) -> str:
        return f"Record(key={self.key})"

    def additional(self, place: str) -> bytes:
        """What the wrapped key is bound to.

        Raises:
            NotAuthentic: that cannot be told.
        """
        if self.format == FORMAT:
            return bound("data-key", place, self.key)
        tenant, name = place.split(".")[2:4]
        if name.startswith("=H"):
            raise NotAuthentic("a data key of an earlier release has a name that is too long to be renewed")
        return bound("data-key", untoken(tenant), untoken(name), self.key)


class DataKey(NamedTuple):
    """A subject's key, ready for use. Its representation tells only the name."""

    id: str
    cipher: AESGCM
    checked: float
    """Monotonic time when the bucket last said that it is in force."""
    until_us: int = 1 << 62
    """When its week ends: it opens what it sealed then too, but seals no more."""

    def __repr__(self) -> str:
        return f"DataKey({self.id})"


class DataKeys:
    """Finds, makes and erases data keys. What was found is trusted until a change in the bucket is `noticed`, and for
    `trust_s` seconds at most; then it is looked up again.

    To seal, a process that follows the bucket trusts it while it hears nothing: in an outage of the log requests that
    the spool takes are served on, and what is sealed under a key that was erased meanwhile nobody can open.
    """

    def __init__(self, connection: LogConnection, vault: Vault, clock: Clock, *, bound: int, trust_s: float) -> None:
        self._connection = connection
        self._vault = vault
        self._clock = clock
        self._bound = bound
        self._trust_s = trust_s
        self.followed = False
        """Whether changes are `noticed` by themselves."""
        self._known: OrderedDict[tuple[str, str], DataKey] = OrderedDict()
        self._names: dict[str, tuple[str, str]] = {}
        """Of what is known, by place."""
        self._names_of: dict[tuple[str, str], str] = {}
        self._reading: Counter[str] = Counter()
        self._heard: dict[str, str] = {}
        """Key ids that were noticed for places that are being read just now: an answer may be older than that."""
        self._under_way: dict[tuple[str, str], asyncio.Task[DataKey]] = {}
        self._erasures = 0

    def known(self, tenant: str, subject: str, *, opens: bool = False) -> DataKey | None:
        """The key of this week if it is in memory and still trusted.

        Args:
            opens: to open what it sealed; else to seal.
        """
        name = (tenant, subject)
        found = self._known.get(name)
        if found is None or self._clock.now_us() >= found.until_us:
            return None
        if (opens or not self.followed) and self._clock.monotonic() - found.checked > self._trust_s:
            return None
        self._known.move_to_end(name)
        return found

    async def to_seal(self, tenant: str, subject: str) -> DataKey:
        """The subject's key of this week, made when there is none. Any number of processes agree on one.

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
        found = self.known(tenant, subject, opens=True)
        if found is None or found.id != key:
            place = place_of(tenant, subject, periods.of_key(key))
            with self._listening(place):
                erasures = self._erasures
                record, _ = await self._read(place)
                found = None if record is None else await self._unwrap(tenant, subject, place, record, erasures)
        if found is None or found.id != key:
            raise Erased(
                "This text was erased: the key of the person or system that it belonged to no longer exists, "
                "or the time for which bodies are kept is over."
            )
        return found

    async def erase(self, tenant: str, subject: str) -> int:
        """Deletes all keys of the subject for good; how many there were.

        Raises:
            Unavailable: the bucket does not answer; keys may or may not be gone, so try again.
        """
        self._erasures += 1
        own = place_of(tenant, subject)
        places = await places_like(self._connection, f"{own}.*")
        # also without one: who has just asked for this week's key must not keep what they are about to make
        this = place_of(tenant, subject, periods.at(self._clock.now_us()))
        gone = [await self._erase_at(place) for place in sorted({own, this, *places})]
        self._erasures += 1
        return sum(gone)

    async def _erase_at(self, place: str) -> bool:
        had = False
        for _ in range(_TRIES):
            stored = await self._stored(place)
            if stored is None or not stored.payload:
                break
            had = True
            if not await overwrite(self._connection, stored):
                await self._mark(place, {"Nats-Rollup": "sub"})
        else:
            raise Unavailable("the key store changes too fast to erase a key; try again", retry_after=1)
        if stored is None:
            # who follows the bucket hears of it by this; when somebody has made a new key meanwhile, by that
            await self._mark(place, {"Nats-Expected-Last-Subject-Sequence": "0"})
        self.noticed(place, b"")
        return had

    def noticed(self, place: str, payload: bytes) -> None:
        """The bucket has changed: forgets the key that was there before."""
        key = _key_of(payload)
        if place in self._reading:
            self._heard[place] = key
        name = self._names.get(place)
        if name is not None and self._known[name].id != key:
            del self._known[name], self._names[place], self._names_of[name]

    def forget_all(self) -> None:
        """For when changes may have been missed."""
        self._known.clear()
        self._names.clear()
        self._names_of.clear()
        self._erasures += 1

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
        period = periods.at(self._clock.now_us())
        place = place_of(tenant, subject, period)
        with self._listening(place):
            return await self._agreed(tenant, subject, period, place)

    async def _agreed(self, tenant: str, subject: str, period: str, place: str) -> DataKey:
        for _ in range(_TRIES):
            erasures = self._erasures
            record, last = await self._read(place)
            if record is not None:
                return await self._unwrap(tenant, subject, place, record, erasures)
            draft = wrapped(self._vault, place, periods.key_id(period, secrets.token_hex(8)), os.urandom(32))
            headers = {"Nats-Expected-Last-Subject-Sequence": str(last)}
            ack = await api.publish(self._connection, place, draft.encode(), headers)
            if ack.error is None:
                return await self._unwrap(tenant, subject, place, draft, erasures)
            if ack.error.err_code != api.WRONG_LAST_SEQUENCE:
                raise Unavailable(f"the key store refused a new key: {ack.error.description}", retry_after=1)
            # somebody else was first: their key is the one
        raise Unavailable("the key store changes too fast to agree on a key; try again", retry_after=1)

    async def _read(self, place: str) -> tuple[Record | None, int]:
        """The record in force and the sequence of the last message about the subject, 0 when there was never one."""
        stored = await self._stored(place)
        if stored is None:
            return None, 0
        return Record.decode(stored.payload), stored.sequence

    async def _stored(self, place: str) -> Stored | None:
        if not self._connection.connected:
            # the client would wait for its connection until the request times out
            raise Unavailable("the key store cannot be reached: no connection to the log; try again", retry_after=1)
        return await api.get_message(self._connection, f"KV_{VAULT}", last_of=place)

    async def _unwrap(self, tenant: str, subject: str, place: str, record: Record, erasures: int) -> DataKey:
        if not self._vault.can_unwrap(record.master):
            # the master key may have been changed a moment ago
            await self._vault.refresh()
        clear = unwrapped(self._vault, place, record)
        until_us = periods.end_us(periods.of_key(record.key))
        found = DataKey(record.key, AESGCM(clear), self._clock.monotonic(), until_us)
        current = self._clock.now_us() < until_us
        if current and erasures == self._erasures and self._heard.get(place, record.key) == record.key:
            before = self._names_of.pop((tenant, subject), None)
            if before is not None:
                self._names.pop(before, None)
            self._known[tenant, subject] = found
            self._known.move_to_end((tenant, subject))
            self._names[place] = (tenant, subject)
            self._names_of[tenant, subject] = place
            while len(self._known) > self._bound:
                gone, _ = self._known.popitem(last=False)
                self._names.pop(self._names_of.pop(gone), None)
        return found


def wrapped(vault: Vault, place: str, key: str, clear: bytes) -> Record:
    """The record of a data key, under the wrapping key in force."""
    nonce, sealed = vault.wrap(vault.key_id, clear, bound("data-key", place, key))
    return Record(FORMAT, key, vault.key_id, nonce, sealed)


def unwrapped(vault: Vault, place: str, record: Record) -> bytes:
    """
    Raises:
        NotAuthentic: see `Vault.unwrap`.
    """
    return vault.unwrap(record.master, record.nonce, record.wrapped, record.additional(place))


def wrapped_under(payload: bytes) -> set[str]:
    """The name of the wrapping key of a record, if it is one."""
    try:
        record = Record.decode(payload)
    except NotAuthentic:
        return set()
    return set() if record is None else {record.master}


def _key_of(payload: bytes) -> str:
    """Id of the key in a record of the bucket; empty when there is none in it, or it cannot be read."""
    try:
        record = Record.decode(payload)
    except NotAuthentic:
        return ""
    return "" if record is None else record.key


def place_of(tenant: str, subject: str, period: str = "") -> str:
    """Subject of the bucket's entry, which also labels the data subject's objects.

    Args:
        period: see `periods`; keys of earlier releases have none.
    """
    name = token(subject)
    if len(name) > _LONGEST:
        name = "=H" + hashlib.sha256(subject.encode("utf-8", "surrogatepass")).hexdigest()
    own = f"$KV.{VAULT}.{token(tenant)}.{name}"
    return f"{own}.{period}" if period else own


async def places_like(connection: LogConnection, pattern: str) -> list[str]:
    """Entries of the bucket that match a subject with wildcards, erased ones too.

    Raises:
        Unavailable: no answer.
    """
    found: list[str] = []
    while True:
        asked = {"subjects_filter": pattern, "offset": len(found)}
        answer = await api.call(connection, f"STREAM.INFO.KV_{VAULT}", asked)
        page = answer["state"].get("subjects") or {}
        found += page
        if not page or len(found) >= int(answer.get("total", len(found))):
            return found
