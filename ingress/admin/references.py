"""What configuration names must exist, and what is named cannot go. Pure functions over the view of CONFIG."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Set
from typing import Any, Protocol

import msgspec

from schemas.aggregates.budget import Budget
from schemas.aggregates.catalogue import DECIDERS
from schemas.aggregates.decider import State
from schemas.aggregates.kill import Kill
from schemas.aggregates.model import Model
from schemas.aggregates.passthrough import Passthrough
from schemas.aggregates.policy import RULES_NAMED, Policy
from schemas.aggregates.provider import Provider
from schemas.aggregates.route import Route
from schemas.aggregates.siem_target import SiemTarget
from schemas.aggregates.tenant import Tenant
from schemas.aggregates.virtual_key import VirtualKey
from schemas.errors import Conflict, InvalidRequest
from schemas.facts.traffic import SYSTEM
from schemas.likeness import likeliest

BUILT_IN = {"policy": ("default",)}
"""What every tenant has without anybody creating it."""
BUDGET_TARGETS = {"key": "virtual-key", "provider": "provider", "model": "model"}
SWITCH_TARGETS = {"route": "route", "key": "virtual-key", "provider": "provider"}
OF_SYSTEM = ("siem-targets", "kills", "passthroughs")
"""What the tenant `system` may have."""
_NAMED_AT_MOST = 5


class ConfigView(Protocol):
    """What is needed of the live configuration."""

    def state_of(self, aggregate: str, tenant: str, identifier: str) -> State: ...

    def all_of(self, aggregate: str, tenant: str | None = None) -> Iterable[Any]: ...

    @property
    def keys_by_hash(self) -> Mapping[str, VirtualKey]: ...

    @property
    def revoked_hashes(self) -> Set[str]: ...


class Reference(msgspec.Struct, frozen=True):
    """A field that names something by its id."""

    field: str
    aggregate: str
    id: str


def references(spec: msgspec.Struct) -> Iterator[Reference]:
    """Everything in the spec that must exist, the tenant itself aside."""
    match spec:
        case Tenant(parent=parent) if parent:
            yield Reference("parent", "tenant", parent)
        case Provider():
            for field in ("credential", "client_key"):
                if identifier := getattr(spec, field):
                    yield Reference(field, "credential", identifier)
        case Model():
            yield Reference("id", "provider", spec.account)
        case Route():
            yield Reference("policy", "policy", spec.policy)
            for index, target in enumerate(spec.targets):
                yield Reference(f"targets[{index}].account", "provider", target.account)
                if target.model:
                    yield Reference(f"targets[{index}].model", "model", f"{target.account}/{target.model}")
        case Policy():
            for index, hook in enumerate(spec.hooks):
                if hook.options.credential:
                    yield Reference(f"hooks[{index}].options.credential", "credential", hook.options.credential)
        case Budget(scope=scope, target=name) if scope in BUDGET_TARGETS:
            yield Reference("target", BUDGET_TARGETS[scope], name)
        case Kill(scope=scope, target=name) | Passthrough(scope=scope, target=name) if scope in SWITCH_TARGETS:
            yield Reference("target", SWITCH_TARGETS[scope], name)


def check_references(spec: msgspec.Struct, tenant: str, view: ConfigView, before: State = None) -> None:
    """Looks up everything that the spec names.

    Args:
        before: what it replaces. A name that stood there already is not looked up: what lost its support must still be
            possible to switch off.

    Raises:
        InvalidRequest: something does not exist. The message names each field and the nearest ids there are, but not
            what was given, which may be a secret in the wrong place.
    """
    kept = set() if before is None else {(named.aggregate, named.id) for named in references(before)}
    missing = [
        named
        for named in references(spec)
        if (named.aggregate, named.id) not in kept and not _exists(named, tenant, view)
    ]
    if missing:
        told = "; ".join(
            f"{reference.field} names a {_word(reference.aggregate)} that does not exist"
            f" ({nearest(reference.id, _ids(reference.aggregate, tenant, view))})"
            for reference in missing
        )
        raise InvalidRequest(told, param=missing[0].field)


def check_rules(spec: msgspec.Struct, rules: Collection[str], before: State = None) -> None:
    """Raises InvalidRequest when a policy speaks of screening rules that there are not: it would change nothing."""
    if not isinstance(spec, Policy):
        return
    kept = {*before.overrides, *before.disabled, *before.severities} if isinstance(before, Policy) else set()
    for field in RULES_NAMED:
        for rule in getattr(spec, field):
            if rule not in rules and rule not in kept:
                raise InvalidRequest(f"{field} names a rule that does not exist ({nearest(rule, rules)})", param=field)


def check_unique(spec: msgspec.Struct, view: ConfigView) -> None:
    """Raises Conflict when a virtual key is brought along that is in force under another id, or was revoked; and when
    the file of a SIEM target is another's, be it another tenant's: they all lie in one directory."""
    if isinstance(spec, VirtualKey):
        if spec.hash in view.revoked_hashes:
            raise Conflict("This key was revoked and stays so; leave key out to have a new one made.", param="key")
        other = view.keys_by_hash.get(spec.hash)
        if other is not None and (other.tenant, other.id) != (spec.tenant, spec.id):
            raise Conflict("Another virtual key has this key; leave key out to have a new one made.", param="key")
    if isinstance(spec, SiemTarget) and spec.kind == "file":
        others = [each for each in view.all_of("siem-target") if (each.tenant, each.id) != (spec.tenant, spec.id)]
        if any(not _written(spec).isdisjoint(_written(each)) for each in others if each.kind == "file"):
            raise Conflict("Another SIEM target writes to this file; choose another name.", param="file")


def _written(target: SiemTarget) -> set[str]:
    """The files that a target writes, as a file system sees their names that does not tell capitals apart."""
    name = target.file.lower()
    return {name, f"{name}.position"}


def check_tenant(collection: str, tenant: str, view: ConfigView) -> None:
    """Raises InvalidRequest unless the tenant exists, or is the platform's own where that may be."""
    if tenant == SYSTEM:
        if collection not in OF_SYSTEM:
            raise InvalidRequest(
                f"The tenant system is the platform's own; only {', '.join(OF_SYSTEM)} may be its.", param="tenant"
            )
    elif view.state_of("tenant", tenant, tenant) is None:
        known = [found.id for found in view.all_of("tenant")]
        raise InvalidRequest(f"tenant does not exist ({nearest(tenant, known)})", param="tenant")


