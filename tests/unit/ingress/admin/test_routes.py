"""The admin plane as its callers see it: every kind of command and query, over HTTP without sockets."""

from __future__ import annotations

import gzip
import zlib
from typing import Any

import pytest

from schemas.aggregates.catalogue import BY_COLLECTION
from tests.unit.ingress.admin.plane import Plane

RULE: dict[str, Any] = {
    "id": "secret.badge",
    "title": "Number of a badge",
    "patterns": ["ACME-[0-9]{6}"],
    "hits": ["ACME-104729", "ACME-000001", "ACME-999999"],
    "misses": ["ACME-1", "ACME", "104729"],
}


async def test_a_created_object_is_answered_with_its_position_version_and_request(plane: Plane) -> None:
    reply = await plane.call("POST", "/api/admin/tenants", {"id": "acme", "name": "Acme"})
    assert reply.status == 201
    assert reply.json == {"id": "acme", "name": "Acme", "parent": "", "enabled": True, "version": 1}
    assert reply.headers["x-nexus-position"] == "CONFIG:1"
    assert reply.headers["etag"] == '"1"'
    assert reply.headers["cache-control"] == "no-store"
    (fact,) = plane.log.facts
    assert (fact.actor, fact.correlation) == ("admin:root", reply.headers["x-nexus-request-id"])


async def test_every_collection_creates_lists_reads_changes_and_removes(small: Plane) -> None:
    await small.given(
        ("budgets", {"id": "monthly", "limit_micros": 5_000_000}),
        ("rules", RULE),
        ("siem-targets", {"id": "file", "file": "events.ndjson"}),
        ("virtual-keys", {"id": "app"}),
        ("holds", {"id": "case-7", "subject": "alice@example.com", "reason": "a lawsuit"}),
        ("retentions", {"id": "standard", "bodies_days": 30}),
        ("kills", {"id": "leak", "scope": "key", "target": "app", "reason": "it leaks"}),
        ("passthroughs", {"id": "slow", "bypass": ["cache"], "minutes": 5, "reason": "the cache answers wrongly"}),
    )
    ids = {"tenants": "acme", "credentials": "main", "providers": "mock", "models": "mock/gpt-4o", "policies": "strict"}
    ids |= {"routes": "default", "budgets": "monthly", "siem-targets": "file", "virtual-keys": "app"}
    ids |= {"holds": "case-7", "retentions": "standard", "kills": "leak", "passthroughs": "slow", "rules": RULE["id"]}
    assert set(ids) == set(BY_COLLECTION)
    changes: dict[str, dict[str, Any]] = {
        "credentials": {"description": "new"},
        "policies": {"screen_responses": False},
        "models": {"context_tokens": 5},
        "holds": {"reason": "another lawsuit"},
        "retentions": {"rows_days": 90},
        "rules": {"action": "block"},
        "kills": {"reason": "it still leaks"},
        "passthroughs": {"minutes": 10},
    }
    for collection, identifier in ids.items():
        path = f"/api/admin/{collection}/{identifier}"
        listed = (await small.call("GET", f"/api/admin/{collection}")).json
        assert [item["id"] for item in listed["data"]] == [identifier]
        assert listed["next_cursor"] is None
        change = changes.get(collection, {"enabled": False})
        changed = await small.call("PATCH", path, change)
        assert (changed.status, changed.json["version"]) == (200, 2), changed.body
        read = await small.call("GET", path)
        assert read.json == changed.json
        assert read.headers["etag"] == '"2"'
        assert {name: read.json[name] for name in change} == change
    for collection in (
        *("kills", "passthroughs", "virtual-keys", "siem-targets", "holds", "retentions", "budgets", "rules"),
        *("routes", "policies", "models", "providers"),
    ):
        assert (await small.call("DELETE", f"/api/admin/{collection}/{ids[collection]}")).status == 204
        assert (await small.call("GET", f"/api/admin/{collection}/{ids[collection]}")).status == 404
    for collection in ("credentials", "tenants"):
        assert (await small.call("DELETE", f"/api/admin/{collection}/{ids[collection]}")).status == 204


@pytest.mark.parametrize("path", ["mock/gpt-4o", "mock%2Fgpt-4o", "mock%2fgpt-4o"])
async def test_ids_of_models_may_hold_slashes(small: Plane, path: str) -> None:
    reply = await small.call("GET", f"/api/admin/models/{path}")
    assert (reply.status, reply.json["id"]) == (200, "mock/gpt-4o")


async def test_what_exists_is_not_created_again(small: Plane) -> None:
    reply = await small.call("POST", "/api/admin/policies", {"id": "strict"})
    assert (reply.status, reply.error["code"]) == (409, "conflict")


