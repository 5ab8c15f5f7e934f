"""The key that signs checkpoints of the log (Ed25519, RFC 8032), kept in a file of its own; and checking signatures."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from projections.vault import master

FILE = "signing.key"
NEXT_FILE = f"{FILE}.next"
"""The new key while it takes the place of the old one."""
PUBLIC_FILE = "signing.pub"
"""64 hex digits: to be kept by those who want to check, where no administrator of the log can reach it."""


class Signer:
    """Signs for this installation. Not derived from the master key, so that it outlives a new one."""

    __slots__ = ("_key", "public_key")

    def __init__(self, seed: bytes) -> None:
        """
        Args:
            seed: 32 bytes from a good source of randomness.
        """
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.public_key = self._key.public_key().public_bytes_raw()
        """32 bytes."""

    @classmethod
    def open(cls, directory: Path) -> Signer:
        """The signer of a data directory; the key is made when there is none, the public one is written beside it.

        Raises:
            BadMasterKey: the file may be read by others, or holds something else.
            OSError: the public key cannot be written.
        """
        signer = cls(master.from_file(directory, FILE))
        if public_key_in(directory) != signer.public_key:
            draft = directory / f".{PUBLIC_FILE}.{secrets.token_hex(8)}"
            draft.write_text(signer.public_key.hex() + "\n")
            os.replace(draft, directory / PUBLIC_FILE)
        return signer

    @classmethod
    def following(cls, directory: Path) -> Signer:
        """The one that is to take the place of that of a data directory; its key is made when there is none.

        Raises:
            BadMasterKey: as of `open`.
        """
        return cls(master.from_file(directory, NEXT_FILE))

    def __repr__(self) -> str:
        return f"Signer(public_key={self.public_key.hex()})"

    def sign(self, message: bytes) -> bytes:
        """64 bytes."""
        return self._key.sign(message)


def put_following(directory: Path) -> Signer:
    """Puts the next key in the place of the present one, durably and whole.

    Raises:
        BadMasterKey: as of `Signer.open`.
        OSError: it cannot be written; the old one is there still.
    """
    master.replace(directory, master.read(directory / NEXT_FILE), FILE)
    return Signer.open(directory)


def is_signed(public_key: bytes, signature: bytes, message: bytes) -> bool:
    """Whether whoever holds the private key has signed these bytes."""
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def public_key_in(directory: Path) -> bytes | None:
    """The public key that a data directory holds; None when there is none, or not in 64 hex digits."""
    try:
        found = bytes.fromhex((directory / PUBLIC_FILE).read_text().strip())
    except (OSError, ValueError):
        return None
    return found if len(found) == 32 else None
