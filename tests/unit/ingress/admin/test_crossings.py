"""An administrator of one tenant tries everything on another's: every method of every path, each way to name it."""

from __future__ import annotations

from typing import Any

import pytest

from ingress.admin.intake import intakes
from ingress.admin.metrics import Metrics
from ingress.admin.routes import PREFIX
from tests.unit.ingress.admin.plane import KEY, SCOPED_KEY, Plane
from tests.unit.ingress.admin.test_health import Parts

MARK = "zeta-only"
"""Stands in every id and text that is the other tenant's, and nowhere else."""
RULE = {"title": "A gem", "patterns": ["Gem"], "hits": ["Gem"] * 3, "misses": ["g"] * 3}
THEIRS: dict[str, dict[str, Any]] = {
    "credentials": {"id": f"{MARK}-c", "secret": f"sk-{MARK}"},
    "providers": {"id": f"{MARK}-p", "base_url": f"http://{MARK}:1/v1", "credential": f"{MARK}-c"},
    "models": {"id": f"{MARK}-p/{MARK}-m"},
    "virtual-keys": {"id": f"{MARK}-k", "name": MARK},
    "rules": {"id": f"{MARK}.gem", **RULE},
    "policies": {"id": f"{MARK}-y"},
    "routes": {"id": f"{MARK}-r", "targets": [{"account": f"{MARK}-p"}], "policy": f"{MARK}-y"},
    "budgets": {"id": f"{MARK}-b", "limit_micros": 1},
    "siem-targets": {"id": f"{MARK}-s", "file": f"{MARK}.ndjson"},
    "holds": {"id": f"{MARK}-h", "subject": "alice", "reason": MARK},
    "retentions": {"id": f"{MARK}-t", "bodies_days": 30},
    "kills": {"id": f"{MARK}-x", "scope": "tenant", "reason": MARK},
    "passthroughs": {
        "id": f"{MARK}-z",
        "bypass": ["hooks"],
        "minutes": 5,
        "reason": f"the rules of {MARK} block everything",
    },
}
"""One of each collection, in an order in which they can be made."""


@pytest.fixture
async def plane() -> Plane:
    health = Parts().health()
    made = await Plane([*health.endpoints(), *Metrics(health.look).endpoints()]).start()
    await made.given(("tenants", {"id": "acme"}), ("tenants", {"id": MARK}))
    await made.given(*((name, {**body, "tenant": MARK}) for name, body in THEIRS.items()))
    return made


def test_every_collection_has_something_to_try() -> None:
    assert {*THEIRS, "tenants"} == set(intakes()), "a new collection is to be tried here as well"


async def test_nothing_of_another_tenant_is_seen_or_changed(plane: Plane) -> None:
    facts = len(plane.log.facts)
    tried = 0
    for endpoint in plane.endpoints:
        name = endpoint.path.removeprefix(f"{PREFIX}/").split("/")[0]
        theirs = {"id": MARK} if name == "tenants" else THEIRS.get(name, THEIRS["providers"])
        path = endpoint.path.replace("{id}", str(theirs["id"]))
        for query in ("", f"?tenant={MARK}", "?tenant=system"):
            for named in ({}, {"tenant": MARK}):
                tried += 1
                sent = {**theirs, **named} if endpoint.body is not None else None
                if sent is not None and name == "tenants":
                    sent = {"id": MARK}
                elif sent is not None and not named and not query and endpoint.method in ("POST", "PUT"):
                    # then it is the caller's own, and may well be made; what it names is another's
                    sent = {"id": "own", "credential": f"{MARK}-c", "base_url": "http://h/v1", "wire": "openai"}
                    sent = sent if name == "providers" else None
                    if sent is None:
                        continue
                reply = await plane.call(endpoint.method, path + query, sent, key=SCOPED_KEY)
                at = (endpoint.method, path, query, named, reply.body)
                assert (endpoint.listing and not query) or reply.status in (400, 403, 404), at
                told = reply.body if sent is None else reply.body.replace(f"{MARK}-c".encode(), b"")
                assert MARK.encode() not in told, at
    assert tried > 300
    assert len(plane.log.facts) == facts


async def test_what_another_tenant_has_and_what_nobody_has_are_answered_alike(plane: Plane) -> None:
    for name, theirs in THEIRS.items():
        answers = []
        for identifier in (str(theirs["id"]), "nobody-has"):
            identifier = f"mock/{identifier}" if name == "models" else identifier
            reply = await plane.call("GET", f"{PREFIX}/{name}/{identifier}", key=SCOPED_KEY)
            answers.append((reply.status, reply.body))
        assert answers[0] == answers[1], name


@pytest.mark.parametrize("path", [f"{PREFIX}/health", "/metrics"])
async def test_what_is_about_all_tenants_is_for_who_may_see_all(plane: Plane, path: str) -> None:
    assert (await plane.call("GET", path, key=SCOPED_KEY)).status == 403
    assert (await plane.call("GET", path, key=KEY)).status == 200


@pytest.mark.parametrize("file", [f"{MARK}.ndjson", f"{MARK.upper()}.NDJSON", f"{MARK}.ndjson.position"])
async def test_a_target_s_file_is_no_other_target_s(plane: Plane, file: str) -> None:
    """They lie in one directory: who took another tenant's would write into it, or keep it from being written."""
    reply = await plane.call("POST", f"{PREFIX}/siem-targets", {"id": "mine", "file": file}, key=SCOPED_KEY)
    assert (reply.status, reply.error["param"]) == (409, "file")
    made = await plane.call("POST", f"{PREFIX}/siem-targets", {"id": "mine", "file": "mine.ndjson"}, key=SCOPED_KEY)
    assert made.status == 201
    again = await plane.call("PUT", f"{PREFIX}/siem-targets/mine", {"file": "mine.ndjson"}, key=SCOPED_KEY)
    assert again.status == 200


@pytest.mark.parametrize("token", ["tk\nx: y", "tk\r", "tök"])
async def test_a_token_that_no_header_can_hold_is_refused_unquoted(plane: Plane, token: str) -> None:
    body = {"id": "web", "tenant": "acme", "kind": "http", "url": "http://127.0.0.1:9/", "token": token}
    reply = await plane.call("POST", f"{PREFIX}/siem-targets", body)
    assert (reply.status, reply.error["param"]) == (400, "token")
    assert token.encode() not in reply.body


async def test_a_parameter_with_a_nul_is_refused_before_any_store_sees_it(plane: Plane) -> None:
    reply = await plane.call("GET", f"{PREFIX}/policies?cursor=a%00b")
    assert (reply.status, reply.error["param"]) == (400, "cursor")