@pytest.mark.parametrize(
    ("method", "path", "body", "param", "said"),
    [
        ("POST", "policies", {"id": "a", "colour": 1}, "colour", "unknown field: colour; known are id, tenant"),
        ("POST", "policies", {}, "id", "id is missing"),
        ("POST", "policies", {"id": "No Slug"}, "id", "id must be"),
        (
            "POST",
            "providers",
            {"id": "a", "base_url": "x", "max_connections": "9"},
            "max_connections",
            "Expected `int`",
        ),
        ("POST", "providers", {"id": "a"}, "base_url", "missing"),
        ("POST", "models", {"id": "mock/x", "prices": {"input": "1"}}, "prices.input", "Expected `int`"),
        ("POST", "routes", {"id": "r", "targets": [{"account": 5}]}, "targets[0].account", "Expected `str`"),
        ("POST", "routes", {"id": "r", "priority": 2**63}, "priority", "64 bits"),
        ("POST", "routes", {"id": "r", "priority": -(2**63) - 1}, "priority", "64 bits"),
        ("POST", "models", {"id": "mock/x", "prices": {"input": 10**30}}, "prices.input", "64 bits"),
        ("POST", "tenants", {"id": "t", "name": "a\0b"}, "name", "NUL"),
        ("POST", "policies", {"id": "p", "disabled": ["a\0b"]}, "disabled[0]", "NUL"),
        ("POST", "providers", {"id": "x", "base_url": "http://["}, None, "base_url must be an http or https URL"),
        ("POST", "siem-targets", {"id": "x", "kind": "http", "url": "http://h:0/"}, None, "url must be an http"),
        ("PATCH", "policies/strict", {"colour": 1, "size": 2}, "colour", "unknown field: colour, size"),
        ("PATCH", "policies/strict", {"id": "other"}, "id", "cannot be changed"),
        ("PATCH", "providers/mock", {"base_url": None}, "base_url", "missing"),
        ("PUT", "policies/strict", {"id": "other"}, "id", "cannot be changed"),
        ("POST", "credentials", {"id": "a\0b", "secret": "x"}, "id", "NUL"),
        ("POST", "virtual-keys", {"id": "nvk_" + "0" * 64}, "id", "id must be"),
        ("PUT", "tenants/%00", {}, "id", "id must be"),
        ("POST", "models", {"id": "mock/"}, None, "account/name"),
        ("POST", "tenants", {"id": "system"}, "id", "platform's own"),
        ("POST", "credentials", {"id": "none"}, "secret", "missing"),
        ("POST", "credentials", {"id": "x", "secret": ""}, "secret", "1 to"),
        ("POST", "credentials", {"id": "x", "sealed": {}}, "sealed", "unknown field"),
        ("POST", "virtual-keys", {"id": "k", "hash": "0" * 64}, "hash", "unknown field"),
        ("POST", "virtual-keys", {"id": "k", "key": "nvk_short"}, "key", "64 hex digits"),
    ],
)
async def test_bad_bodies_are_refused_by_name(
    small: Plane, method: str, path: str, body: dict[str, Any], param: str | None, said: str
) -> None:
    before = len(small.log.messages)
    reply = await small.call(method, f"/api/admin/{path}", body)
    assert reply.status == 400
    assert reply.error["param"] == param
    assert said in reply.error["message"]
    assert len(small.log.messages) == before


async def test_a_patch_merges_deeply_and_null_takes_away(small: Plane) -> None:
    path = "/api/admin/models/mock/gpt-4o"
    reply = await small.call("PATCH", path, {"prices": {"cached_input": 1_250_000}})
    given = {name: value for name, value in reply.json["prices"].items() if value}
    assert given == {"input": 2_500_000, "output": 10_000_000, "cached_input": 1_250_000}
    reply = await small.call("PATCH", path, {"prices": None, "context_tokens": 9})
    assert (reply.json["prices"], reply.json["context_tokens"]) == (None, 9)


async def test_a_patch_that_changes_nothing_leaves_nothing_on_the_log(small: Plane) -> None:
    before = len(small.log.messages)
    reply = await small.call("PATCH", "/api/admin/policies/strict", {"screen_requests": True})
    assert (reply.status, reply.json["version"], len(small.log.messages)) == (200, 1, before)
    assert reply.headers["x-nexus-position"] == "CONFIG:5"


