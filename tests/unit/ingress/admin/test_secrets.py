"""Secrets and keys on the admin plane: sealed or hashed at once, shown once or never."""

from __future__ import annotations

from schemas.aggregates.credential import Credential
from schemas.aggregates.siem_target import SiemTarget
from schemas.aggregates.virtual_key import VirtualKey
from tests.unit.ingress.admin.plane import Plane


async def test_a_secret_in_the_wrong_place_is_not_echoed(small: Plane) -> None:
    secret = "sk-canary-0123456789"
    body = {"id": "p", "base_url": f"http://user:{secret}@h/v1", "credential": secret, "max_connections": secret}
    for sent in (body, {**body, "max_connections": 5}, {**body, "max_connections": 5, "credential": "main"}):
        reply = await small.call("POST", "/api/admin/providers", sent)
        assert reply.status == 400
        assert secret.encode() not in reply.body
    for path in (f"/api/admin/virtual-keys/{secret}", f"/api/admin/credentials/{secret}"):
        for method in ("GET", "DELETE"):
            reply = await small.call(method, path)
            assert reply.status == 404
            assert secret.encode() not in reply.body


async def test_a_credential_is_sealed_at_once_and_never_shown(small: Plane) -> None:
    path = "/api/admin/credentials/main"
    before = small.log.live.state_of("credential", "acme", "main")
    assert isinstance(before, Credential)
    assert small.vault.open_secret("credential", "acme", "main", before.sealed) == "sk-very-secret"
    read = await small.call("GET", path)
    assert read.json == {"id": "main", "tenant": "acme", "description": "", "sealed": True, "version": 1}
    same = await small.call("PUT", path, {"secret": "sk-very-secret"})
    assert same.json["version"] == 1
    kept = await small.call("PATCH", path, {"description": "x"})
    changed = await small.call("PATCH", path, {"secret": "sk-other"})
    after = small.log.live.state_of("credential", "acme", "main")
    assert isinstance(after, Credential)
    assert (kept.json["version"], changed.json["version"], after.description) == (2, 3, "x")
    assert small.vault.open_secret("credential", "acme", "main", after.sealed) == "sk-other"
    everything = b"".join([read.body, same.body, kept.body, changed.body, *(data for _, data in small.log.messages)])
    assert b"sk-very-secret" not in everything
    assert b"sk-other" not in everything
    assert (await small.call("PATCH", path, {"secret": None})).status == 400


async def test_a_siem_target_may_have_a_token_and_lose_it(small: Plane) -> None:
    path = "/api/admin/siem-targets/all"
    body = {"tenant": "system", "kind": "http", "url": "http://127.0.0.1:9/", "all_tenants": True, "token": "tk-1"}
    made = await small.call("PUT", path, body)
    assert (made.status, made.json["sealed"]) == (201, True)
    assert "token" not in made.json
    kept = await small.call("PUT", path, {name: value for name, value in body.items() if name != "token"})
    assert (kept.json["version"], kept.json["sealed"]) == (1, True)
    bare = await small.call("PATCH", f"{path}?tenant=system", {"token": None})
    assert (bare.status, bare.json["sealed"]) == (200, False)
    spec = small.log.live.state_of("siem-target", "system", "all")
    assert isinstance(spec, SiemTarget)
    assert spec.token is None


async def test_a_virtual_key_is_shown_once_and_kept_as_its_hash(small: Plane) -> None:
    made = await small.call("POST", "/api/admin/virtual-keys", {"name": "shop"})
    key = made.json["key"]
    assert made.status == 201
    assert (len(key), key[:4]) == (68, "nvk_")
    assert made.json["prefix"] == key[:12]
    assert made.json["id"].startswith("key-")
    path = f"/api/admin/virtual-keys/{made.json['id']}"
    spec = small.log.live.state_of("virtual-key", "acme", made.json["id"])
    assert isinstance(spec, VirtualKey)
    assert spec.hash == small.vault.hash_key(key)
    changed = await small.call("PATCH", path, {"requests_per_minute": 5})
    read = await small.call("GET", path)
    assert read.json == changed.json
    assert "key" not in read.json
    assert "hash" not in read.json
    assert (await small.call("PUT", path, {"key": key, "name": "shop", "requests_per_minute": 5})).json["version"] == 2
    other = await small.call("PUT", path, {"key": "nvk_" + "0" * 64})
    assert (other.status, other.error["param"]) == (409, "key")
    assert key.encode() not in b"".join(data for _, data in small.log.messages)


async def test_a_key_that_is_brought_along_belongs_to_one(small: Plane) -> None:
    key = "nvk_" + "ab" * 32
    made = await small.call("POST", "/api/admin/virtual-keys", {"id": "one", "key": key})
    assert (made.status, made.json["key"]) == (201, key)
    again = await small.call("POST", "/api/admin/virtual-keys", {"id": "two", "key": key})
    assert (again.status, again.error["param"]) == (409, "key")
    assert key not in again.error["message"]


async def test_a_revoked_key_stays_revoked_under_any_id(small: Plane) -> None:
    key = "nvk_" + "cd" * 32
    path = "/api/admin/virtual-keys/gone"
    await small.given(
        ("virtual-keys", {"id": "gone", "key": key}),
        ("budgets", {"id": "b", "scope": "key", "target": "gone", "limit_micros": 1}),
    )
    assert (await small.call("DELETE", f"{path}?reason=leaked")).status == 204
    assert (await small.call("GET", path)).error["code"] == "revoked"
    for method, body in (("PATCH", {"name": "x"}), ("PUT", {}), ("DELETE", None)):
        assert (await small.call(method, path, body)).status == 409
    again = await small.call("POST", "/api/admin/virtual-keys", {"id": "back", "key": key})
    assert (again.status, again.error["param"]) == (409, "key")
