"""The document describes exactly what is served, and every reference in it leads somewhere."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ingress.admin.erasures import Erasures
from ingress.admin.openapi import document_endpoint
from ingress.admin.simulations import Simulations
from ingress.admin.traffic_queries import TrafficQueries
from projections.screening import Screener
from schemas.aggregates.catalogue import BY_COLLECTION
from schemas.ids import SystemClock
from tests.unit.ingress.admin.plane import MemoryLog, Plane, ReversibleVault, View
from tests.unit.ingress.admin.test_erasures import Eraser
from tests.unit.ingress.admin.test_health import Parts
from tests.unit.ingress.admin.test_traffic_queries import Store, Trails


def _no_screener() -> Screener:
    raise AssertionError("nothing is simulated here")


@pytest.fixture
async def document() -> dict[str, Any]:
    log = MemoryLog()
    endpoints = [
        *Plane().endpoints,
        *TrafficQueries(Store(), Trails(), View(log)).endpoints(),
        *Erasures(Eraser(), ReversibleVault(), View(log)).endpoints(),
        *Simulations(log.live, SystemClock(), _no_screener).endpoints(),
        *Parts().health().endpoints(),
    ]
    plane = await Plane([document_endpoint(endpoints, "1.2.3")]).start()
    reply = await plane.call("GET", "/api/admin/openapi.json", key=None)
    assert reply.status == 200
    found: dict[str, Any] = reply.json
    return found


def nodes(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from nodes(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from nodes(inner)


async def test_every_collection_and_method_is_described(document: dict[str, Any]) -> None:
    assert (document["openapi"], document["info"]["version"]) == ("3.1.0", "1.2.3")
    for collection in BY_COLLECTION:
        assert set(document["paths"][f"/api/admin/{collection}"]) == {"get", "post"}
        assert set(document["paths"][f"/api/admin/{collection}/{{id}}"]) == {"get", "put", "patch", "delete"}
    assert {
        "/api/admin/traffic",
        "/api/admin/traffic/{id}",
        "/api/admin/usage",
        "/api/admin/health",
        "/api/admin/erasures",
        "/api/admin/simulate",
    } <= set(document["paths"])
    row = document["components"]["schemas"]["TrafficRow"]["properties"]
    assert (row["day"]["format"], row["time"]["format"], row["cost_micros"]["type"]) == ("date", "date-time", "integer")
    named = [parameter["name"] for parameter in document["paths"]["/api/admin/traffic"]["get"]["parameters"]]
    assert {"tenant", "key", "model", "provider", "kind", "status", "code", "since", "until", "cursor"} <= set(named)


async def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    references = [node["$ref"] for node in nodes(document) if "$ref" in node]
    assert references
    for reference in references:
        at: Any = document
        for step in reference.removeprefix("#/").split("/"):
            at = at[step]
        assert isinstance(at, dict)


async def test_operations_have_names_of_their_own(document: dict[str, Any]) -> None:
    names = [node["operationId"] for node in nodes(document) if "operationId" in node]
    assert len(names) == len(set(names)) > 50


async def test_secrets_go_in_and_not_out(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    assert {"secret"} <= set(schemas["CredentialInput"]["properties"])
    assert {"token"} <= set(schemas["SiemTargetInput"]["properties"])
    assert {"key"} <= set(schemas["VirtualKeyInput"]["properties"])
    for name, secret in (
        ("Credential", "secret"),
        ("SiemTarget", "token"),
        ("VirtualKey", "key"),
        ("VirtualKey", "hash"),
    ):
        assert secret not in schemas[name]["properties"]
    assert "key" in schemas["VirtualKeyCreated"]["properties"]
    assert schemas["CredentialInput"]["additionalProperties"] is False


async def test_only_what_is_public_needs_no_key(document: dict[str, Any]) -> None:
    open_to_all = [
        path for path, methods in document["paths"].items() for it in methods.values() if it.get("security") == []
    ]
    assert open_to_all == ["/health", "/ready", "/api/admin/openapi.json"]
    assert document["security"] == [{"admin": []}]
