"""The choice of targets for a request. Pure: a table compiled from configuration, and the circuits of the moment."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

import msgspec

from schemas.aggregates.model import Model
from schemas.aggregates.model_list import ModelList
from schemas.aggregates.provider import Provider
from schemas.aggregates.route import Route
from schemas.errors import NotFound, ProviderUnavailable
from schemas.linear_pattern import LinearPattern

RETRYABLE_STATUSES = frozenset({408, 429, 500, 502, 503, 504, 529})


class Target(msgspec.Struct, frozen=True):
    """One account's model, ready to be called."""

    provider: Provider
    model: Model


class Choice(msgspec.Struct, frozen=True, gc=False):
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
    """Models of enabled accounts by bare name: the configured ones before those that providers list, each in the order
    of their accounts' ids."""
    whole: Mapping[str, int]
    """Patterns without `*`: the place in `routes` of the first one that has it."""
    beginnings: Mapping[str, int]
    """Likewise those with a trailing `*`, without it."""
    lengths: tuple[int, ...]
    """Of the beginnings, each once."""
    renamed: Mapping[str, Model] = {}
    """By the `account/name` that callers know some models under besides their own."""

    def model(self, name: str) -> Model | None:
        """A model by `account/name`, its own or another that its account gives it."""
        return self.models.get(name) or self.renamed.get(name)


def compile_table(
    routes: Iterable[Route],
    providers: Iterable[Provider],
    models: Iterable[Model],
    lists: Iterable[ModelList] = (),
) -> Table:
    """Sorts and indexes; whatever is disabled is left out.

    Args:
        lists: what providers say of their accounts. A model that is configured, be it to be disabled, is what its
            configuration says and nothing else.
    """
    accounts = {provider.id: provider for provider in providers if provider.enabled}
    configured = {model.id: model for model in models}
    enabled = (model for model in configured.values() if model.enabled and model.account in accounts)
    usable = _offered(accounts, enabled)
    usable |= _offered(accounts, _discovered(accounts, configured, lists))
    renamed = _renamed(accounts, usable)
    by_name: dict[str, list[Model]] = {}

    def order(identifier: str) -> tuple[bool, str]:
        model = usable.get(identifier) or renamed[identifier]
        return model.id not in configured, identifier

    for identifier in sorted([*usable, *renamed], key=order):
        model = usable.get(identifier) or renamed[identifier]
        by_name.setdefault(identifier.partition("/")[2], []).append(model)
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
        renamed,
    )


def _discovered(
    accounts: Mapping[str, Provider], configured: Collection[str], lists: Iterable[ModelList]
) -> Iterator[Model]:
    """The models that providers list, but those whose name an account gives to another one."""
    for found in lists:
        account = accounts.get(found.id)
        if account is None or not account.discover or account.wire != found.wire:
            continue
        taken = {each.name for each in account.renames}
        for each in found.models:
            identifier = f"{found.id}/{each.name}"
            if identifier not in configured and each.name not in taken:
                limits = {name: value for name in _LIMITS if (value := getattr(each, name))}
                yield Model(id=identifier, tenant=found.tenant, prices=each.prices, **limits)


_LIMITS = ("context_tokens", "max_output_tokens")


def _offered(accounts: Mapping[str, Provider], models: Iterable[Model]) -> dict[str, Model]:
    """The models that their accounts' filters let through, each with the name that its provider knows it by."""
    filters = {account: LinearPattern(spec.model_filter) for account, spec in accounts.items() if spec.model_filter}
    upstreams = {(account, each.name): each.upstream for account, spec in accounts.items() for each in spec.renames}
    found = {}
    for model in models:
        other = upstreams.get((model.account, model.name))
        if other and not model.upstream:
            model = msgspec.structs.replace(model, upstream=other)
        fits = filters.get(model.account)
        if fits is None or fits.matches(model.upstream_name):
            found[model.id] = model
    return found


def _renamed(accounts: Mapping[str, Provider], usable: Mapping[str, Model]) -> dict[str, Model]:
    """The models that have another name besides: theirs are the prices and the budgets, whatever they are asked by."""
    found = {}
    for account, spec in accounts.items():
        for each in spec.renames:
            model = usable.get(f"{account}/{each.upstream}")
            if model is not None and f"{account}/{each.name}" not in usable:
                found[f"{account}/{each.name}"] = model
    return found


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
        bare = requested if table.model(requested) is None else requested.partition("/")[2]
        for wanted in route.targets:
            add(table.model(f"{wanted.account}/{wanted.model or bare}"))
    elif (explicit := table.model(requested)) is not None:
        add(explicit)
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
    return choose_among(targets, route, allows)


def choose_among(targets: tuple[Target, ...], route: Route, allows: Callable[[str], bool]) -> Choice:
    """As `choose`, of the `candidates` of a route.

    Raises:
        ProviderUnavailable
    """
    usable = tuple([target for target in targets if allows(target.provider.id)])
    if len(usable) == len(targets):
        return Choice(route, targets)
    if not usable:
        raise ProviderUnavailable("Every provider of this route is failing at the moment.", retry_after=5)
    return Choice(route, usable, tuple(target for target in targets if target not in usable))
