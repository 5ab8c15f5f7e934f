"""What callers send and see of each collection: secrets are sealed here, keys are made here. No HTTP, no stores."""

from __future__ import annotations

import hmac
import re
import secrets
import time
from typing import Any, Protocol

import msgspec
from msgspec import UNSET, UnsetType

from ingress.admin.data_subjects import check_reason, subject_of
from projections.vault.errors import NotAuthentic
from schemas.aggregates.catalogue import BY_COLLECTION
from schemas.aggregates.credential import Credential, SealedSecret
from schemas.aggregates.decider import Decider
from schemas.aggregates.hold import EVERYONE, Hold
from schemas.aggregates.passthrough import Passthrough
from schemas.aggregates.policy import Policy
from schemas.aggregates.siem_target import SiemTarget
from schemas.aggregates.virtual_key import VirtualKey
from schemas.errors import Conflict, InvalidRequest
from schemas.screening.allowing import LONGEST, hashed_by

_KEY = re.compile(r"nvk_[0-9a-f]{64}\Z")
MAX_SECRET = 16_384
"""Characters; a service account's JSON fits."""


class Sealing(Protocol):
    """What is needed of the vault."""

    def seal_secret(self, kind: str, tenant: str, id: str, clear: str) -> SealedSecret: ...

    def open_secret(self, kind: str, tenant: str, id: str, sealed: SealedSecret) -> str: ...

    def hash_key(self, text: str) -> str: ...

    def pseudonym(self, tenant: str, user: str) -> str: ...


class Completed(msgspec.Struct, frozen=True):
    """A spec ready to be decided on, and what its caller is told once and nobody ever again."""

    spec: msgspec.Struct
    once: dict[str, str] = {}

    def __repr__(self) -> str:
        return "Completed()"


class Intake:
    """A collection whose callers send just the fields of the spec."""

    hidden: tuple[str, ...] = ()
    """Fields of the spec that callers neither send nor see."""
    clear: tuple[tuple[str, Any], ...] = ()
    """Fields that callers send and nobody ever sees: name and type."""
    shown: tuple[tuple[str, Any], ...] = ()
    """Fields that callers see but do not send: name and type."""
    kept: tuple[str, ...] = ()
    """Fields of the spec that stay as they are when a body does not have them, also when it replaces the whole."""
    told: tuple[tuple[str, Any], ...] = ()
    """Fields that only the answer to a creation holds: name and type."""

    def __init__(self, decider: Decider) -> None:
        self.decider = decider
        optional = ("id", "tenant")
        fields = [field for field in msgspec.structs.fields(decider.spec) if field.name not in self.hidden]
        name = decider.spec.__name__
        self.shape: type[Any] = msgspec.defstruct(
            f"{name}Input",
            [
                (field.name, str, "")
                if field.name in optional
                else (field.name, field.type | UnsetType, UNSET)
                if field.name in self.kept
                else _declared(field)
                for field in fields
            ]
            + [(name, kind | UnsetType, UNSET) for name, kind in self.clear],
            kw_only=True,
            frozen=True,
            forbid_unknown_fields=True,
        )
        """What a body may hold; the id may come from the path and the tenant from the query."""
        self.answer: type[Any] = msgspec.defstruct(
            name,
            [_declared(field) for field in fields] + [(name, kind) for name, kind in self.shown] + [("version", int)],
            kw_only=True,
        )
        """What an answer holds; documentation only."""
        self.created: type[Any] = self.answer
        """What the answer to a creation holds; documentation only."""
        if self.told:
            told = [(name, kind | None, None) for name, kind in self.told]
            self.created = msgspec.defstruct(f"{name}Created", told, bases=(self.answer,), kw_only=True)

    def view(self, spec: msgspec.Struct) -> dict[str, Any]:
        """The spec as callers see it."""
        return {
            name: msgspec.to_builtins(getattr(spec, name)) for name in spec.__struct_fields__ if name not in self.hidden
        }

    def check_removal(self, spec: Any, reason: str, vault: Sealing) -> None:
        """Raises InvalidRequest for a reason of removing it that cannot stand on the log."""

    def complete(self, given: Any, current: msgspec.Struct | None, vault: Sealing) -> Completed:
        """The spec behind a body whose id and tenant are filled in; `current` is what it replaces.

        Raises:
            InvalidRequest: what was sent cannot become a spec.
        """
        return Completed(self.decider.spec(**self._plain(given)))

    def make_id(self) -> str:
        """An id for a body without one. InvalidRequest unless the collection names its members itself."""
        raise InvalidRequest("id is missing", param="id")

    def _plain(self, given: Any) -> dict[str, Any]:
        sealed = {name for name, _ in self.clear}
        return {name: getattr(given, name) for name in given.__struct_fields__ if name not in sealed}


