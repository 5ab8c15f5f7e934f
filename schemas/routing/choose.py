"""The choice of targets for a request. Pure: a table compiled from configuration, and the circuits of the moment."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import msgspec

from schemas.aggregates.model import Model
from schemas.aggregates.provider import Provider
from schemas.aggregates.route import Route
from schemas.errors import NotFound, ProviderUnavailable

RETRYABLE_STATUSES = frozenset({408, 429, 500, 502, 503, 504, 529})


class Target(msgspec.Struct, frozen=True):
    """One account's model, ready to be called."""

    provider: Provider
    model: Model


class Choice(msgspec.Struct, frozen=True):
    """Targets in the order in which they will be tried, and those set aside because their circuit is open."""

    route: Route
    targets: tuple[Target, ...]
    skipped: tuple[Target, ...] = ()


class Table(msgspec.Struct, frozen=True):
    """One tenant's routes, best first, and what they can lead to."""

    routes: tuple[Route, ...]
    providers: Mapping[str, Provider]
    models: Mapping[str, Model]
    """By `account/name`."""
    by_name: Mapping[str, tuple[Model, ...]]
    """Models of enabled accounts by bare name, in the order of their accounts' ids."""
    whole: Mapping[str, int]
    """Patterns without `*`: the place in `routes` of the first one that has it."""
    beginnings: Mapping[str, int]
    """Likewise those with a trailing `*`, without it."""
    lengths: tuple[int, ...]
    """Of the beginnings, each once."""


def compile_table(routes: Iterable[Route], providers: Iterable[Provider], models: Iterable[Model]) -> Table:
    """Sorts and indexes; whatever is disabled is left out."""
    accounts = {provider.id: provider for provider in providers if provider.enabled}
    usable = {model.id: model for model in models if model.enabled and model.account in accounts}
    by_name: dict[str, list[Model]] = {}
    for identifier in sorted(usable):
        by_name.setdefault(usable[identifier].name, []).append(usable[identifier])
    ordered = sorted((route for route in routes if route.enabled), key=lambda route: (-route.priority, route.id))
    whole: dict[str, int] = {}
    beginnings: dict[str, int] = {}
    for place, route in enumerate(ordered):
        for pattern in route.models:
            if pattern.endswith("*"):
                beginnings.setdefault(pattern[:-1], place)
            else:
                whole.setdefault(pattern, place)
    return Table(
        tuple(ordered),
        accounts,
        usable,
        {name: tuple(found) for name, found in by_name.items()},
        whole,
        beginnings,
        tuple(sorted({len(beginning) for beginning in beginnings})),
    )


def matches(pattern: str, name: str) -> bool:
    """Whether a requested name fits a pattern; a trailing `*` fits any ending."""
    return name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern


def match_route(table: Table, requested: str) -> Route | None:
    """The first route for a requested model name; one look-up for each length that a beginning has."""
    none = len(table.routes)
    place = table.whole.get(requested, none)
    for length in table.lengths:
        place = min(place, table.beginnings.get(requested[:length], none))
    return table.routes[place] if place < none else None


def candidates(table: Table, route: Route, requested: str) -> tuple[Target, ...]:
    """Every target of the route for this name, in order, whatever their health."""
    found: list[Target] = []

    def add(model: Model | None) -> None:
        if model is not None:
            target = Target(table.providers[model.account], model)
            if target not in found:
                found.append(target)

    if route.targets:
        bare = requested if requested not in table.models else table.models[requested].name
        for wanted in route.targets:
            add(table.models.get(f"{wanted.account}/{wanted.model or bare}"))
    elif requested in table.models:
        add(table.models[requested])
    else:
        for model in table.by_name.get(requested, ()):
            add(model)
    return tuple(found[:1]) if route.strategy == "single" else tuple(found)


def choose(table: Table, route: Route | None, requested: str, allows: Callable[[str], bool]) -> Choice:
    """The targets to try, in order.

    Args:
        allows: whether the circuit of an account (by id) lets a call through now.

    Raises:
        NotFound: no route, or nothing behind it, knows the model.
        ProviderUnavailable: there are targets, and every one's circuit is open.
    """
    targets = candidates(table, route, requested) if route is not None else ()
    if route is None or not targets:
        raise NotFound(
            f"The model `{requested[:200]}` does not exist or you do not have access to it.",
            code="model_not_found",
            param="model",
        )
    usable = tuple(target for target in targets if allows(target.provider.id))
    if not usable:
        raise ProviderUnavailable("Every provider of this route is failing at the moment.", retry_after=5)
    return Choice(route, usable, tuple(target for target in targets if target not in usable))
