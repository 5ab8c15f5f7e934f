"""What a file names must exist somewhere."""

from __future__ import annotations

from typing import Any

import pytest

from ops.cli.configuration import Item
from ops.cli.references import missing, references


def item(collection: str, identifier: str, tenant: str = "t", **body: Any) -> Item:
    return Item(collection, identifier, tenant, {"id": identifier, **body}, f"{collection}[0]")


TENANT = item("tenants", "t", "")


def nothing(collection: str, tenant: str) -> set[str]:
    return set()


@pytest.mark.parametrize(
    ("named", "place"),
    [
        (item("tenants", "child", "", parent="gone"), "tenants[0].parent"),
        (item("policies", "p", "gone"), "policies[0].tenant"),
        (item("providers", "p", credential="gone"), "providers[0].credential"),
        (item("models", "gone/m"), "models[0].id"),
        (item("routes", "r", policy="gone"), "routes[0].policy"),
        (item("routes", "r", targets=[{"account": "gone"}]), "routes[0].targets[0].account"),
        (item("budgets", "b", scope="key", target="gone"), "budgets[0].target"),
        (item("budgets", "b", scope="model", target="gone/m"), "budgets[0].target"),
    ],
)
def test_what_leads_nowhere_is_told_with_its_place(named: Item, place: str) -> None:
    (found,) = missing([TENANT, named], nothing)
    assert found.startswith(f"{place}: there is no such id in ")
    assert "gone" not in found


def test_a_model_behind_a_missing_account_is_missing_too() -> None:
    found = missing([TENANT, item("routes", "r", targets=[{"account": "a", "model": "m"}])], nothing)
    assert [line.partition(":")[0] for line in found] == ["routes[0].targets[0].account", "routes[0].targets[0].model"]


def test_what_is_in_the_file_is_there_whatever_the_order() -> None:
    items = [
        item("routes", "r", targets=[{"account": "a", "model": "m"}]),
        item("models", "a/m"),
        item("providers", "a", credential="c"),
        item("credentials", "c"),
        TENANT,
    ]
    assert missing(items, nothing) == []


def test_what_is_in_force_is_there_within_its_tenant() -> None:
    def in_force(collection: str, tenant: str) -> set[str]:
        return {("tenants", ""): {"t", "other"}, ("providers", "t"): {"a"}}.get((collection, tenant), set())

    assert missing([item("models", "a/m")], in_force) == []
    assert len(missing([item("models", "a/m", "other")], in_force)) == 1


def test_another_tenants_things_are_not_meant() -> None:
    items = [TENANT, item("tenants", "other", ""), item("providers", "a", "other"), item("models", "a/m")]
    assert len(missing(items, nothing)) == 1


def test_what_is_built_in_is_there() -> None:
    items = [TENANT, item("routes", "r"), item("siem-targets", "s", "system"), item("budgets", "b")]
    assert missing(items, nothing) == []


def test_without_a_tenant_nothing_can_be_said() -> None:
    assert list(references(item("models", "a/m", ""))) == []
