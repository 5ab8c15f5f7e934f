"""Laws of the control plane: no body breaks it, what is refused changes nothing, what is read can be put back."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingress.admin.intake import intakes
from tests.unit.ingress.admin.plane import SMALL, Plane

NAMES = sorted({name for intake in intakes().values() for name in intake.shape.__struct_fields__} | {"other"})
WORDS = [
    "acme",
    "main",
    "mock",
    "mock/gpt-4o",
    "strict",
    "default",
    "system",
    "key",
    "tenant",
    "http://[",
    "http://h:x",
    "http",
    "http://h/v1",
    "",
]
leaves = (
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats()
    | st.sampled_from(WORDS)
    | st.text(max_size=5)
)
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from([*NAMES, "input"]), inner, max_size=2),
    max_leaves=6,
)
bodies = st.dictionaries(st.sampled_from(NAMES), values, max_size=5)
paths = (
    st.sampled_from(sorted(intakes())),
    st.sampled_from(["main", "mock", "mock/gpt-4o", "strict", "new", "%00", "a%2Fb"]),
)
calls = st.lists(st.tuples(st.sampled_from(["POST", "PUT", "PATCH", "DELETE", "GET"]), *paths, bodies), max_size=6)


@settings(max_examples=80)
@given(calls)
def test_no_sequence_of_calls_breaks_it(wanted: list[tuple[str, str, str, dict[str, Any]]]) -> None:
    async def run() -> None:
        plane = await Plane().start()
        await plane.given(*SMALL)
        for method, collection, identifier, body in wanted:
            before = len(plane.log.messages)
            path = f"/api/admin/{collection}" + ("" if method == "POST" else f"/{identifier}")
            # the standard library writes NaN, which no JSON is: also that must not break anything
            raw = None if method in ("GET", "DELETE") else json.dumps(body).encode()
            reply = await plane.call(method, path, raw=raw)
            assert reply.status in (200, 201, 204, 400, 404, 409), reply.body
            if reply.status >= 400:
                assert reply.error["message"]
                assert len(plane.log.messages) == before

    asyncio.run(run())


@pytest.mark.parametrize("collection", sorted(intakes()))
async def test_what_is_read_can_be_put_back(collection: str) -> None:
    plane = await Plane().start()
    await plane.given(
        *SMALL,
        ("budgets", {"id": "b", "limit_micros": 1}),
        ("siem-targets", {"id": "s", "file": "f", "token": "t"}),
        ("virtual-keys", {"id": "k", "models": ["gpt-*"]}),
        ("holds", {"id": "h", "subject": "alice", "reason": "a lawsuit"}),
        ("retentions", {"id": "r", "bodies_days": 30}),
        ("kills", {"id": "x", "scope": "tenant", "reason": "it leaks"}),
        ("passthroughs", {"id": "p", "bypass": ["hooks"], "minutes": 5, "reason": "the rules block everything"}),
        ("rules", {"id": "name.gem", "title": "A gem", "patterns": ["Gem"], "hits": ["Gem"] * 3, "misses": ["g"] * 3}),
    )
    (read,) = (await plane.call("GET", f"/api/admin/{collection}")).json["data"]
    shape = intakes()[collection].shape.__struct_fields__
    before = len(plane.log.messages)
    reply = await plane.call("PUT", f"/api/admin/{collection}/{read['id']}", {n: read[n] for n in read if n in shape})
    assert (reply.status, reply.json) == (200, read)
    assert (await plane.call("PATCH", f"/api/admin/{collection}/{read['id']}", {})).json == read
    assert len(plane.log.messages) == before
