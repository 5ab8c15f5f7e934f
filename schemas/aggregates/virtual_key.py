"""Virtual key: what an application authenticates with. Only the HMAC of the key is ever known here."""

from __future__ import annotations

import re

import msgspec

from schemas.aggregates.decider import Change, Command, Create, Decider, Put, Remove, State
from schemas.errors import Conflict, InvalidRequest, NotFound

_HASH = re.compile(r"[0-9a-f]{64}\Z")
_PREFIX = re.compile(r"nvk_[0-9a-f]{8}\Z")


class VirtualKey(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    id: str
    tenant: str
    hash: str
    """HMAC-SHA-256 of the whole key under the vault's pepper, in hex."""
    prefix: str
    """The first 12 characters, for people to recognise it by."""
    name: str = ""
    owner: str = ""
    """The data subject when a request names no user; the key's id when empty."""
    models: tuple[str, ...] = ()
    """Requested names the key may use, a trailing `*` matches any ending; empty for all."""
    requests_per_minute: int = 0
    """0 for no limit."""
    expires_us: int = 0
    """Microseconds since the epoch; 0 for never."""
    enabled: bool = True


class VirtualKeyIssued(msgspec.Struct, frozen=True, gc=False):
    spec: VirtualKey


class VirtualKeyChanged(msgspec.Struct, frozen=True, gc=False):
    spec: VirtualKey


class VirtualKeyRevoked(msgspec.Struct, frozen=True):
    reason: str = ""


class Revoked(msgspec.Struct, frozen=True):
    """A revoked key stays revoked: its id cannot be used again."""

    spec: VirtualKey
    reason: str


def _checked(spec: VirtualKey) -> VirtualKey:
    found = []
    if not _HASH.match(spec.hash) or not _PREFIX.match(spec.prefix):
        found.append("hash must be 64 hex digits and prefix the first 12 characters of the key")
    if not spec.id or len(spec.id) > 63:
        found.append("id must have 1 to 63 characters")
    if spec.requests_per_minute < 0 or spec.expires_us < 0:
        found.append("requests_per_minute and expires_us must not be negative")
    if found:
        raise InvalidRequest("virtual key: " + "; ".join(found))
    return spec


def decide(command: Command, state: State) -> tuple[msgspec.Struct, ...]:
    """Issue, change, revoke; whatever follows a revocation is refused."""
    if isinstance(state, Revoked):
        raise Conflict("virtual key is revoked; issue a new one")
    current = state if isinstance(state, VirtualKey) else None
    match command:
        case Create(spec=new) if current is not None:
            raise Conflict("virtual key exists already")
        case Create(spec=new):
            return (VirtualKeyIssued(_checked(new)),)
        case Put(spec=new) if current is None:
            return (VirtualKeyIssued(_checked(new)),)
        case Put(spec=new) | Change(spec=new):
            if current is None:
                raise NotFound("virtual key does not exist")
            if (new.id, new.tenant, new.hash, new.prefix) != (
                current.id,
                current.tenant,
                current.hash,
                current.prefix,
            ):
                raise InvalidRequest("virtual key: id, tenant, hash and prefix cannot be changed")
            return () if new == current else (VirtualKeyChanged(_checked(new)),)
        case Remove(reason=reason):
            if current is None:
                raise NotFound("virtual key does not exist")
            return (VirtualKeyRevoked(reason),)


def evolve(state: State, fact: msgspec.Struct) -> State:
    """The key in force, or `Revoked`, which nothing on the log can undo."""
    if isinstance(state, Revoked):
        return state
    match fact:
        case VirtualKeyIssued(spec=spec) | VirtualKeyChanged(spec=spec):
            return spec
        case VirtualKeyRevoked(reason=reason) if isinstance(state, VirtualKey):
            return Revoked(state, reason)
    return state


DECIDER = Decider(
    "virtual-key",
    "virtual-keys",
    VirtualKey,
    (VirtualKeyIssued, VirtualKeyChanged, VirtualKeyRevoked),
    decide,
    evolve,
)