async def test_a_change_based_on_what_is_no_longer_so_is_refused(small: Plane) -> None:
    async def meanwhile() -> None:
        await small.call("PATCH", "/api/admin/policies/strict", {"screen_responses": False})

    small.log.interrupt = meanwhile
    reply = await small.call("PATCH", "/api/admin/policies/strict", {"screen_requests": False})
    assert (reply.status, reply.error["code"]) == (409, "conflict")
    read = (await small.call("GET", "/api/admin/policies/strict")).json
    assert (read["screen_requests"], read["screen_responses"]) == (True, False)


@pytest.mark.parametrize("method", ["PATCH", "PUT", "DELETE"])
@pytest.mark.parametrize(
    ("sent", "fits"), [('"1"', True), ("1", True), ("*", True), ('"7", "1"', True), ('"2"', False)]
)
async def test_if_match_binds_a_command_to_a_version(small: Plane, method: str, sent: str, fits: bool) -> None:
    await small.given(("policies", {"id": "other"}))
    body = None if method == "DELETE" else {"disabled": ["pii.email"]}
    reply = await small.call(method, "/api/admin/policies/other", body, headers={"if-match": sent})
    if fits:
        assert reply.status == (204 if method == "DELETE" else 200)
    else:
        assert (reply.status, reply.error["code"]) == (412, "version_mismatch")
        assert "is 1;" in reply.error["message"]


async def test_if_match_any_does_not_create(small: Plane) -> None:
    assert (await small.call("PUT", "/api/admin/policies/new", {}, headers={"if-match": "*"})).status == 412


async def test_if_match_must_be_versions(small: Plane) -> None:
    reply = await small.call("PATCH", "/api/admin/policies/strict", {}, headers={"if-match": '"abc"'})
    assert (reply.status, reply.error["param"]) == (400, "If-Match")


async def test_put_creates_changes_and_leaves_alone(small: Plane) -> None:
    path = "/api/admin/policies/new"
    first = await small.call("PUT", path, {"disabled": ["pii.email"]})
    assert (first.status, first.json["version"]) == (201, 1)
    same = await small.call("PUT", path, {"disabled": ["pii.email"]})
    assert (same.status, same.json["version"]) == (200, 1)
    assert same.headers["x-nexus-position"] == first.headers["x-nexus-position"]
    replaced = await small.call("PUT", path, {"id": "new", "screen_requests": False})
    assert (replaced.status, replaced.json["version"], replaced.json["disabled"]) == (200, 2, [])


async def test_what_is_named_must_exist_and_the_nearest_is_told(small: Plane) -> None:
    cases: list[tuple[str, dict[str, Any], str, str]] = [
        ("providers", {"id": "p", "base_url": "http://h/v1", "credential": "mian"}, "credential", "nearest: main"),
        ("models", {"id": "mok/x"}, "id", "nearest: mock"),
        ("routes", {"id": "r", "policy": "strickt"}, "policy", "nearest: strict"),
        ("routes", {"id": "r", "targets": [{"account": "mick"}]}, "targets[0].account", "nearest: mock"),
        ("routes", {"id": "r", "targets": [{"account": "mock", "model": "gpt-4"}]}, "targets[0].model", "mock/gpt-4o"),
        ("budgets", {"id": "b", "limit_micros": 1, "scope": "key", "target": "x"}, "target", "there is none yet"),
        ("tenants", {"id": "sub", "parent": "acne"}, "parent", "nearest: acme"),
        ("policies", {"id": "p", "overrides": {"pii.e-mail": "block"}}, "overrides", "nearest: pii.email"),
        ("policies", {"id": "p", "disabled": ["pii.email", "secrets.aws"]}, "disabled", "nearest: secrets.aws-key"),
        ("policies", {"id": "p", "tenant": "acne"}, "tenant", "nearest: acme"),
    ]
    for collection, body, param, said in cases:
        reply = await small.call("POST", f"/api/admin/{collection}", body)
        assert (reply.status, reply.error["param"]) == (400, param), reply.body
        assert said in reply.error["message"]


async def test_the_policy_default_needs_no_creation(small: Plane) -> None:
    assert (await small.call("PATCH", "/api/admin/routes/default", {"policy": "default"})).status == 200


async def test_what_is_named_is_not_deleted(small: Plane) -> None:
    await small.given(("budgets", {"id": "b", "scope": "provider", "target": "mock", "limit_micros": 1}))
    for path, named in {
        "credentials/main": ["providers/mock"],
        "providers/mock": ["models/mock/gpt-4o", "routes/default", "budgets/b"],
        "models/mock/gpt-4o": ["routes/default"],
        "policies/strict": ["routes/default"],
        "tenants/acme": ["credentials/main"],
    }.items():
        reply = await small.call("DELETE", f"/api/admin/{path}")
        assert (reply.status, reply.error["code"]) == (409, "still_referenced")
        assert all(name in reply.error["message"] for name in named), reply.error


