"""A model that is made without prices gets those of the catalogue, as a fact of its day, and its maker is told so."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.aggregates.model import ModelCreated
from schemas.codec import open_fact
from tests.unit.ingress.admin.plane import Plane

GPT = {"input": 2_500_000, "output": 10_000_000, "cached_input": 1_250_000}


async def plane_with(*wires: str) -> Plane:
    plane = await Plane().start()
    assert (await plane.call("POST", "/api/admin/tenants", {"id": "acme"})).status == 201
    for wire in wires:
        body = {"id": wire.replace("_", "-"), "tenant": "acme", "wire": wire, "base_url": "http://127.0.0.1:1"}
        made = await plane.call("POST", "/api/admin/providers", {**body, "region": "r", "project": "p"})
        assert made.status == 201, made.body
    return plane


async def make(plane: Plane, method: str, path: str, **body: Any) -> Any:
    reply = await plane.call(method, f"/api/admin/{path}", {"tenant": "acme", **body})
    assert reply.status in (200, 201), reply.body
    return reply.json


@pytest.mark.parametrize(("method", "path"), [("POST", "models"), ("PUT", "models/openai%2Fgpt-4o")])
async def test_prices_are_filled_in_and_said_to_be(method: str, path: str) -> None:
    plane = await plane_with("openai")
    told = await make(plane, method, path, id="openai/gpt-4o")
    assert {name: told["prices"][name] for name in GPT} == GPT and told["prices"]["request"] == 0
    assert told["prices_from"] == "OpenAI, API pricing, 2025-09-01: gpt-4o"
    created = open_fact(plane.log.facts[-1])
    assert isinstance(created, ModelCreated) and created.spec.prices is not None
    assert created.spec.prices.input == GPT["input"]
    read = (await plane.call("GET", "/api/admin/models/openai%2Fgpt-4o?tenant=acme")).json
    assert read["prices"] == told["prices"] and "prices_from" not in read


async def test_the_upstream_s_name_counts_and_own_prices_win() -> None:
    plane = await plane_with("bedrock", "openai")
    name = "us.anthropic.claude-3-5-haiku-20241022-v1:0"
    told = await make(plane, "POST", "models", id="bedrock/quick", upstream=name)
    assert told["prices"]["input"] == 800_000 and "claude-3-5-haiku" in told["prices_from"]
    told = await make(plane, "POST", "models", id="openai/gpt-4o", prices={"input": 7, "output": 9})
    assert told["prices"]["input"] == 7 and "prices_from" not in told


async def test_what_is_not_known_stays_unpriced_and_is_said_to() -> None:
    plane = await plane_with("openai_compatible")
    told = await make(plane, "POST", "models", id="openai-compatible/gpt-4o")
    assert told["prices"] is None and told["prices_from"].startswith("none is known")


async def test_a_model_sent_again_keeps_its_prices_and_a_change_takes_them_away() -> None:
    plane = await plane_with("openai")
    own = {"input": 7, "output": 9}
    await make(plane, "PUT", "models/openai%2Fgpt-4o", prices=own)
    facts = len(plane.log.facts)
    told = await make(plane, "PUT", "models/openai%2Fgpt-4o")
    assert told["prices"]["input"] == 7 and len(plane.log.facts) == facts
    reply = await plane.call("PATCH", "/api/admin/models/openai%2Fgpt-4o?tenant=acme", {"prices": None})
    assert reply.status == 200 and reply.json["prices"] is None
