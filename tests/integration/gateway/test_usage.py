"""What a key is told of itself and of a request before it is made, through a real gateway and budget store."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from projections.valkey import SpentStore, WindowSpend
from schemas.aggregates.budget import Budget
from schemas.aggregates.virtual_key import VirtualKey
from schemas.ids import SystemClock
from schemas.spend import window_of
from tests.integration.gateway.town import House, Town
from tests.waiting import until_sync


def ask(town: Town, house: House, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
    told = {"authorization": f"Bearer {house.key}", "content-type": "application/json", **headers}
    raw = None if body is None else json.dumps(body).encode()
    return town.send(method, path, raw, told)[:2]


def spent(town: Town, tenant: str, budget: str, micros: int) -> None:
    """What `processors.quota` would write."""

    async def work() -> None:
        store = SpentStore(town.settings.valkey_url, log="test")
        await store.epoch()
        await store.write([WindowSpend(tenant, budget, window_of("month", SystemClock().now_us()), 1, micros, {})])
        await store.close()

    asyncio.run(work())


def test_a_key_sees_its_own_limits_and_nobody_else_s(town: Town) -> None:
    house = town.house(
        key={"requests_per_minute": 60, "name": "app", "models": ("gpt-4o*",)},
        budget={"scope": "key", "target": "k1", "limit_micros": 1_000_000},
    )
    other = town.house(budget={"scope": "key", "target": "k1", "limit_micros": 7_000_000})
    tenant = house.tenant
    text = "nvk_" + "ab" * 32
    town.put(
        tenant,
        ("budget", "b2", Budget(id="b2", tenant=tenant, limit_micros=5_000_000)),
        ("budget", "others", Budget(id="others", tenant=tenant, scope="key", target="k2", limit_micros=9_000_000)),
        ("virtual-key", "k2", VirtualKey(
            id="k2", tenant=tenant, hash=town.vault.hash_key(text), prefix=text[:12]
        )),
    )  # fmt: skip
    for name, micros in (("b1", 250_000), ("b2", 4_000_000), ("others", 8_000_000)):
        spent(town, tenant, name, micros)
    spent(town, other.tenant, "b1", 6_000_000)
    neighbour = House(tenant, text, "k2")
    until_sync(lambda: ask(town, neighbour, "GET", "/v1/usage")[0] == 200, "the second key is in force")

    status, told = ask(town, house, "GET", "/v1/usage")
    assert status == 200 and told["key"]["id"] == "k1" and told["key"]["models"] == ["gpt-4o*"]
    assert told["rate_limits"] == {"requests_per_minute": 60, "requests_remaining": 60}
    own, shared = told["budgets"]
    assert (own["id"], own["spent_micros"], own["remaining_micros"]) == ("b1", 250_000, 750_000)
    assert (shared["id"], shared["exhausted"]) == ("b2", False) and "spent_micros" not in shared
    assert set(shared) & {"limit_micros", "remaining_micros"} == set()
    # nothing that a caller sends leads to another tenant, or to another key of its own
    for path in ("/v1/usage?tenant=" + other.tenant, "/v1/usage?key=k2", "/llm/v1/usage"):
        _, again = ask(town, house, "GET", path, **{"x-nexus-tenant": other.tenant, "x-tenant": other.tenant})
        assert [(each["id"], each.get("spent_micros")) for each in again["budgets"]] == [("b1", 250_000), ("b2", None)]
        assert "others" not in json.dumps(again) and other.tenant not in json.dumps(again)
    assert ask(town, other, "GET", "/v1/usage")[1]["budgets"][0]["spent_micros"] == 6_000_000
    assert ask(town, House("", "nvk_" + "0" * 64, ""), "GET", "/v1/usage")[0] == 401


def test_what_is_set_aside_shows_and_comes_back(town: Town) -> None:
    house = town.house(budget={"scope": "key", "target": "k1", "limit_micros": 1_000_000})
    spent(town, house.tenant, "b1", 0)
    town.client(house).chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "hello"}])
    told = ask(town, house, "GET", "/v1/usage")[1]["budgets"][0]
    assert told["remaining_micros"] == 1_000_000 - told["spent_micros"] - told["set_aside_micros"] < 1_000_000


def amounts(town: Town, house: House) -> list[tuple[int | None, int]]:
    told = ask(town, house, "GET", "/v1/usage")[1]["budgets"]
    return [(each["spent_micros"], each["set_aside_micros"]) for each in told]


def test_an_estimate_calls_nobody(town: Town) -> None:
    house = town.house(
        accounts=("mock", "spare"),
        route={"strategy": "fallback"},
        budget={"scope": "key", "target": "k1", "limit_micros": 10_000_000},
    )
    before = amounts(town, house)
    seen = town.ledger.read_bytes()
    chat = {"model": "gpt-4o", "max_tokens": 100, "messages": [{"role": "user", "content": "Say hello to everybody."}]}
    status, told = ask(town, house, "POST", "/v1/estimate", chat)
    assert status == 200 and told["would_call"] == "mock/gpt-4o" and told["route"]["id"] == "default"
    assert [each["model"] for each in told["targets"]] == ["mock/gpt-4o", "spare/gpt-4o"]
    first = told["targets"][0]
    assert first["input_tokens"]["probable"] == 12 < first["input_tokens"]["most"] < 100
    assert (first["input_tokens"]["counted"], first["input_tokens"]["error"]) == ("exact", 0)
    assert first["output_tokens"]["most"] == 100 and first["budgets"] == ["b1"] and not first["dropped"]
    assert first["cost_micros"]["most"] >= 1_000 > first["cost_micros"]["input_probable"] > 0
    for body, operation in (
        ({"model": "gpt-4o", "contents": [{"parts": [{"text": "x"}]}]}, "generate_content"),
        ({"model": "gpt-4o", "input": "x"}, "responses"),
        ({"model": "gpt-4o", "prompt": "x"}, "completions"),
        ({"path": "/v1/embeddings", "body": {"model": "gpt-4o", "input": "x"}}, "embeddings"),
        ({"path": "/v1beta/models/gpt-4o:generateContent", "body": {"contents": [{"parts": [{"text": "x"}]}]}},
         "generate_content"),
        ({"model": "gpt-4o", "max_tokens": 9, "system": "s", "messages": [{"role": "user", "content": "x"}]},
         "messages"),
    ):  # fmt: skip
        status, told = ask(town, house, "POST", "/v1/estimate", body)
        assert (status, told["operation"]) == (200, operation), told
    status, told = ask(town, house, "POST", "/v1/estimate", {"model": "gpt-4o", "query": "x", "documents": ["y"]})
    assert (status, told["error"]["code"]) == (400, "no_compatible_provider")
    assert ask(town, house, "POST", "/v1/estimate", {"model": "none", "prompt": "x"})[0] == 404
    assert ask(town, house, "POST", "/v1/estimate", {"hello": 1})[0] == 400
    assert town.ledger.read_bytes() == seen
    assert amounts(town, house) == before


def test_what_no_provider_counts_is_counted_here(town: Town) -> None:
    house = town.house()
    seen = town.ledger.read_bytes()
    said = [{"role": "user", "content": "Say hello to everybody."}]
    headers = {"authorization": f"Bearer {house.key}", "content-type": "application/json"}

    def counted(path: str, body: Any, key: str = "") -> tuple[int, Any, str]:
        told = {**headers, "authorization": f"Bearer {key}"} if key else headers
        status, answer, answered = town.send("POST", path, json.dumps(body).encode(), told)
        return status, answer, {name.lower(): value for name, value in answered.items()}.get("x-nexus-tokens", "")

    body = {"model": "gpt-4o", "messages": said}
    assert counted("/v1/messages/count_tokens", body) == (200, {"input_tokens": 12}, "exact")
    pictured = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}
    body["messages"] = [*said, {"role": "user", "content": [pictured]}]
    status, _, marked = counted("/v1/messages/count_tokens", body)
    assert status == 200 and marked.startswith("estimated; error=")
    contents = [{"role": "user", "parts": [{"text": "Say hello to everybody."}]}]
    assert counted("/v1beta/models/gpt-4o:countTokens", {"contents": contents}) == (200, {"totalTokens": 12}, "exact")
    assert town.ledger.read_bytes() == seen
    # what is not counted here is refused as every other request is
    assert counted("/v1/messages/count_tokens", {**body, "model": "none"})[0] == 404
    assert counted("/v1/messages/count_tokens", body, "nvk_" + "0" * 64)[0] == 401
    assert counted("/v1/messages/count_tokens", {"model": "gpt-4o"})[0] == 400
