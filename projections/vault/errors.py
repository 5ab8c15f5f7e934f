"""What can go wrong with sealed things, by name. No message here holds clear text, a key or ciphertext."""

from __future__ import annotations

from schemas.errors import NexusError, NotFound


class Erased(NotFound):
    """The data key is gone, and with it every body sealed under it: nobody can open this any more."""

    code = "erased"


class NotAuthentic(NexusError):
    """Sealed bytes, or what they are bound to (tenant, subject, request, part), are not what was sealed."""

    code = "not_authentic"


class BadMasterKey(ValueError):
    """The master key is missing, malformed or readable by others. The message says what to do, never the key."""