class Credentials(Intake):
    """`secret` comes in clear and is sealed at once."""

    hidden = ("sealed",)
    clear = (("secret", str),)
    shown = (("sealed", bool),)

    def view(self, spec: msgspec.Struct) -> dict[str, Any]:
        return {**super().view(spec), "sealed": True}

    def complete(self, given: Any, current: msgspec.Struct | None, vault: Sealing) -> Completed:
        before = current.sealed if isinstance(current, Credential) else None
        sealed = before
        if given.secret is not UNSET:
            sealed = reseal(vault, "credential", given, "secret", given.secret, before)
        if sealed is None:
            raise InvalidRequest("secret is missing", param="secret")
        return Completed(Credential(**self._plain(given), sealed=sealed))


class SiemTargets(Intake):
    """`token` comes in clear and is sealed at once; null takes it away."""

    hidden = ("token",)
    clear = (("token", str | None),)
    shown = (("sealed", bool),)

    def view(self, spec: msgspec.Struct) -> dict[str, Any]:
        return {**super().view(spec), "sealed": isinstance(spec, SiemTarget) and spec.token is not None}

    def complete(self, given: Any, current: msgspec.Struct | None, vault: Sealing) -> Completed:
        token = current.token if isinstance(current, SiemTarget) else None
        if given.token is None:
            token = None
        elif given.token is not UNSET:
            if not (given.token.isascii() and given.token.isprintable()):
                raise InvalidRequest("token must be printable ASCII; is there a line end behind it?", param="token")
            token = reseal(vault, "siem-target", given, "token", given.token, token)
        return Completed(SiemTarget(**self._plain(given), token=token))


class Policies(Intake):
    """Values to let pass come in clear and are hashed at once; nobody sees them again. No file can have them, so one
    without their hashes is no word about them."""

    clear = (("allow_values", list[str]), ("disallow_values", list[str]))
    kept = ("allowed",)

    def complete(self, given: Any, current: msgspec.Struct | None, vault: Sealing) -> Completed:
        hash_of = hashed_by(vault.hash_key, given.tenant)
        hashed = []
        for name, _ in self.clear:
            values = getattr(given, name)
            values = [] if values is UNSET else values
            if not all(0 < len(value) <= LONGEST for value in values):
                raise InvalidRequest(f"{name} must be values of 1 to {LONGEST} characters", param=name)
            hashed.append([hash_of(value) for value in values])
        more, fewer = hashed
        before = current.allowed if isinstance(current, Policy) else ()
        known = before if given.allowed is UNSET else given.allowed
        allowed = tuple(each for each in dict.fromkeys((*known, *more)) if each not in fewer)
        return Completed(Policy(**{**self._plain(given), "allowed": allowed}))


class VirtualKeys(Intake):
    """The key itself is made here, or brought along in `key`; only its hash and its beginning are kept."""

    hidden = ("hash", "prefix")
    clear = (("key", str),)
    shown = (("prefix", str),)
    told = (("key", str),)

    def view(self, spec: msgspec.Struct) -> dict[str, Any]:
        return {**super().view(spec), "prefix": getattr(spec, "prefix", "")}

    def make_id(self) -> str:
        return f"key-{secrets.token_hex(6)}"

    def complete(self, given: Any, current: msgspec.Struct | None, vault: Sealing) -> Completed:
        key: str | UnsetType = given.key
        if key is not UNSET and not _KEY.match(key):
            raise InvalidRequest("key must be nvk_ and 64 hex digits; leave it out to have one made", param="key")
        if isinstance(current, VirtualKey):
            if key is not UNSET and not hmac.compare_digest(vault.hash_key(key), current.hash):
                raise Conflict(
                    "The key of a virtual key cannot be changed; create another and revoke this.", param="key"
                )
            spec = VirtualKey(**self._plain(given), hash=current.hash, prefix=current.prefix)
            return Completed(spec)
        text = f"nvk_{secrets.token_hex(32)}" if key is UNSET else key
        spec = VirtualKey(**self._plain(given), hash=vault.hash_key(text), prefix=text[:12])
        return Completed(spec, {"key": text})


