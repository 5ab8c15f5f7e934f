"""Credential: a provider's secret, sealed before it becomes a fact. The clear text is in no struct of this package."""

from __future__ import annotations

import msgspec

from schemas.aggregates.decider import definition, problems_of_id


class SealedSecret(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """AES-256-GCM under the master key; additional data is `credential NUL tenant NUL id`."""

    key: str
    """Which master key."""
    nonce: bytes
    ciphertext: bytes


class Credential(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    id: str
    tenant: str
    sealed: SealedSecret
    description: str = ""


def _problems(spec: Credential) -> list[str]:
    found = problems_of_id(spec.id)
    if len(spec.sealed.nonce) != 12 or len(spec.sealed.ciphertext) < 17:
        found.append("sealed is not an AES-256-GCM ciphertext with its nonce")
    return found


class CredentialCreated(msgspec.Struct, frozen=True):
    spec: Credential


class CredentialChanged(msgspec.Struct, frozen=True):
    spec: Credential


class CredentialRemoved(msgspec.Struct, frozen=True):
    reason: str = ""


DECIDER = definition(
    "credential",
    "credentials",
    Credential,
    CredentialCreated,
    CredentialChanged,
    CredentialRemoved,
    _problems,
)
