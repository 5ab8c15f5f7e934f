"""Who may use the admin plane: principals, the key file, the authenticator. No HTTP here but the header's text."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import stat
from collections.abc import Mapping
from pathlib import Path

import msgspec

from projections import files
from schemas.errors import Forbidden, Unauthenticated

KEY_FILE = "admin.key"
_KEY = re.compile(r"nxa_[0-9a-f]{64}\Z")


class BadKeyFile(RuntimeError):
    """The key file cannot be trusted or read; the text says what to do and holds nothing of its content."""


class Principal(msgspec.Struct, frozen=True):
    """Somebody who was recognised."""

    name: str
    tenants: frozenset[str] | None = None
    """The tenants that this one may see and change; None for all, the platform's own included."""

    def may(self, tenant: str) -> bool:
        return self.tenants is None or tenant in self.tenants

    def require(self, tenant: str) -> None:
        """Raises Forbidden for a tenant that is not this principal's."""
        if not self.may(tenant):
            raise Forbidden("This administrator is not allowed to act for that tenant.", param="tenant")

    def require_all(self) -> None:
        """Raises Forbidden unless every tenant is this principal's."""
        if self.tenants is not None:
            raise Forbidden("Only an administrator of the whole platform may do this.")

    @property
    def actor(self) -> str:
        """As facts name it."""
        return f"admin:{self.name}"


ROOT = Principal("root")
"""Who holds the key of the key file."""


class Authenticator:
    """Recognises bearer keys by their SHA-256, in constant time for every key known."""

    def __init__(self, keys: Mapping[str, Principal]) -> None:
        """Args: keys: principals by their admin key in the clear, which is not kept."""
        self._known = [(_digest(key), principal) for key, principal in keys.items()]

    def authenticate(self, authorization: str | None) -> Principal:
        """The principal behind an `Authorization` header.

        Raises:
            Unauthenticated: no bearer key, or one that is not known.
        """
        scheme, _, key = (authorization or "").strip().partition(" ")
        if scheme.lower() != "bearer" or not key.strip():
            raise Unauthenticated(
                f"Send `Authorization: Bearer <admin key>`; the key is in the file {KEY_FILE} of the data directory."
            )
        digest = _digest(key.strip())
        found: Principal | None = None
        for known, principal in self._known:
            if hmac.compare_digest(known, digest):
                found = principal
        if found is None:
            raise Unauthenticated(
                f"This admin key is not valid. The key in force is in the file {KEY_FILE} of the data directory."
            )
        return found


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()


def open_key_file(directory: Path) -> str:
    """The first admin key; made when there is none yet, by exactly one of several processes that start at once.

    Raises:
        BadKeyFile: others than the owner may read the file, or it holds something else.
    """
    path = directory / KEY_FILE
    if not path.exists():
        directory.mkdir(parents=True, exist_ok=True)
        files.create(path, f"nxa_{secrets.token_hex(32)}\n".encode())
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise BadKeyFile(f"{path} may be read by others (mode {mode:04o}); run: chmod 600 {path}")
    key = path.read_text(encoding="ascii", errors="replace").strip()
    if not _KEY.match(key):
        raise BadKeyFile(
            f"{path} does not hold an admin key (nxa_ and 64 hex digits); remove it to have a new one made"
        )
    return key
