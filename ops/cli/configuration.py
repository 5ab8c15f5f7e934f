"""A configuration file as data: substitution, validation, order. Finds every problem; sends nothing, prints nothing."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import msgspec
from msgspec import inspect

from ops.cli.exits import Misused
from ops.cli.nearest import nearest
from schemas.aggregates.catalogue import BY_COLLECTION, DECIDERS
from schemas.aggregates.credential import SealedSecret
from schemas.aggregates.decider import Create, Decider
from schemas.errors import InvalidRequest

_VARIABLE = re.compile(r"\{\{\s*(.*?)\s*\}\}")
_NAME = re.compile(r"env\.([A-Za-z_][A-Za-z0-9_]*)\Z")
_KEY = re.compile(r"nvk_[0-9a-f]{64}\Z")
_SEALED = SealedSecret(key="-", nonce=b"\0" * 12, ciphertext=b"\0" * 17)

IN_CLEAR: Mapping[str, str] = {"credentials": "secret", "siem-targets": "token", "virtual-keys": "key"}
"""The field that a file may hold and a fact never does; the admin plane seals or hashes it."""
NOT_IN_FILES: Mapping[str, Mapping[str, Any]] = {
    "credentials": {"sealed": _SEALED},
    "siem-targets": {"token": None},
    "passthroughs": {"since_us": 1},
    "virtual-keys": {"hash": "0" * 64, "prefix": "nvk_" + "0" * 8},
}
"""Fields that the admin plane makes, with something in their place that every check lets pass."""
ELSEWHERE: Mapping[str, Mapping[str, str]] = {
    "policies": dict.fromkeys(
        ("allow_values", "disallow_values"),
        "no file may hold values in clear; let one pass with `nexus rules allow FILE|- --policy ID`",
    )
}
"""Fields of the admin plane that no file has, with where that is done instead."""
UNNAMED_TENANT = "-unnamed-"
"""Stands for the tenant that the admin plane will find, while the rest is checked."""


class BadFile(Misused):
    """Everything that is wrong with a configuration file, one line each. Values are not quoted: they may be secrets."""

    def __init__(self, name: str, problems: list[str]) -> None:
        super().__init__("\n".join([f"{name} is not applied:", *(f"  {problem}" for problem in problems)]))
        self.problems = problems


@dataclass(frozen=True)
class Item:
    """One table of the file: what is put where."""

    collection: str
    id: str
    tenant: str
    """Empty when neither the table nor the file says; the admin plane then takes the only one there is."""
    body: dict[str, Any]
    place: str
    """Such as `providers[0]`."""


def read_file(name: str, text: str, environment: Mapping[str, str]) -> list[Item]:
    """The items of a file in the order in which they have to be sent.

    Raises:
        BadFile: anything is wrong with it, all of it together.
    """
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadFile(name, [f"it is no TOML: {error}"]) from None
    return items_of(name, content, environment)


def items_of(name: str, content: Mapping[str, Any], environment: Mapping[str, str]) -> list[Item]:
    """The items of a file that has been parsed. Raises BadFile as `read_file`."""
    problems: list[str] = []
    items = []
    for collection, place, given in _tables(content, problems):
        found: list[str] = []
        table = _filled(given, place, environment, found)
        # what an unfilled variable would stand for cannot be judged
        found += _unknown(collection, place, table) if found else _problems(collection, place, table)
        problems += found
        if not found:
            body = {field: value for field, value in table.items() if field != "tenant"}
            items.append(Item(collection, table["id"], table.get("tenant", ""), body, place))
    items = _with_tenant(items)
    problems += _doubles(items)
    if problems:
        raise BadFile(name, problems)
    order = {decider.collection: at for at, decider in enumerate(DECIDERS)}
    depth = _depths(items)
    return sorted(items, key=lambda item: (order[item.collection], depth.get(item.place, 0)))


def _tables(content: Mapping[str, Any], problems: list[str]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(collection, place, table) of every table."""
    for collection, tables in content.items():
        if collection not in BY_COLLECTION:
            problems.append(f"{collection} is no collection{nearest(collection, BY_COLLECTION)}")
        elif not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
            problems.append(f"{collection} must be written as [[{collection}]]")
        else:
            for at, table in enumerate(tables):
                yield collection, f"{collection}[{at}]", table


def _filled(value: Any, place: str, environment: Mapping[str, str], problems: list[str]) -> Any:
    """The value with every `{{ env.X }}` replaced."""
    if isinstance(value, dict):
        return {name: _filled(item, f"{place}.{name}", environment, problems) for name, item in value.items()}
    if isinstance(value, list):
        return [_filled(item, f"{place}[{at}]", environment, problems) for at, item in enumerate(value)]
    if not isinstance(value, str):
        return value

    def variable(match: re.Match[str]) -> str:
        name = _NAME.match(match[1])
        if name is None:
            problems.append(f"{place}: between the braces must stand env. and the name of a variable")
        elif name[1] not in environment:
            problems.append(f"{place}: the environment variable {name[1]} is not set")
        else:
            return environment[name[1]]
        return match[0]

    return _VARIABLE.sub(variable, value)


