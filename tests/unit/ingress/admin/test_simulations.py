"""Dry runs: every step is told, nothing is called, recorded or shown of what matched."""

from __future__ import annotations

from typing import Any

import pytest

from ingress.admin.simulations import Simulations
from projections.screening import Screener, compile_rules, load_builtin_rules
from schemas.ids import SystemClock
from tests.unit.ingress.admin.plane import SCOPED_KEY, MemoryLog, Plane, ReversibleVault

PATH = "/api/admin/simulate"
SECRET = "AKIAIOSFODNN7EXAMPL2"
RULES = [rule for rule in load_builtin_rules() if rule.id in ("secret.aws-access-key-id", "payment-card.number")]


@pytest.fixture
async def plane() -> Plane:
    log = MemoryLog()
    screener = Screener(compile_rules(RULES))
    made = Simulations(log.live, SystemClock(), lambda: screener, ReversibleVault().hash_key)
    plane = await Plane(made.endpoints(), log=log).start()
    await plane.given(
        ("tenants", {"id": "acme"}),
        ("tenants", {"id": "beta"}),
        ("providers", {"id": "one", "tenant": "acme", "wire": "openai", "base_url": "https://one.example/v1"}),
        ("providers", {"id": "two", "tenant": "acme", "wire": "openai", "base_url": "https://two.example/v1"}),
        ("models", {"id": "one/m", "tenant": "acme", "prices": {"input": 1_000_000, "output": 2_000_000}}),
        ("models", {"id": "two/m", "tenant": "acme", "prices": {"input": 1_000_000, "output": 2_000_000}}),
        ("models", {"id": "two/free", "tenant": "acme"}),
        ("models", {"id": "two/gpt-4o", "tenant": "acme"}),
        ("policies", {"id": "off", "tenant": "acme", "screen_requests": False}),
        ("routes", {"id": "all", "tenant": "acme", "strategy": "fallback"}),
        ("routes", {"id": "quiet", "tenant": "acme", "policy": "off", "models": ["never"], "priority": -1}),
        ("budgets", {"id": "month", "tenant": "acme", "limit_micros": 1_000_000}),
    )
    return plane


def asked(text: str, **more: Any) -> dict[str, Any]:
    return {"model": "m", "max_tokens": 100, "messages": [{"role": "user", "content": text}], **more}


async def simulated(plane: Plane, text: str, **more: Any) -> dict[str, Any]:
    reply = await plane.call("POST", PATH, {"tenant": "acme", "body": asked(text), **more})
    assert reply.status == 200, reply.body
    assert SECRET.encode() not in reply.body
    found: dict[str, Any] = reply.json
    return found


async def test_a_tenant_s_own_rules_and_allowed_values_count(plane: Plane) -> None:
    rule = {"id": "secret.badge", "title": "Badge", "action": "block", "patterns": ["ACME-[0-9]{6}"]}
    rule |= {"hits": ["ACME-104729", "ACME-000001", "ACME-999999"], "misses": ["ACME-1", "ACME", "104729"]}
    await plane.given(("rules", {**rule, "tenant": "acme"}))
    told = await simulated(plane, "the badge is ACME-104729")
    assert (told["outcome"], told["screening"]["rule"]) == ("refused", "secret.badge")
    await plane.given(("policies", {"id": "default", "tenant": "acme", "allow_values": ["ACME-104729"]}))
    assert (await simulated(plane, "the badge is ACME-104729"))["outcome"] == "accepted"
    for body, outcome in (({"tenant": "acme"}, "accepted"), ({"tenant": "acme", "allowed": []}, "refused")):
        reply = await plane.call("PUT", "/api/admin/policies/default", body)
        assert (reply.status, (await simulated(plane, "the badge is ACME-104729"))["outcome"]) == (200, outcome)


