"""Everything that can be named is checked in both directions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from ingress.admin.references import BUILT_IN, check_references, nearest, references, referrers
from schemas.aggregates.budget import Budget
from schemas.aggregates.model import Model
from schemas.aggregates.policy import Policy
from schemas.aggregates.provider import Provider
from schemas.aggregates.route import Route, Target
from schemas.aggregates.tenant import Tenant
from schemas.errors import InvalidRequest

SPECS: dict[str, list[Any]] = {
    "tenant": [Tenant(id="acme"), Tenant(id="shop", parent="acme")],
    "provider": [
        Provider(id="one", tenant="acme", base_url="http://h"),
        Provider(id="two", tenant="shop", base_url="http://h"),
    ],
    "model": [Model(id="one/a", tenant="acme")],
    "policy": [Policy(id="strict", tenant="acme"), Policy(id="default", tenant="acme")],
    "route": [
        Route(id="d", tenant="acme"),
        Route(id="r", tenant="acme", policy="strict", targets=(Target("one"), Target("one", "a"))),
    ],
    "budget": [Budget(id="b", tenant="acme", scope="model", target="one/a", limit_micros=1)],
}


class Fixed:
    def __init__(self) -> None:
        self.keys_by_hash: dict[str, Any] = {}
        self.revoked_hashes: set[str] = set()

    def state_of(self, aggregate: str, tenant: str, identifier: str) -> msgspec.Struct | None:
        return next((spec for spec in self.all_of(aggregate, tenant) if spec.id == identifier), None)

    def all_of(self, aggregate: str, tenant: str | None = None) -> Iterator[Any]:
        for spec in SPECS.get(aggregate, []):
            if tenant in (None, spec.id if aggregate == "tenant" else spec.tenant):
                yield spec


VIEW = Fixed()


def test_what_exists_may_be_named() -> None:
    for specs in SPECS.values():
        for spec in specs:
            check_references(spec, "shop" if getattr(spec, "tenant", "") == "shop" else "acme", VIEW)


def test_names_do_not_reach_into_other_tenants() -> None:
    with pytest.raises(InvalidRequest, match="names a provider that does not exist"):
        check_references(Model(id="two/a", tenant="acme"), "acme", VIEW)


def test_every_missing_name_is_told_at_once() -> None:
    route = Route(id="r", tenant="acme", policy="nope", targets=(Target("one"), Target("gone"), Target("one", "z")))
    with pytest.raises(InvalidRequest) as caught:
        check_references(route, "acme", VIEW)
    assert caught.value.param == "policy"
    assert all(field in caught.value.message for field in ("policy", "targets[1].account", "targets[2].model"))
    assert "targets[0]" not in caught.value.message


@pytest.mark.parametrize(
    ("aggregate", "tenant", "identifier", "expected"),
    [
        ("provider", "acme", "one", ["models/one/a", "routes/r"]),
        ("provider", "shop", "two", []),
        ("provider", "shop", "one", []),
        ("model", "acme", "one/a", ["routes/r", "budgets/b"]),
        ("policy", "acme", "strict", ["routes/r"]),
        (
            "tenant",
            "acme",
            "acme",
            [
                "providers/one",
                "models/one/a",
                "policies/strict",
                "policies/default",
                "routes/d",
                "routes/r",
                "budgets/b",
                "tenants/shop",
            ],
        ),
        ("tenant", "shop", "shop", ["providers/two"]),
        ("budget", "acme", "b", []),
        ("policy", "acme", "default", []),  # the built-in one steps in
    ],
)
def test_referrers_are_found(aggregate: str, tenant: str, identifier: str, expected: list[str]) -> None:
    assert referrers(aggregate, tenant, identifier, VIEW) == expected


def test_a_reference_and_its_referrer_are_the_same_arrow() -> None:
    for aggregate, specs in SPECS.items():
        for spec in specs:
            for named in references(spec):
                built_in = named.id in BUILT_IN.get(named.aggregate, ())
                if not built_in and any(found.id == named.id for found in VIEW.all_of(named.aggregate)):
                    tenant = spec.id if aggregate == "tenant" else spec.tenant
                    where = named.id if named.aggregate == "tenant" else tenant
                    assert any(
                        name.endswith(f"/{spec.id}") for name in referrers(named.aggregate, where, named.id, VIEW)
                    )


def test_the_nearest_names_come_first_and_a_few_otherwise() -> None:
    assert nearest("gtp-4o", ["gpt-4o", "claude", "gemini"]) == "nearest: gpt-4o"
    assert nearest("zzz", [f"m{number}" for number in range(7)]) == "there are: m0, m1, m2, m3, m4 and 2 more"
    assert nearest("zzz", []) == "there is none yet"


def test_the_key_of_an_account_s_certificate_is_a_credential() -> None:
    spec = Provider(id="one", tenant="acme", base_url="https://h", client_cert_pem="pem", client_key="key")
    assert [(each.field, each.aggregate, each.id) for each in references(spec)] == [("client_key", "credential", "key")]
