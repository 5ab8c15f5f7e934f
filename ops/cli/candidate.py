"""Candidate configuration from files: the shapes of `nexus apply`, one kind a file. Nothing is sent."""

from __future__ import annotations

import difflib
import json
import os
import tomllib
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from ops.cli.configuration import BadFile, Item, items_of
from ops.cli.exits import Misused
from ops.cli.nearest import nearest
from ops.cli.references import missing
from projections.live.state import LiveState
from schemas.aggregates.catalogue import BY_COLLECTION
from schemas.aggregates.model import Prices
from schemas.aggregates.policy import RULES_NAMED, Policy
from schemas.facts.traffic import SYSTEM
from schemas.screening.rules import names

COLLECTION = {"policy": "policies", "route": "routes", "prices": "models", "budget": "budgets", "key": "virtual-keys"}
"""By the option that names the file."""
NEEDED = {"prices": "prices", "key": "requests_per_minute"}
"""What of an item is all that counts, by option."""
Given = Sequence[tuple[str, Path]]
"""Options and files, in the order of the command line."""
Key = tuple[str, str, str]


class Found:
    """The items of all files, and the file of each."""

    def __init__(self) -> None:
        self.items: list[tuple[str, Path, Item]] = []


def read_candidate(given: Given) -> Found:
    """Reads and checks all files; no reference is looked up.

    Raises:
        Misused: a file cannot be read, or something in it is wrong; fields are named.
    """
    found = Found()
    for option, path in given:
        content = _tables(option, path, _parsed(path))
        items = items_of(str(path), content, os.environ)
        problems = [
            f"{item.place}.{field} is missing"
            for item in items
            if (field := NEEDED.get(option)) and item.body.get(field) in (None, {})
        ]
        if not items:
            problems.append(f"there is nothing of {COLLECTION[option]} in it")
        if problems:
            raise BadFile(str(path), problems)
        found.items += [(option, path, item) for item in items]
    return found


def _parsed(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as problem:
        raise Misused(f"{path} cannot be read: {problem.strerror}") from None
    except UnicodeDecodeError:
        raise Misused(f"{path} is not UTF-8, as TOML and JSON have to be") from None
    try:
        content = json.loads(text) if text.lstrip().startswith("{") else tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadFile(str(path), [f"it is no TOML: {error}"]) from None
    except ValueError as error:
        raise BadFile(str(path), [f"it is no JSON: {error}"]) from None
    assert isinstance(content, dict)
    return content


def _tables(option: str, path: Path, content: dict[str, Any]) -> dict[str, Any]:
    """The content as tables of one collection, whether they are written so or as the fields of one thing."""
    wanted = COLLECTION[option]
    if "id" in content or not any(name in BY_COLLECTION for name in content):
        return {wanted: [content]}
    options = {collection: name for name, collection in COLLECTION.items()}
    problems = [
        f"{name} is not for --{option}" + (f"; give it with --{options[name]}" if name in options else "")
        for name in content
        if name in BY_COLLECTION and name != wanted
    ]
    if problems:
        raise BadFile(str(path), problems)
    return content


def resolve(found: Found, tenant: str, state: LiveState, rules: Set[str]) -> dict[Key, Any]:
    """What stands in whose place: (aggregate, tenant, id) to a spec, ("prices", tenant, model) to prices,
    ("rate", tenant, key) to requests per minute.

    Args:
        tenant: for items that name none; empty for the only one there is.
        rules: what policies may name of the rules that come with Nexus; tenants' own are known.

    Raises:
        Misused: a tenant has to be named; or a file names something that does not exist.
    """
    items = [(option, path, replace(item, tenant=_tenant(item, tenant, state))) for option, path, item in found.items]
    every = [item for _, _, item in items]

    def in_force(collection: str, of: str) -> Set[str]:
        if collection == "tenants":
            return state.tenants.keys()
        known = {spec.id for spec in state.all_of(BY_COLLECTION[collection].name, of or None)}
        if collection == "models":
            lists = state.all_of("model-list", of or None)
            known |= {f"{told.id}/{each.name}" for told in lists for each in told.models}
        return known

    candidate: dict[Key, Any] = {}
    for option, path, item in items:
        problems = missing([item], lambda name, of: in_force(name, of) | _given(every, name, of))
        own = (spec.rule() for spec in state.all_of("rule", item.tenant))
        problems += unknown_rules(item, rules | names(own))
        if option in NEEDED and item.id not in (known := in_force(COLLECTION[option], item.tenant)):
            what = {"prices": "model", "key": "key"}[option]
            problems.append(f"{item.place}.id: there is no such {what}" + (nearest(item.id, known) if known else ""))
        if problems:
            raise BadFile(str(path), problems)
        key, spec = _spec(option, item)
        if isinstance(spec, Policy) and "allowed" not in item.body:
            # as where it is applied: values that are let pass stand in no file
            before = next((each for each in state.all_of("policy", item.tenant) if each.id == spec.id), spec)
            spec = msgspec.structs.replace(spec, allowed=before.allowed)
        if key in candidate:
            raise BadFile(str(path), [f"{item.place} has the id of another one"])
        candidate[key] = spec
    return candidate


def _tenant(item: Item, tenant: str, state: LiveState) -> str:
    if item.tenant or tenant:
        return item.tenant or tenant
    known = sorted(name for name in state.tenants if name != SYSTEM)
    if len(known) != 1:
        raise Misused(f"{item.place}: name the tenant with --tenant, or in the file; there are {', '.join(known)}")
    return known[0]


def _given(items: Iterable[Item], collection: str, tenant: str) -> set[str]:
    return {item.id for item in items if item.collection == collection and item.tenant == tenant}


def unknown_rules(item: Item, rules: Set[str]) -> Iterator[str]:
    """What a policy says about rules that do not exist."""
    if item.collection == "policies":
        for field in RULES_NAMED:
            for name in item.body.get(field, ()):
                if name not in rules:
                    yield f"{item.place}.{field}: {name} is no rule{_likely(name, rules)}"


def _likely(name: str, rules: Set[str]) -> str:
    """The nearest of the same category or of all, rather than all there are."""
    related = {rule for rule in rules if "." in rule and rule.partition(".")[0] == name.partition(".")[0]}
    if related or len(rules) <= 10:
        return nearest(name, related or rules)
    close = difflib.get_close_matches(name, sorted(rules), n=1)
    return f"; did you mean {close[0]}?" if close else "; `nexus rules ls` lists them"


def _spec(option: str, item: Item) -> tuple[Key, Any]:
    if option == "prices":
        return ("prices", item.tenant, item.id), msgspec.convert(item.body["prices"], Prices)
    if option == "key":
        return ("rate", item.tenant, item.id), item.body["requests_per_minute"]
    decider = BY_COLLECTION[item.collection]
    return (decider.name, item.tenant, item.id), msgspec.convert({**item.body, "tenant": item.tenant}, decider.spec)
