"""What a table makes of models that providers list, beside those that are configured."""

from __future__ import annotations

from schemas.aggregates.model import Model, Prices
from schemas.aggregates.model_list import Listed, ModelList
from schemas.aggregates.provider import Provider, Rename
from schemas.aggregates.route import Route
from schemas.routing.choose import Table, candidates, compile_table

PRICES = Prices(input=1, output=2)
ANY = Route(id="any", tenant="t", strategy="fallback")


def account(identifier: str, **fields: object) -> Provider:
    return Provider(id=identifier, tenant="t", base_url="http://h/v1", **fields)  # type: ignore[arg-type]


def told(identifier: str, *names: str, wire: str = "openai") -> ModelList:
    models = tuple(Listed(name=name, prices=PRICES, context_tokens=9) for name in names)
    return ModelList(id=identifier, tenant="t", wire=wire, models=models)


def model(identifier: str, **fields: object) -> Model:
    return Model(id=identifier, tenant="t", **fields)  # type: ignore[arg-type]


def table(accounts: list[Provider], models: list[Model], *lists: ModelList) -> Table:
    return compile_table([ANY], accounts, models, lists)


def led_to(found: Table, name: str) -> list[str]:
    return [target.model.id for target in candidates(found, ANY, name)]


def test_a_bare_name_leads_to_the_first_account_that_lists_it_and_an_explicit_one_to_its_own() -> None:
    found = table([account("b"), account("a")], [], told("b", "m"), told("a", "m"))
    assert led_to(found, "m") == ["a/m", "b/m"]
    assert led_to(found, "b/m") == ["b/m"]
    listed = found.models["a/m"]
    assert (listed.prices, listed.context_tokens, listed.max_output_tokens) == (PRICES, 9, 16_384)


def test_what_is_configured_comes_first_and_is_never_changed() -> None:
    ours = model("b/m", upstream="other")
    found = table([account("a"), account("b")], [ours], told("a", "m"), told("b", "m"))
    assert led_to(found, "m") == ["b/m", "a/m"]
    assert found.models["b/m"] == ours


def test_a_model_that_is_switched_off_does_not_come_back_by_being_listed() -> None:
    found = table([account("a")], [model("a/m", enabled=False)], told("a", "m", "n"))
    assert set(found.models) == {"a/n"}


def test_the_list_of_an_account_that_is_gone_or_off_or_of_another_kind_is_nothing() -> None:
    lists = [told(name, "m") for name in ("gone", "off", "quiet", "other")]
    accounts = [account("off", enabled=False), account("quiet", discover=False), account("other", wire="anthropic")]
    assert table(accounts, [], *lists).models == {}


def test_filters_and_renames_of_the_account_hold_for_what_it_lists() -> None:
    renames = (Rename(name="fast", upstream="gpt-mini"), Rename(name="gpt-big", upstream="gpt-mini"))
    east = account("east", model_filter="gpt-.*", renames=renames)
    found = table([east], [], told("east", "gpt-big", "gpt-mini", "whisper"))
    assert set(found.models) == {"east/gpt-mini"}
    assert led_to(found, "fast") == led_to(found, "gpt-big") == led_to(found, "gpt-mini") == ["east/gpt-mini"]