class Holds(Intake):
    """`subject` may come as the user whom applications name; only the pseudonym is kept."""

    def make_id(self) -> str:
        return f"hold-{secrets.token_hex(6)}"

    def complete(self, given: Any, current: msgspec.Struct | None, vault: Sealing) -> Completed:
        check_reason(vault, given.tenant, given.reason, given.subject)
        subject = EVERYONE if given.subject == EVERYONE else subject_of(vault, given.tenant, given.subject)
        return Completed(Hold(**{**self._plain(given), "subject": subject}))

    def check_removal(self, spec: Any, reason: str, vault: Sealing) -> None:
        if reason:
            check_reason(vault, spec.tenant, reason, spec.subject)


class Models(Intake):
    """Where a model's prices are from is told when it is made without any; see `known_prices`."""

    told = (("prices_from", str),)


class Kills(Intake):
    """A switch whose caller gives it no name is in force all the same."""

    def make_id(self) -> str:
        return f"kill-{secrets.token_hex(4)}"


class Passthroughs(Intake):
    """When it began is said here, so that nobody can put it off or have it begin again."""

    hidden = ("since_us",)
    shown = (("since_us", int), ("until_us", int))

    def view(self, spec: msgspec.Struct) -> dict[str, Any]:
        shown = super().view(spec)
        return {**shown, **{name: getattr(spec, name) for name in ("since_us", "until_us")}}

    def make_id(self) -> str:
        return f"passthrough-{secrets.token_hex(4)}"

    def complete(self, given: Any, current: msgspec.Struct | None, vault: Sealing) -> Completed:
        since = current.since_us if isinstance(current, Passthrough) else time.time_ns() // 1_000
        return Completed(Passthrough(**self._plain(given), since_us=since))


def reseal(vault: Sealing, kind: str, given: Any, field: str, clear: str, before: SealedSecret | None) -> SealedSecret:
    """The sealed form of a secret; the one there is when the secret is the same, so that nothing changes."""
    if not clear or len(clear) > MAX_SECRET:
        raise InvalidRequest(f"{field} must have 1 to {MAX_SECRET} characters", param=field)
    if before is not None and _opens_to(vault, kind, given, before, clear):
        return before
    return vault.seal_secret(kind, given.tenant, given.id, clear)


def _opens_to(vault: Sealing, kind: str, given: Any, sealed: SealedSecret, clear: str) -> bool:
    try:
        known = vault.open_secret(kind, given.tenant, given.id, sealed)
    except NotAuthentic:
        # sealed under another master key: sending the secret again is the way to mend that
        return False
    return hmac.compare_digest(known.encode(), clear.encode())


def _declared(field: msgspec.structs.FieldInfo) -> Any:
    """The field as `defstruct` takes it."""
    if field.default is not msgspec.NODEFAULT:
        return field.name, field.type, field.default
    if field.default_factory is not msgspec.NODEFAULT:
        return field.name, field.type, msgspec.field(default_factory=field.default_factory)
    return field.name, field.type


_SPECIAL: dict[str, type[Intake]] = {
    "credentials": Credentials,
    "holds": Holds,
    "kills": Kills,
    "models": Models,
    "passthroughs": Passthroughs,
    "policies": Policies,
    "siem-targets": SiemTargets,
    "virtual-keys": VirtualKeys,
}


def intakes() -> dict[str, Intake]:
    """One intake for every collection of the catalogue."""
    return {name: _SPECIAL.get(name, Intake)(decider) for name, decider in BY_COLLECTION.items()}
