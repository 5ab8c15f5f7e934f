"""Whose objects a call is about, and who may see and change them."""

from __future__ import annotations

import pytest

from tests.unit.ingress.admin.plane import SCOPED_KEY, Plane


async def test_the_only_tenant_needs_no_name_and_two_do(small: Plane) -> None:
    await small.given(("tenants", {"id": "beta"}))
    reply = await small.call("POST", "/api/admin/policies", {"id": "p"})
    assert (reply.status, reply.error["param"]) == (400, "tenant")
    assert "acme, beta" in reply.error["message"]
    assert (await small.call("POST", "/api/admin/policies?tenant=beta", {"id": "p"})).json["tenant"] == "beta"
    assert (await small.call("POST", "/api/admin/policies", {"id": "q", "tenant": "beta"})).json["tenant"] == "beta"
    both = await small.call("POST", "/api/admin/policies?tenant=acme", {"id": "q", "tenant": "beta"})
    assert (both.status, both.error["param"]) == (400, "tenant")
    listed = (await small.call("GET", "/api/admin/policies?tenant=beta")).json
    assert [item["id"] for item in listed["data"]] == ["p", "q"]
    assert len((await small.call("GET", "/api/admin/policies")).json["data"]) == 3


async def test_the_tenant_system_takes_siem_targets_only(small: Plane) -> None:
    refused = await small.call("POST", "/api/admin/policies", {"id": "p", "tenant": "system"})
    assert (refused.status, refused.error["param"]) == (400, "tenant")
    made = await small.call("POST", "/api/admin/siem-targets", {"id": "s", "tenant": "system", "file": "a"})
    assert made.status == 201


@pytest.mark.parametrize("key", [None, "nxa_" + "0" * 64, ""])
async def test_without_a_known_key_nothing_is_served(small: Plane, key: str | None) -> None:
    before = len(small.log.messages)
    for endpoint in small.endpoints:
        reply = await small.call(endpoint.method, endpoint.path.replace("{id}", "strict"), {"id": "n"}, key=key)
        assert (reply.status, reply.error["code"], reply.error["type"]) == (
            401,
            "invalid_api_key",
            "authentication_error",
        )
        assert reply.headers["www-authenticate"].startswith("Bearer")
    assert len(small.log.messages) == before


async def test_an_administrator_of_one_tenant_sees_and_changes_only_that(small: Plane) -> None:
    await small.given(("tenants", {"id": "beta"}), ("policies", {"id": "theirs", "tenant": "beta"}))
    listed = (await small.call("GET", "/api/admin/policies", key=SCOPED_KEY)).json
    assert [item["id"] for item in listed["data"]] == ["strict"]
    assert [item["id"] for item in (await small.call("GET", "/api/admin/tenants", key=SCOPED_KEY)).json["data"]] == [
        "acme"
    ]
    for method, path, body in (
        ("GET", "policies?tenant=beta", None),
        ("GET", "policies/theirs?tenant=beta", None),
        ("PATCH", "policies/theirs?tenant=beta", {"disabled": []}),
        ("DELETE", "policies/theirs?tenant=beta", None),
        ("POST", "policies", {"id": "x", "tenant": "beta"}),
        ("POST", "siem-targets", {"id": "x", "tenant": "system", "file": "a"}),
        ("POST", "tenants", {"id": "gamma"}),
        ("DELETE", "tenants/acme", None),
        ("GET", "tenants/beta", None),
    ):
        reply = await small.call(method, f"/api/admin/{path}", body, key=SCOPED_KEY)
        assert (reply.status, reply.error["code"]) == (403, "forbidden"), (method, path)
    made = await small.call("POST", "/api/admin/policies", {"id": "mine"}, key=SCOPED_KEY)
    assert made.status == 201
    assert small.log.facts[-1].actor == "admin:ann"
