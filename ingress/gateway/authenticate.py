"""Who is calling: the one authenticator of virtual keys, for every protocol."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import msgspec

from projections.live.state import TenantView
from schemas.aggregates.virtual_key import VirtualKey
from schemas.errors import Forbidden, Unauthenticated
from schemas.routing.choose import matches

ALIASES = ("x-api-key", "x-goog-api-key", "api-key")
"""Headers in which clients of Anthropic, Gemini and Azure send a key."""
KEY_LENGTH = 68
"""`nvk_` and 64 hex digits."""


class Configuration(Protocol):
    """What is needed of the live configuration."""

    keys_by_hash: dict[str, VirtualKey]
    tenants: dict[str, TenantView]


class Caller(msgspec.Struct, frozen=True, gc=False):
    """An authenticated key and its tenant."""

    key: VirtualKey
    tenant: TenantView

    @property
    def actor(self) -> str:
        return f"key:{self.key.id}"

    def may_use(self, model: str) -> bool:
        """Whether the key's list of models admits a requested name."""
        return not self.key.models or any(matches(pattern, model) for pattern in self.key.models)


def presented_key(header: Callable[[str], str]) -> str:
    """The key in a request's headers; empty when there is none.

    `x-nexus-virtual-key` first, then `Authorization: Bearer`, then where clients of other protocols put theirs.
    """
    own = header("x-nexus-virtual-key")
    if own:
        return own.strip()
    scheme, _, value = header("authorization").partition(" ")
    if scheme.lower() == "bearer" and value:
        return value.strip()
    for name in ALIASES:
        if alias := header(name):
            return alias.strip()
    return ""


class Authenticator:
    """Finds the key by its HMAC: an attacker learns nothing from timing, since only hashes are compared."""

    def __init__(self, configuration: Configuration, hash_key: Callable[[str], str]) -> None:
        self._configuration = configuration
        self._hash = hash_key

    def identify(self, header: Callable[[str], str], now_us: int) -> Caller:
        """The caller behind a request's headers.

        Raises:
            Unauthenticated: no key, an unknown, revoked, disabled or expired one. The text never quotes the key.
            Forbidden: the key's tenant is switched off.
        """
        presented = presented_key(header)
        if not presented:
            raise Unauthenticated(
                "You didn't provide an API key. Send a virtual key as 'Authorization: Bearer nvk_…' "
                "or 'x-nexus-virtual-key'.",
                code="missing_api_key",
            )
        key = None
        if len(presented) == KEY_LENGTH and presented.startswith("nvk_"):
            key = self._configuration.keys_by_hash.get(self._hash(presented))
        if key is None or not key.enabled:
            raise Unauthenticated("Incorrect API key provided: it is unknown, revoked or disabled.")
        if key.expires_us and key.expires_us <= now_us:
            raise Unauthenticated("Incorrect API key provided: it has expired.", code="expired_api_key")
        tenant = self._configuration.tenants.get(key.tenant)
        if tenant is None or not tenant.enabled:
            raise Forbidden("The tenant of this key is disabled.", code="tenant_disabled")
        return Caller(key, tenant)
