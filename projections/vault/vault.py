"""What is derived from the master key: key hashes, pseudonyms, sealed secrets, wrapped data keys. No network here."""

from __future__ import annotations

import hashlib
import hmac
import os
from collections import OrderedDict

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from projections.vault import master
from projections.vault.errors import NotAuthentic
from schemas.aggregates.credential import SealedSecret
from schemas.settings import Settings

NONCE = 12
"""Bytes; random (NIST SP 800-38D, section 8.2.2), so a key must seal far fewer than 2^32 times."""

REMEMBERED = 10_000
"""Pseudonyms kept in memory, the last used."""


def bound(*parts: str) -> bytes:
    """Additional data: the parts in UTF-8 with NUL between them.

    Raises:
        ValueError: a part holds NUL, which would let two different lists look alike.
    """
    text = "\x00".join(parts)
    if text.count("\x00") != len(parts) - 1:
        raise ValueError("a name that something is sealed for must not hold NUL")
    return text.encode("utf-8", "surrogatepass")


class Vault:
    """One master key and what follows from it. Each purpose has its own key by HKDF-SHA256 (RFC 5869)."""

    __slots__ = ("_known", "_pepper", "_pseudonyms", "_secrets", "_wrapping", "key_id")

    def __init__(self, master_key: bytes) -> None:
        """
        Args:
            master_key: 32 bytes from a good source of randomness.
        """
        self.key_id = _derive(master_key, b"id").hex()[:8]
        """Names the master key without telling anything about it."""
        self._pepper = _derive(master_key, b"virtual-keys")
        self._pseudonyms = _derive(master_key, b"pseudonyms")
        self._known: OrderedDict[tuple[str, str], str] = OrderedDict()
        self._secrets = AESGCM(_derive(master_key, b"secrets"))
        self._wrapping = AESGCM(_derive(master_key, b"data-keys"))

    @classmethod
    def open(cls, settings: Settings) -> Vault:
        """The vault of this installation: `NEXUS_MASTER_KEY`, else `master.key` in the data directory, made if missing.

        Raises:
            BadMasterKey: see `master`.
        """
        given = settings.master_key
        return cls(master.parse(given) if given else master.from_file(settings.data))

    def __repr__(self) -> str:
        return f"Vault(key={self.key_id})"

    def hash_key(self, text: str) -> str:
        """HMAC-SHA-256 of a virtual key or admin key, in hex: what is stored and looked up instead of it."""
        return hmac.digest(self._pepper, text.encode("utf-8", "surrogatepass"), "sha256").hex()

    def pseudonym(self, tenant: str, user: str) -> str:
        """A stable name of a tenant's user that does not tell who it is: `sub_` and 32 hex digits."""
        known = self._known.get((tenant, user))
        if known is not None:
            self._known.move_to_end((tenant, user))
            return known
        digest = hmac.digest(self._pseudonyms, bound(tenant, hashlib.sha256(user.encode()).hexdigest()), "sha256")
        self._known[tenant, user] = made = "sub_" + digest.hex()[:32]
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return made

    def seal_secret(self, kind: str, tenant: str, id: str, clear: str) -> SealedSecret:
        """Seals a secret for one aggregate; `kind` is `credential` or `siem-target`."""
        nonce = os.urandom(NONCE)
        return SealedSecret(self.key_id, nonce, self._secrets.encrypt(nonce, clear.encode(), bound(kind, tenant, id)))

    def open_secret(self, kind: str, tenant: str, id: str, sealed: SealedSecret) -> str:
        """The secret in the clear.

        Raises:
            NotAuthentic: sealed for something else, changed, or under another master key.
        """
        if sealed.key != self.key_id:
            raise NotAuthentic(f"{kind} {id} was sealed under master key {sealed.key[:8]}, this one is {self.key_id}")
        try:
            return self._secrets.decrypt(sealed.nonce, sealed.ciphertext, bound(kind, tenant, id)).decode()
        except (InvalidTag, ValueError):
            raise NotAuthentic(f"{kind} {id} cannot be opened: it was sealed for something else or changed") from None

    def wrap(self, tenant: str, subject: str, key: str, data_key: bytes) -> tuple[bytes, bytes]:
        """(nonce, wrapped) of a data key for storage."""
        nonce = os.urandom(NONCE)
        return nonce, self._wrapping.encrypt(nonce, data_key, bound("data-key", tenant, subject, key))

    def unwrap(self, tenant: str, subject: str, key: str, nonce: bytes, wrapped: bytes) -> bytes:
        """The data key.

        Raises:
            NotAuthentic: it belongs to somebody else, was changed, or was wrapped under another master key.
        """
        try:
            return self._wrapping.decrypt(nonce, wrapped, bound("data-key", tenant, subject, key))
        except (InvalidTag, ValueError):
            raise NotAuthentic("a data key cannot be unwrapped: another master key, or it was changed") from None


def _derive(master_key: bytes, purpose: bytes) -> bytes:
    if len(master_key) != 32:
        raise ValueError("a master key has 32 bytes")
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=b"nexus/v1/" + purpose).derive(master_key)