async def test_what_lost_its_support_can_still_be_switched_off(small: Plane) -> None:
    (spec,) = small.log.live.all_of("credential", "acme")
    small.log.live.tenants["acme"].put("credential", spec.id, None)
    assert (await small.call("PATCH", "/api/admin/providers/mock", {"enabled": False})).status == 200


async def test_pages_follow_one_another(small: Plane) -> None:
    await small.given(*[("policies", {"id": f"p{number}"}) for number in range(6)])
    seen: list[str] = []
    cursor = ""
    while True:
        page = (await small.call("GET", f"/api/admin/policies?limit=3&cursor={cursor}")).json
        seen += [item["id"] for item in page["data"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
        assert len(page["data"]) == 3
    assert seen == [*(f"p{number}" for number in range(6)), "strict"]


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ("limit=0", "limit"),
        ("limit=x", "limit"),
        ("colour=1", "colour"),
        ("cursor=%21", "cursor"),
        ("limit=1&limit=2", None),
    ],
)
async def test_bad_parameters_are_refused_by_name(small: Plane, query: str, param: str | None) -> None:
    reply = await small.call("GET", f"/api/admin/policies?{query}")
    assert (reply.status, reply.error["param"]) == (400, param)


async def test_a_position_not_reached_in_time_is_503(small: Plane) -> None:
    here = len(small.log.messages)
    reached = await small.call("GET", "/api/admin/tenants", headers={"x-nexus-position": f"CONFIG:{here}"})
    assert reached.status == 200
    ahead = await small.call("GET", "/api/admin/tenants", headers={"x-nexus-position": f"CONFIG:{here + 1}"})
    assert (ahead.status, ahead.error["code"], ahead.headers["retry-after"]) == (503, "view_behind", "1")
    for bad in ("CONFIG", "config:1", "CONFIG:-1", "NOWHERE:1", "CONFIG:" + "9" * 30):
        reply = await small.call("GET", "/api/admin/tenants", headers={"x-nexus-position": bad})
        assert (reply.status, reply.error["param"]) == (400, "X-Nexus-Position")


async def test_bodies_are_json_of_a_size(plane: Plane) -> None:
    path = "/api/admin/tenants"
    cases: list[tuple[bytes, dict[str, str], int]] = [
        (b'{"id": "a"}', {"content-type": "text/plain"}, 415),
        (b'{"id": "a"}', {"content-type": "application/json", "content-encoding": "compress"}, 415),
        (b'{"id": "a"}', {"content-encoding": "gzip"}, 400),
        (gzip.compress(b'{"id": "' + b"a" * 1_048_577 + b'"}'), {"content-encoding": "gzip"}, 413),
        (b'{"id": "' + b"a" * 1_048_577 + b'"}', {}, 413),
        (b"{}", {"content-length": "1048577"}, 413),
        (b"{", {}, 400),
        (b"[]", {}, 400),
        (b"", {"content-type": "application/json"}, 400),
        (b'{"a":' * 5000, {}, 400),
        (b"\xff\xfe", {}, 400),
    ]
    for raw, headers, status in cases:
        assert (await plane.call("POST", path, raw=raw, headers=headers)).status == status
    typed = {"content-type": "Application/JSON; charset=utf-8"}
    assert (await plane.call("POST", path, raw=b'{"id": "a"}', headers=typed)).status == 201


@pytest.mark.parametrize("coding", ["gzip", "deflate", "identity", "Identity"])
async def test_bodies_may_be_compressed(plane: Plane, coding: str) -> None:
    raw = b'{"id": "a"}'
    packed = {"gzip": gzip.compress, "deflate": zlib.compress}.get(coding, bytes)(raw)
    reply = await plane.call("POST", "/api/admin/tenants", raw=packed, headers={"content-encoding": coding})
    assert (reply.status, reply.json["id"]) == (201, "a")
    refused = await plane.call("POST", "/api/admin/tenants", raw=raw, headers={"content-encoding": "lzma"})
    assert (refused.status, refused.headers["accept-encoding"]) == (415, "gzip, deflate, br, zstd")


async def test_what_is_not_served_says_what_is(plane: Plane) -> None:
    nothing = await plane.call("GET", "/api/admin/nothing")
    assert (nothing.status, nothing.error["code"]) == (404, "not_found")
    wrong = await plane.call("DELETE", "/api/admin/tenants")
    assert (wrong.status, wrong.headers["allow"]) == (405, "GET, POST")
    assert (await plane.call("POST", "/api/admin/models/a/b")).headers["allow"] == "DELETE, GET, PATCH, PUT"
