"""The keys of an installation and how they are kept: random, long-lived, sealed under the master key. Pure, no I/O.

What is stored or looked up for ever (hashes of virtual keys, pseudonyms) hangs on keys of this ring and not on the
master key, so that a new master key changes none of it.
"""

from __future__ import annotations

import os
import secrets
from typing import Self

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from projections.vault.errors import NotAuthentic

FORMAT = 1
NONCE = 12
KEY = 32


class SubKey(msgspec.Struct, frozen=True, array_like=True):
    """A key with the name by which sealed things call it. Its representation tells only the name."""

    id: str
    key: bytes

    def __repr__(self) -> str:
        return f"SubKey({self.id})"


class Keyring(msgspec.Struct, frozen=True, array_like=True):
    """Everything that used to be derived from the master key."""

    id: str
    """Another one for other contents."""
    pepper: bytes
    """Of the hashes of virtual keys; never changes."""
    pseudonyms: bytes
    """Never changes."""
    secrets: tuple[SubKey, ...]
    """For credentials and tokens; the last one seals, all open."""
    wrapping: tuple[SubKey, ...]
    """For data keys; likewise."""

    def __repr__(self) -> str:
        return f"Keyring({self.id})"

    def renewed(self) -> Keyring:
        """With new keys for what is sealed from now on. The old ones stay, to open what is on the log already."""
        return Keyring(
            _new_id(), self.pepper, self.pseudonyms, (*self.secrets, _new_key()), (*self.wrapping, _new_key())
        )


class Slot(msgspec.Struct, frozen=True, array_like=True):
    """The ring, sealed under one master key."""

    master: str
    nonce: bytes
    sealed: bytes


class Rotation(msgspec.Struct, frozen=True, array_like=True):
    """A change of the master key that is under way, or not yet told on the log."""

    id: str
    old: str
    new: str
    actor: str
    started_us: int
    rewrapped: int = 0
    """Data keys so far, by runs that ended."""


class SealedRing(msgspec.Struct, frozen=True, array_like=True):
    """What is stored. With two slots, the old master key opens it and the new one too."""

    format: int
    number: int
    """One more with every write."""
    ring: str
    slots: tuple[Slot, ...]
    rotation: Rotation | None = None

    def encode(self) -> bytes:
        return msgspec.msgpack.encode(self)

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """
        Raises:
            NotAuthentic: this is no sealed ring.
        """
        try:
            return msgspec.msgpack.decode(payload, type=cls)
        except msgspec.MsgspecError:
            raise NotAuthentic("the record of the keyring is not readable") from None

    @property
    def masters(self) -> tuple[str, ...]:
        return tuple(slot.master for slot in self.slots)

    def slot_of(self, master: str) -> Slot | None:
        return next((slot for slot in self.slots if slot.master == master), None)


def fresh() -> Keyring:
    """A ring of a new installation: nothing of it follows from any master key."""
    return Keyring(_new_id(), os.urandom(KEY), os.urandom(KEY), (_new_key(),), (_new_key(),))


def derived(master_key: bytes) -> Keyring:
    """What earlier releases derived from the master key itself (HKDF-SHA256, RFC 5869): the ring of an installation
    that is older than rings. These values may never change."""
    id = master_id(master_key)
    return Keyring(
        id,
        _derive(master_key, b"virtual-keys"),
        _derive(master_key, b"pseudonyms"),
        (SubKey(id, _derive(master_key, b"secrets")),),
        (SubKey(id, _derive(master_key, b"data-keys")),),
    )


def master_id(master_key: bytes) -> str:
    """Names a master key without telling anything about it: 8 hex digits."""
    return _derive(master_key, b"id").hex()[:8]


def seal(ring: Keyring, master_key: bytes) -> Slot:
    """The ring, for whoever has this master key."""
    id, nonce = master_id(master_key), os.urandom(NONCE)
    return Slot(id, nonce, _cipher(master_key).encrypt(nonce, msgspec.msgpack.encode(ring), _bound(ring.id, id)))


def unseal(record: SealedRing, master_key: bytes) -> Keyring | None:
    """The ring; None when it is not sealed under this master key.

    Raises:
        NotAuthentic: it is, and was changed.
    """
    slot = record.slot_of(master_id(master_key))
    if slot is None:
        return None
    try:
        clear = _cipher(master_key).decrypt(slot.nonce, slot.sealed, _bound(record.ring, slot.master))
        return msgspec.msgpack.decode(clear, type=Keyring)
    except (InvalidTag, ValueError, msgspec.MsgspecError):
        raise NotAuthentic("the keyring cannot be opened: it was changed") from None


def _cipher(master_key: bytes) -> AESGCM:
    return AESGCM(_derive(master_key, b"keyring"))


def _bound(ring: str, master: str) -> bytes:
    return f"keyring\x00{FORMAT}\x00{ring}\x00{master}".encode()


def _new_id() -> str:
    return secrets.token_hex(8)


def _new_key() -> SubKey:
    return SubKey(_new_id(), os.urandom(KEY))


def _derive(master_key: bytes, purpose: bytes) -> bytes:
    if len(master_key) != KEY:
        raise ValueError("a master key has 32 bytes")
    return HKDF(algorithm=SHA256(), length=KEY, salt=None, info=b"nexus/v1/" + purpose).derive(master_key)
