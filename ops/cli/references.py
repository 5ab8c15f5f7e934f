"""Whether everything that a configuration file names exists: in the file itself, or in force already. Sends nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Set
from dataclasses import dataclass

from ops.cli.configuration import Item
from ops.cli.nearest import nearest
from schemas.facts.traffic import SYSTEM

SCOPES = {"key": "virtual-keys", "provider": "providers", "model": "models"}
"""What a budget's target is the id of, by its scope."""
BUILT_IN = {"policies": frozenset({"default"}), "tenants": frozenset({SYSTEM})}
"""What is there without anybody creating it."""

InForce = Callable[[str, str], Set[str]]
"""Ids in force, by collection and tenant (empty for tenants themselves)."""


@dataclass(frozen=True)
class Reference:
    """A field that names something by its id."""

    place: str
    collection: str
    tenant: str
    id: str


def missing(items: Iterable[Item], in_force: InForce) -> list[str]:
    """What is named and exists nowhere, one line each. Ids that were given are not quoted."""
    every = list(items)
    found = []
    for item in every:
        for reference in references(item):
            kept = {one.id for one in every if _is_of(one, reference)} | BUILT_IN.get(reference.collection, frozenset())
            if reference.id not in kept and reference.id not in (
                there := in_force(reference.collection, reference.tenant)
            ):
                known = kept | there
                likely = nearest(reference.id, known) if known else ", and none at all"
                found.append(f"{reference.place}: there is no such id in {reference.collection}{likely}")
    return found


def references(item: Item) -> Iterator[Reference]:
    """Everything that an item names. What belongs to a tenant that is not known yet is left to the admin plane."""
    if item.collection == "tenants":
        if parent := item.body.get("parent"):
            yield Reference(f"{item.place}.parent", "tenants", "", parent)
        return
    if not item.tenant:
        return
    yield Reference(f"{item.place}.tenant", "tenants", "", item.tenant)
    for field, collection, identifier in _inside(item):
        yield Reference(f"{item.place}.{field}", collection, item.tenant, identifier)


def _inside(item: Item) -> Iterator[tuple[str, str, str]]:
    """(field, collection, id) of what is named within the tenant."""
    body = item.body
    match item.collection:
        case "providers":
            if credential := body.get("credential"):
                yield "credential", "credentials", credential
        case "models":
            yield "id", "providers", item.id.partition("/")[0]
        case "routes":
            yield "policy", "policies", body.get("policy", "default")
            for at, target in enumerate(body.get("targets", [])):
                yield f"targets[{at}].account", "providers", target["account"]
                if target.get("model"):
                    yield f"targets[{at}].model", "models", f"{target['account']}/{target['model']}"
        case "budgets":
            if (collection := SCOPES.get(body.get("scope", "tenant"))) is not None:
                yield "target", collection, body["target"]


def _is_of(item: Item, reference: Reference) -> bool:
    return item.collection == reference.collection and (not reference.tenant or item.tenant == reference.tenant)
