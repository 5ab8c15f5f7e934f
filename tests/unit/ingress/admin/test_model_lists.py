"""Lists of models over HTTP: read, asked for anew, never written by hand."""

from __future__ import annotations

from schemas.aggregates.model_list import Listed, ModelList
from schemas.facts.ops import ModelListFailed
from tests.unit.ingress.admin.plane import Plane

PATH = "/api/admin/model-lists"


async def plane() -> Plane:
    started = await Plane().start()
    await started.given(
        ("tenants", {"id": "acme"}),
        ("providers", {"id": "east", "tenant": "acme", "base_url": "https://h.example.com/v1"}),
        ("providers", {"id": "voyage", "tenant": "acme", "wire": "voyage", "base_url": ""}),
    )
    return started


async def test_asking_now_brings_the_list_into_force_and_a_failure_leaves_it() -> None:
    here = await plane()
    models = (Listed(name="gpt-4o"),)
    here.listed["east"] = ModelList(id="east", tenant="acme", wire="openai", models=models, at_us=5)
    told = await here.call("POST", f"{PATH}/east")
    assert told.status == 200 and [each["name"] for each in told.json["models"]] == ["gpt-4o"]
    assert (told.headers["etag"], told.json["version"]) == ('"1"', 1)
    read = await here.call("GET", f"{PATH}/east")
    assert read.json == told.json
    here.listed.clear()
    failed = await here.call("POST", f"{PATH}/east")
    assert (failed.status, failed.json["failed"], failed.json["models"]) == (200, "connect", told.json["models"])
    assert here.alerts == [ModelListFailed("east", "connect", 1)]
    assert [each["id"] for each in (await here.call("GET", PATH)).json["data"]] == ["east"]
    samples = {(family.name, *labels): value for family in here.lists.families() for labels, value in family.samples}
    assert samples["nexus_model_lists_failing",] == 1


async def test_what_cannot_be_asked_is_told_with_what_can() -> None:
    here = await plane()
    unknown = await here.call("POST", f"{PATH}/eats")
    assert (unknown.status, "nearest: east" in unknown.error["message"]) == (404, True)
    without = await here.call("POST", f"{PATH}/voyage")
    assert (without.status, without.error["code"]) == (404, "not_discovered")


async def test_nobody_writes_a_list_by_hand() -> None:
    here = await plane()
    for method in ("PUT", "PATCH", "DELETE"):
        assert (await here.call(method, f"{PATH}/east", {"models": []})).status == 405
    assert (await here.call("POST", PATH, {"id": "east"})).status == 405


async def test_a_route_may_lead_to_a_listed_model_and_a_tenant_goes_without_its_lists() -> None:
    here = await plane()
    here.listed["east"] = ModelList(id="east", tenant="acme", wire="openai", models=(Listed(name="gpt-4o"),))
    body = {"id": "r", "tenant": "acme", "targets": [{"account": "east", "model": "gpt-4o"}]}
    assert (await here.call("POST", "/api/admin/routes", body)).status == 400
    await here.call("POST", f"{PATH}/east")
    assert (await here.call("POST", "/api/admin/routes", body)).status == 201
    for path in ("routes/r", "providers/east", "providers/voyage", "tenants/acme"):
        assert (await here.call("DELETE", f"/api/admin/{path}")).status == 204, path
