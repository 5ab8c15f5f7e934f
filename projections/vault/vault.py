"""What the keys of a ring are used for: key hashes, pseudonyms, sealed secrets, wrapped data keys. No network here."""

from __future__ import annotations

import hashlib
import hmac
import os
from collections import OrderedDict
from collections.abc import Awaitable, Callable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from projections.vault.errors import NotAuthentic
from projections.vault.keyring import Keyring, derived
from schemas.aggregates.credential import SealedSecret

NONCE = 12
"""Bytes; random (NIST SP 800-38D, section 8.2.2), so a key must seal far fewer than 2^32 times."""

_BLOCK = 64
"""Bytes that SHA-256 takes at a time."""
REMEMBERED = 10_000
"""Pseudonyms kept in memory, the last used."""
_LONGEST_REMEMBERED = 256
"""Characters."""


def bound(*parts: str) -> bytes:
    """Additional data: the parts in UTF-8 with NUL between them.

    Raises:
        ValueError: a part holds NUL, which would let two different lists look alike.
    """
    text = "\x00".join(parts)
    if text.count("\x00") != len(parts) - 1:
        raise ValueError("a name that something is sealed for must not hold NUL")
    return text.encode("utf-8", "surrogatepass")


async def _nothing_newer() -> None:
    """A vault without a log stays as it is."""


class Vault:
    """The keys of an installation, each for one purpose. A change of the master key puts a newer ring in their place;
    hashes and pseudonyms stay what they were."""

    __slots__ = ("_inner", "_known", "_outer", "_pseudonyms", "_secrets", "_wrapping", "key_id", "refresh", "ring_id")

    def __init__(self, master_key: bytes) -> None:
        """Everything derived from one key, as before there were rings: for what stands alone.

        Args:
            master_key: 32 bytes from a good source of randomness.
        """
        self._known: OrderedDict[tuple[str, str], str] = OrderedDict()
        self.refresh: Callable[[], Awaitable[None]] = _nothing_newer
        """Looks for a newer ring; raises Unavailable when the log does not answer."""
        self.adopt(derived(master_key))

    @classmethod
    def of(cls, ring: Keyring) -> Vault:
        """The vault of a ring."""
        made = cls(bytes(32))
        made.adopt(ring)
        return made

    def adopt(self, ring: Keyring) -> None:
        """Uses this ring from now on."""
        self.ring_id = ring.id
        self.key_id = ring.wrapping[-1].id
        """Names the key that wraps data keys, without telling anything about it."""
        if getattr(self, "_pseudonyms", None) != ring.pseudonyms:
            self._known.clear()
        # RFC 2104 as far as the key goes, ready to be copied: to begin with the key takes longer than the rest
        pepper = ring.pepper if len(ring.pepper) <= _BLOCK else hashlib.sha256(ring.pepper).digest()
        self._inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in pepper.ljust(_BLOCK, b"\0")))
        self._outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in pepper.ljust(_BLOCK, b"\0")))
        self._pseudonyms = ring.pseudonyms
        self._secrets = {key.id: AESGCM(key.key) for key in ring.secrets}
        self._wrapping = {key.id: AESGCM(key.key) for key in ring.wrapping}

    def __repr__(self) -> str:
        return f"Vault(key={self.key_id})"

    def hash_key(self, text: str) -> str:
        """HMAC-SHA-256 of a virtual key or admin key, in hex: what is stored and looked up instead of it."""
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(text.encode("utf-8", "surrogatepass"))
        outer.update(inner.digest())
        return outer.hexdigest()

    def pseudonym(self, tenant: str, user: str) -> str:
        """A stable name of a tenant's user that does not tell who it is: `sub_` and 32 hex digits."""
        if len(user) > _LONGEST_REMEMBERED:
            # callers choose these: megabytes of each would be kept
            return self._pseudonym(tenant, user)
        known = self._known.get((tenant, user))
        if known is not None:
            self._known.move_to_end((tenant, user))
            return known
        self._known[tenant, user] = made = self._pseudonym(tenant, user)
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return made

    def _pseudonym(self, tenant: str, user: str) -> str:
        hashed = hashlib.sha256(user.encode("utf-8", "surrogatepass")).hexdigest()
        return "sub_" + hmac.digest(self._pseudonyms, bound(tenant, hashed), "sha256").hex()[:32]

    def seal_secret(self, kind: str, tenant: str, id: str, clear: str) -> SealedSecret:
        """Seals a secret for one aggregate; `kind` is `credential` or `siem-target`."""
        nonce = os.urandom(NONCE)
        key, cipher = next(reversed(self._secrets.items()))
        return SealedSecret(key, nonce, cipher.encrypt(nonce, clear.encode(), bound(kind, tenant, id)))

    def open_secret(self, kind: str, tenant: str, id: str, sealed: SealedSecret) -> str:
        """The secret in the clear.

        Raises:
            NotAuthentic: sealed for something else, changed, or under a key that is not on this ring.
        """
        cipher = self._secrets.get(sealed.key)
        if cipher is None:
            here = next(reversed(self._secrets))
            raise NotAuthentic(f"{kind} {id} was sealed under key {sealed.key[:16]}, this installation's is {here}")
        try:
            return cipher.decrypt(sealed.nonce, sealed.ciphertext, bound(kind, tenant, id)).decode()
        except (InvalidTag, ValueError):
            raise NotAuthentic(f"{kind} {id} cannot be opened: it was sealed for something else or changed") from None

    def wrap(self, key: str, data_key: bytes, additional: bytes) -> tuple[bytes, bytes]:
        """(nonce, wrapped) of a data key, under the wrapping key `key`, for storage.

        Args:
            additional: what it is bound to, see `bound`.
        """
        nonce = os.urandom(NONCE)
        return nonce, self._wrapping[key].encrypt(nonce, data_key, additional)

    def unwrap(self, key: str, nonce: bytes, wrapped: bytes, additional: bytes) -> bytes:
        """The data key.

        Raises:
            NotAuthentic: it belongs to somebody else, was changed, or its wrapping key is not on this ring.
        """
        cipher = self._wrapping.get(key)
        if cipher is None:
            raise NotAuthentic(f"a data key was wrapped under key {key[:16]}, this installation's is {self.key_id}")
        try:
            return cipher.decrypt(nonce, wrapped, additional)
        except (InvalidTag, ValueError):
            raise NotAuthentic("a data key cannot be unwrapped: it is another's, or it was changed") from None

    def can_unwrap(self, key: str) -> bool:
        """Whether this wrapping key is on the ring."""
        return key in self._wrapping
