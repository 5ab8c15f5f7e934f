"""Laws and examples of the choice of targets."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.aggregates.model import Model
from schemas.aggregates.provider import Provider, Rename
from schemas.aggregates.route import Route
from schemas.aggregates.route import Target as Wanted
from schemas.errors import NotFound, ProviderUnavailable
from schemas.routing.choose import Choice, Table, candidates, choose, compile_table, match_route, matches

ACCOUNTS = ("east", "north", "west")
NAMES = ("gpt-4o", "gpt-4o-mini", "llama")


def provider(identifier: str, *, enabled: bool = True) -> Provider:
    return Provider(id=identifier, tenant="t", base_url="http://h/v1", enabled=enabled)


def model(identifier: str, *, enabled: bool = True) -> Model:
    return Model(id=identifier, tenant="t", enabled=enabled)


def route(identifier: str = "r", **fields: object) -> Route:
    return Route(id=identifier, tenant="t", **fields)  # type: ignore[arg-type]


def table(*routes: Route, accounts: tuple[str, ...] = ACCOUNTS, names: tuple[str, ...] = NAMES) -> Table:
    models = [model(f"{account}/{name}") for account in accounts for name in names]
    return compile_table(routes, [provider(account) for account in accounts], models)


def ids(choice: Choice) -> list[str]:
    return [target.model.id for target in choice.targets]


def up(_: str) -> bool:
    return True


def but(*down: str) -> Callable[[str], bool]:
    return lambda account: account not in down


ROUTES = st.builds(
    route,
    st.sampled_from(["a", "b", "c"]),
    models=st.lists(st.sampled_from(["*", "gpt-4o*", "gpt-4o", "llama", "east/gpt-4o"]), min_size=1, max_size=2).map(
        tuple
    ),
    priority=st.integers(-2, 2),
    strategy=st.sampled_from(["single", "fallback"]),
    targets=st.lists(
        st.builds(Wanted, st.sampled_from([*ACCOUNTS, "gone"]), st.sampled_from(["", *NAMES, "unknown"])), max_size=4
    ).map(tuple),
    enabled=st.booleans(),
)
REQUESTED = st.sampled_from([*NAMES, *(f"{account}/{name}" for account in ACCOUNTS for name in NAMES), "unknown"])
DOWN = st.sets(st.sampled_from(ACCOUNTS))


@given(st.lists(ROUTES, max_size=4), REQUESTED, DOWN)
def test_a_choice_is_the_candidates_in_order_split_by_health(
    routes: list[Route], requested: str, down: set[str]
) -> None:
    made = table(*routes)
    found = match_route(made, requested)
    expected = () if found is None else candidates(made, found, requested)
    try:
        choice = choose(made, found, requested, but(*down))
    except NotFound:
        assert expected == ()
        return
    except ProviderUnavailable:
        assert expected
        assert {target.provider.id for target in expected} <= down
        return
    assert choice.targets == tuple(target for target in expected if target.provider.id not in down)
    assert choice.skipped == tuple(target for target in expected if target.provider.id in down)
    assert choice.targets
    assert len(set(ids(choice))) == len(choice.targets)
    assert choice.route.enabled
    if choice.route.strategy == "single":
        assert len(expected) == 1


@given(st.lists(ROUTES, max_size=4, unique_by=lambda route: route.id), REQUESTED, st.randoms())
def test_the_order_of_configuration_does_not_matter(routes: list[Route], requested: str, random: object) -> None:
    shuffled = list(routes)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert match_route(table(*routes), requested) == match_route(table(*shuffled), requested)


@given(st.lists(ROUTES, max_size=4, unique_by=lambda route: route.id), REQUESTED)
def test_no_better_route_was_passed_over(routes: list[Route], requested: str) -> None:
    found = match_route(table(*routes), requested)
    fitting = [one for one in routes if one.enabled and any(matches(pattern, requested) for pattern in one.models)]
    if found is None:
        assert fitting == []
        return
    assert all((-found.priority, found.id) <= (-one.priority, one.id) for one in fitting)


@pytest.mark.parametrize(
    ("pattern", "name", "fits"),
    [
        ("*", "anything", True),
        ("*", "", True),
        ("gpt-4o*", "gpt-4o", True),
        ("gpt-4o*", "gpt-4o-mini", True),
        ("gpt-4o*", "gpt-4", False),
        ("gpt-4o", "gpt-4o-mini", False),
        ("east/*", "east/gpt-4o", True),
        ("a.b", "axb", False),
    ],
)
def test_patterns(pattern: str, name: str, fits: bool) -> None:
    assert matches(pattern, name) == fits


def test_an_account_in_the_name_is_taken_at_its_word() -> None:
    assert ids(choose(table(route()), route(), "west/gpt-4o", up)) == ["west/gpt-4o"]


def test_a_bare_name_takes_the_first_account_that_has_it() -> None:
    assert ids(choose(table(route()), route(), "gpt-4o", up)) == ["east/gpt-4o"]
    everywhere = route(strategy="fallback")
    assert ids(choose(table(everywhere), everywhere, "gpt-4o", up)) == ["east/gpt-4o", "north/gpt-4o", "west/gpt-4o"]


def test_targets_are_tried_as_written() -> None:
    mine = route(strategy="fallback", targets=(Wanted("west"), Wanted("east", "llama"), Wanted("west", "gpt-4o")))
    assert ids(choose(table(mine), mine, "gpt-4o", up)) == ["west/gpt-4o", "east/llama"]
    # the account of the requested name gives way to the route's
    assert ids(choose(table(mine), mine, "north/gpt-4o", up)) == ["west/gpt-4o", "east/llama"]


def test_open_circuits_are_set_aside() -> None:
    mine = route(strategy="fallback")
    choice = choose(table(mine), mine, "gpt-4o", but("east", "west"))
    assert ids(choice) == ["north/gpt-4o"]
    assert [target.model.id for target in choice.skipped] == ["east/gpt-4o", "west/gpt-4o"]


def test_nobody_healthy_is_worth_a_retry() -> None:
    mine = route(strategy="fallback")
    with pytest.raises(ProviderUnavailable) as caught:
        choose(table(mine), mine, "gpt-4o", but(*ACCOUNTS))
    assert caught.value.retry_after


@pytest.mark.parametrize("requested", ["unknown", "nowhere/gpt-4o", ""])
def test_an_unknown_model_is_not_found(requested: str) -> None:
    with pytest.raises(NotFound) as caught:
        choose(table(route()), route(), requested, up)
    assert (caught.value.error_code, caught.value.param) == ("model_not_found", "model")


def test_without_a_route_nothing_is_found() -> None:
    assert match_route(table(route(models=("llama",))), "gpt-4o") is None
    with pytest.raises(NotFound):
        choose(table(), None, "gpt-4o", up)


def test_what_is_disabled_is_not_there() -> None:
    off = compile_table(
        [route("a", enabled=False), route("b")],
        [provider("east", enabled=False), provider("west")],
        [model("east/m"), model("west/m", enabled=False), model("west/n"), model("gone/n")],
    )
    assert [one.id for one in off.routes] == ["b"]
    assert set(off.providers) == {"west"}
    assert set(off.models) == {"west/n"}
    assert set(off.by_name) == {"n"}


def account_with(**fields: object) -> Provider:
    return Provider(id="east", tenant="t", base_url="http://h/v1", **fields)  # type: ignore[arg-type]


def test_a_filter_leaves_out_the_models_that_it_does_not_fit() -> None:
    models = [model(f"east/{name}") for name in ("gpt-4o", "gpt-4o-mini", "o3")]
    models.append(Model(id="east/alias", tenant="t", upstream="o3-pro"))
    compiled = compile_table([route()], [account_with(model_filter=r"gpt-4o(-\w+)?|o\d")], models)
    assert set(compiled.models) == {"east/gpt-4o", "east/gpt-4o-mini", "east/o3"}
    with pytest.raises(NotFound):
        choose(compiled, compiled.routes[0], "alias", up)


def test_a_renamed_model_is_the_same_model_under_two_names() -> None:
    renames = (Rename(name="fast", upstream="gpt-4o-mini"), Rename(name="gpt-4o", upstream="our-4o"))
    models = [model("east/gpt-4o-mini"), model("east/gpt-4o")]
    compiled = compile_table([route()], [account_with(renames=renames)], models)
    for asked in ("fast", "east/fast", "gpt-4o-mini"):
        (target,) = choose(compiled, compiled.routes[0], asked, up).targets
        assert (target.model.id, target.model.upstream_name) == ("east/gpt-4o-mini", "gpt-4o-mini")
    (target,) = choose(compiled, compiled.routes[0], "gpt-4o", up).targets
    assert (target.model.id, target.model.upstream_name) == ("east/gpt-4o", "our-4o")
    assert set(compiled.models) == {"east/gpt-4o-mini", "east/gpt-4o"}


def test_what_a_model_says_of_its_own_name_goes_before_its_account_s_renames() -> None:
    renames = (Rename(name="gpt-4o", upstream="our-4o"),)
    own = Model(id="east/gpt-4o", tenant="t", upstream="its-own")
    compiled = compile_table([route()], [account_with(renames=renames)], [own])
    assert compiled.models["east/gpt-4o"].upstream_name == "its-own"
