"""Pack: rules compiled for one kind of machine, in the object store. The compliance worker writes it, nobody else."""

from __future__ import annotations

import re

import msgspec

from schemas.aggregates.decider import definition, problems_of_id

BUILT_IN, CUSTOM = "built-in", "custom"
"""What is compiled: the rules that come with Nexus (of the tenant `system`), or a tenant's own."""
MOST_BYTES = 64 * 1024 * 1024
_HASH = re.compile(r"[0-9a-f]{64}\Z")


class Pack(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    id: str
    """`pack_id` of what is compiled and for which machines."""
    tenant: str
    version: str
    """`schemas.screening.rules.version` of the rules as they were written."""
    rules: int
    size: int
    """Bytes of the object."""
    sha256: str
    """Of the object, in hex, and its name in the object store."""
    platform: str
    """The scanner and the kind of processor that it runs on."""


def pack_id(kind: str, platform_hash: str) -> str:
    return f"{kind}-{platform_hash}"


def _problems(spec: Pack) -> list[str]:
    found = problems_of_id(spec.id)
    if not _HASH.match(spec.sha256):
        found.append("sha256 must be 64 hex digits")
    if not 0 < spec.size <= MOST_BYTES:
        found.append(f"size must be from 1 to {MOST_BYTES} bytes")
    if not spec.version or spec.rules < 1:
        found.append("version and rules must be given")
    return found


class PackCreated(msgspec.Struct, frozen=True):
    spec: Pack


class PackChanged(msgspec.Struct, frozen=True):
    spec: Pack


class PackRemoved(msgspec.Struct, frozen=True):
    reason: str = ""


DECIDER = msgspec.structs.replace(
    definition("pack", "packs", Pack, PackCreated, PackChanged, PackRemoved, _problems), by_hand=False
)