def referrers(aggregate: str, tenant: str, identifier: str, view: ConfigView) -> list[str]:
    """What names this, as `collection/id`; for a tenant, everything it has.

    A virtual key has none: taking away access must never have to wait for tidying up. Nor has what is built in as well.
    """
    if aggregate == "virtual-key" or identifier in BUILT_IN.get(aggregate, ()):
        return []
    if aggregate == "tenant":
        owned = [
            f"{decider.collection}/{spec.id}"
            for decider in DECIDERS
            if decider.name != "tenant" and decider.by_hand
            for spec in view.all_of(decider.name, identifier)
        ]
        return owned + [f"tenants/{child.id}" for child in view.all_of("tenant") if child.parent == identifier]
    return [
        f"{decider.collection}/{spec.id}"
        for decider in DECIDERS
        for spec in view.all_of(decider.name, tenant)
        if any((named.aggregate, named.id) == (aggregate, identifier) for named in references(spec))
    ]


def check_unreferenced(aggregate: str, tenant: str, identifier: str, view: ConfigView) -> None:
    """Raises Conflict that names what still needs this."""
    found = referrers(aggregate, tenant, identifier, view)
    if found:
        verb = "still has" if aggregate == "tenant" else "is still named by"
        raise Conflict(
            f"This {_word(aggregate)} {verb} {_some(found)}; change or delete those first.", code="still_referenced"
        )


def nearest(wanted: str, known: Iterable[str]) -> str:
    """The known ids most like the wanted one, in words; some of them when none is like it."""
    ids = sorted(known)
    if not ids:
        return "there is none yet"
    close = likeliest(wanted, ids, cutoff=0.5)
    if close:
        return f"nearest: {', '.join(close)}"
    return f"there are: {_some(ids)}"


def _some(names: list[str]) -> str:
    more = len(names) - _NAMED_AT_MOST
    return ", ".join(names[:_NAMED_AT_MOST]) + (f" and {more} more" if more > 0 else "")


def _exists(reference: Reference, tenant: str, view: ConfigView) -> bool:
    return reference.id in _ids(reference.aggregate, tenant, view)


def _ids(aggregate: str, tenant: str, view: ConfigView) -> set[str]:
    found = {spec.id for spec in view.all_of(aggregate, None if aggregate == "tenant" else tenant)}
    if aggregate == "model":
        found |= {f"{told.id}/{each.name}" for told in view.all_of("model-list", tenant) for each in told.models}
    return found | set(BUILT_IN.get(aggregate, ()))


def _word(aggregate: str) -> str:
    return aggregate.replace("-", " ")