def _problems(collection: str, place: str, table: dict[str, Any]) -> list[str]:
    found = _unknown(collection, place, table) + _secret_problems(collection, place, table)
    if "id" not in table:
        found.append(f"{place}.id is missing")
    if found:
        return found
    given = {name: value for name, value in table.items() if name != IN_CLEAR.get(collection)}
    made = NOT_IN_FILES.get(collection, {})
    return _refused(BY_COLLECTION[collection], place, {"tenant": UNNAMED_TENANT, **given}, made)


def _unknown(collection: str, place: str, table: dict[str, Any]) -> list[str]:
    """Fields that do not exist, or that a file may not hold, with what may have been meant."""
    spec = BY_COLLECTION[collection].spec
    in_clear = IN_CLEAR.get(collection)
    made = NOT_IN_FILES.get(collection, {})
    known = [name for name in spec.__struct_fields__ if name not in made] + ([in_clear] if in_clear else [])
    given = {name: value for name, value in table.items() if name != in_clear}
    elsewhere = ELSEWHERE.get(collection, {})
    found = [f"{place}.{name}: {told}" for name, told in elsewhere.items() if name in table]
    strange = [name for name in table if name not in known and name not in elsewhere]
    found += [f"{place}.{name} is no field{nearest(name, known)}" for name in strange]
    return found + list(_unknown_inside(given, inspect.type_info(spec), place))


def _refused(decider: Decider, place: str, given: dict[str, Any], made: Mapping[str, Any]) -> list[str]:
    """What types and the aggregate's own rules say against a spec."""
    if "tenant" not in decider.spec.__struct_fields__:
        del given["tenant"]
    try:
        spec = msgspec.convert({**given, **made}, decider.spec, from_attributes=True)
        decider.decide(Create(spec), None)
    except msgspec.ValidationError as error:
        what, _, path = str(error).partition(" - at `$")
        return [f"{place}{path.rstrip('`')}: {what}"]
    except InvalidRequest as error:
        return [f"{place}: {error.message}"]
    return []


def _secret_problems(collection: str, place: str, table: Mapping[str, Any]) -> list[str]:
    field = IN_CLEAR.get(collection)
    if field is None:
        return []
    secret = table.get(field)
    if collection == "credentials" and not secret:
        return [f'{place}.secret is missing; take it from the environment: secret = "{{{{ env.NAME }}}}"']
    if secret is not None and not isinstance(secret, str):
        return [f"{place}.{field} must be a text"]
    if collection == "virtual-keys" and secret is not None and not _KEY.match(secret):
        return [f"{place}.key must be nvk_ and 64 hex digits; leave it out to have one made"]
    return []


def _unknown_inside(value: Any, kind: inspect.Type, place: str) -> Iterator[str]:
    """Fields below the first level that do not exist."""
    match kind:
        case inspect.StructType() if isinstance(value, dict):
            types = {field.name: field.type for field in kind.fields}
            for name, item in value.items():
                if name in types:
                    yield from _unknown_below(item, types[name], f"{place}.{name}")
        case _:
            yield from _unknown_below(value, kind, place)


def _unknown_below(value: Any, kind: inspect.Type, place: str) -> Iterator[str]:
    match kind:
        case inspect.StructType() if isinstance(value, dict):
            known = [field.name for field in kind.fields]
            yield from (f"{place}.{name} is no field{nearest(name, known)}" for name in value if name not in known)
            yield from _unknown_inside(value, kind, place)
        case inspect.VarTupleType() if isinstance(value, list):
            for at, item in enumerate(value):
                yield from _unknown_below(item, kind.item_type, f"{place}[{at}]")
        case inspect.UnionType():
            for one in kind.types:
                if isinstance(one, inspect.StructType):
                    yield from _unknown_below(value, one, place)


def _doubles(items: list[Item]) -> Iterator[str]:
    seen: dict[tuple[str, str, str], str] = {}
    for item in items:
        first = seen.setdefault((item.collection, item.tenant, item.id), item.place)
        if first != item.place:
            yield f"{item.place} has the id of {first}"


def _depths(items: list[Item]) -> dict[str, int]:
    """How many tenants of the file are above each one, by its place: parents have to be sent first."""
    parents = {item.id: item.body.get("parent", "") for item in items if item.collection == "tenants"}

    def depth(tenant: str, seen: frozenset[str]) -> int:
        parent = parents.get(tenant, "")
        # a circle has no beginning; the admin plane refuses it wherever it starts
        return 0 if parent not in parents or parent in seen else 1 + depth(parent, seen | {parent})

    return {item.place: depth(item.id, frozenset({item.id})) for item in items if item.collection == "tenants"}


def _with_tenant(items: list[Item]) -> list[Item]:
    """The items, with the file's only tenant where none is named."""
    tenants = [item.id for item in items if item.collection == "tenants"]
    if len(tenants) != 1:
        return items
    return [item if item.tenant or item.collection == "tenants" else replace(item, tenant=tenants[0]) for item in items]