async def test_a_clean_request_is_told_its_targets_and_its_cost(plane: Plane) -> None:
    before = len(plane.log.messages)
    told = await simulated(plane, "Hello there")
    assert (told["outcome"], told["refusals"], told["route"], told["model"]) == ("accepted", [], "all", "m")
    assert told["screening"]["action"] == "approve"
    assert told["screening"]["microseconds"] > 0
    assert [target["account"] for target in told["targets"]] == ["one", "two"]
    for target in told["targets"]:
        assert target["estimated_micros"] == target["prompt_tokens"] + 2 * 100
        assert target["reserve_micros"] == target["prompt_tokens_most"] + 2 * 100
        assert target["output_tokens_most"] == 100
        assert target["reserve_micros"] >= target["estimated_micros"]
        assert target["budgets"] == ["month"]
    assert len(plane.log.messages) == before, "nothing is recorded"


async def test_a_block_is_told_with_its_place_and_so_is_what_would_have_followed(plane: Plane) -> None:
    told = await simulated(plane, f"my key is {SECRET} ok")
    assert told["outcome"] == "refused"
    assert [refusal["stage"] for refusal in told["refusals"]] == ["screen_request"]
    (hit,) = told["screening"]["hits"]
    place = {"text": 0, "start": 10, "end": 30}
    assert hit == {"rule": "secret.aws-access-key-id", "action": "block", "severity": "hard", **place}
    assert [target["account"] for target in told["targets"]] == ["one", "two"]


async def test_a_route_can_be_named_and_its_policy_counts(plane: Plane) -> None:
    told = await simulated(plane, f"my key is {SECRET}", route="quiet")
    assert (told["outcome"], told["route"], told["policy"]) == ("accepted", "quiet", "off")
    assert (told["screening"]["pack"], told["screening"]["hits"]) == ("", [])
    told = await simulated(plane, "Hello", route="none")
    assert (told["outcome"], told["refusals"][0]["code"]) == ("refused", "not_found")


async def test_a_key_s_limits_apply(plane: Plane) -> None:
    await plane.given(("virtual-keys", {"id": "k1", "tenant": "acme", "models": ["other*"]}))
    told = await simulated(plane, "Hello", key="k1")
    assert told["key"] == "k1"
    assert [refusal["code"] for refusal in told["refusals"]] == ["model_not_allowed"]
    assert told["screening"] is None
    reply = await plane.call("POST", PATH, {"tenant": "acme", "body": asked("Hello"), "key": "none"})
    assert (reply.status, reply.error["param"]) == (404, "key")


async def test_a_model_without_a_price_meets_a_budget(plane: Plane) -> None:
    told = await simulated(plane, "Hello", body=asked("Hello", model="two/free"))
    assert [refusal["code"] for refusal in told["refusals"]] == ["model_unpriced"]
    assert told["targets"][0]["priced"] is False


async def test_a_public_vocabulary_counts_exactly(plane: Plane) -> None:
    counts = {}
    for model in ("gpt-4o", "m"):
        (target, *_) = (await simulated(plane, "Hi", body=asked("Hello there", model=model)))["targets"]
        counts[model] = (target["prompt_counted"], target["tokenizer"])
        if model == "gpt-4o":
            assert target["prompt_tokens"] == 9, "two words, the role, the turn's marks and the answer's beginning"
    assert counts["gpt-4o"] == ("exact", "o200k")
    assert counts["m"][0] == "estimated"


async def test_an_unknown_model_and_a_bad_body_are_refused(plane: Plane) -> None:
    told = await simulated(plane, "Hello", body=asked("Hello", model="unheard-of"))
    assert [refusal["code"] for refusal in told["refusals"]] == ["model_not_found"]
    assert told["targets"] == []
    reply = await plane.call("POST", PATH, {"tenant": "acme", "body": {"messages": []}})
    assert reply.status == 400
    reply = await plane.call("POST", PATH, {"tenant": "beta", "body": asked("x")}, key=SCOPED_KEY)
    assert reply.status == 403
