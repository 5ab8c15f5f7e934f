"""One chat completion's whole life through a real gateway, with the official client."""

from __future__ import annotations

import itertools
import json
import socket
from typing import Any

import openai
import pytest

from schemas.facts import traffic
from tests.integration.gateway.town import Town, free_port
from tests.waiting import until_sync

HELLO: list[Any] = [{"role": "user", "content": "Say hello."}]
CARD = "4111 1111 1111 1111"
AWS_KEY = "AKIA" + "QWERTYUIOPASDFGH"


def kinds(facts: list[tuple[Any, Any]]) -> list[str]:
    return [fact.type.removesuffix(".v1") for fact, _ in facts]


def test_plain(town: Town) -> None:
    house = town.house()
    answer = town.client(house).chat.completions.with_raw_response.create(model="mock/gpt-4o", messages=HELLO)
    completion = answer.parse()
    assert completion.choices[0].message.content and completion.usage is not None
    headers = answer.headers
    assert headers["x-nexus-provider"] == "mock" and headers["x-nexus-model"] == "gpt-4o"
    assert headers["x-nexus-attempt"] == "1" and headers["x-nexus-cache"] == "off" and headers["x-nexus-hook"] == "none"
    assert int(headers["x-nexus-latency-ms"]) >= 0

    facts = town.closed(headers["x-nexus-request-id"])
    assert kinds(facts) == [
        "request.accepted",
        "request.screened",
        "request.routed",
        "provider.called",
        "request.screened",
        "request.completed",
    ]
    for (before, _), (after, _) in itertools.pairwise(facts):
        assert after.causation == before.id
    done = facts[-1][1]
    used = completion.usage
    assert (done.usage.input_tokens, done.usage.output_tokens) == (used.prompt_tokens, used.completion_tokens)
    assert done.cost_micros == round((used.prompt_tokens * 2.5 + used.completion_tokens * 10) + 1e-9)
    assert (done.account, done.model, done.route, done.status) == ("mock", "mock/gpt-4o", "default", 200)
    assert done.accepted_sequence > 0 and done.body is not None and done.body.size > 0


@pytest.mark.parametrize("asked", [False, True])
def test_stream(town: Town, asked: bool) -> None:
    house = town.house()
    options: Any = {"stream_options": {"include_usage": True}} if asked else {}
    answer = town.client(house).chat.completions.with_raw_response.create(
        model="gpt-4o", messages=HELLO, stream=True, **options
    )
    request_id = answer.headers["x-nexus-request-id"]
    chunks = list(answer.parse())
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text
    assert any(not chunk.choices for chunk in chunks) == asked
    done = town.closed(request_id)[-1][1]
    assert isinstance(done, traffic.RequestCompleted) and done.stream and done.finish_reason == "stop"
    assert done.usage.output_tokens > 0 and not done.usage.estimated and done.cost_micros > 0


def test_models(town: Town) -> None:
    house = town.house(key={"models": ("mock/gpt-4o-mini",)})
    assert [model.id for model in town.client(house).models.list()] == ["mock/gpt-4o-mini"]


def refused(town: Town, error: openai.APIStatusError, code: str, stage: str) -> Any:
    assert error.code == code, error.body
    facts = town.closed(error.response.headers["x-nexus-request-id"])
    end = facts[-1][1]
    assert isinstance(end, traffic.RequestRefused)
    assert (end.code, end.stage, end.status) == (code, stage, error.status_code)
    return end


def test_bad_key(town: Town) -> None:
    house = town.house()
    client = town.client(house).with_options(api_key="nvk_" + "0" * 64)
    with pytest.raises(openai.AuthenticationError) as caught:
        client.chat.completions.create(model="gpt-4o", messages=HELLO)
    assert refused(town, caught.value, "invalid_api_key", "authenticate").key_id == ""


def test_unknown_model(town: Town) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        town.client(town.house()).chat.completions.create(model="gpt-99", messages=HELLO)
    assert refused(town, caught.value, "model_not_found", "route").model_requested == "gpt-99"


def test_model_not_allowed(town: Town) -> None:
    house = town.house(key={"models": ("gpt-4o-mini",)})
    with pytest.raises(openai.PermissionDeniedError) as caught:
        town.client(house).chat.completions.create(model="gpt-4o", messages=HELLO)
    refused(town, caught.value, "model_not_allowed", "parse")


def test_blocked_prompt(town: Town) -> None:
    house = town.house()
    before = len(town.ledger.read_bytes()) if town.ledger.exists() else 0
    with pytest.raises(openai.PermissionDeniedError) as caught:
        town.client(house).chat.completions.create(
            model="gpt-4o", messages=[{"role": "user", "content": f"use {AWS_KEY} please"}]
        )
    end = refused(town, caught.value, "content_filtered", "screen_request")
    assert end.rule in caught.value.response.headers["x-nexus-hook"] and AWS_KEY not in caught.value.response.text
    after = town.ledger.read_bytes()[before:] if town.ledger.exists() else b""
    assert caught.value.response.headers["x-nexus-request-id"].encode() not in after


def test_redacted_prompt_and_answer(town: Town) -> None:
    house = town.house(models=("mock-echo",))
    answer = town.client(house).chat.completions.with_raw_response.create(
        model="mock-echo", messages=[{"role": "user", "content": f"my card is {CARD} ok"}]
    )
    text = answer.parse().choices[0].message.content
    assert text is not None and CARD not in text and "[REDACTED" in text
    assert "action=redact" in answer.headers["x-nexus-hook"]


@pytest.mark.parametrize(
    ("fields", "status"),
    [({"model": 5}, 400), ({"messages": []}, 400), ({"max_tokens": -1}, 400)],
)
def test_bad_requests(town: Town, fields: dict[str, Any], status: int) -> None:
    house = town.house()
    body = json.dumps({"model": "gpt-4o", "messages": HELLO, **fields}).encode()
    headers = {"authorization": f"Bearer {house.key}", "content-type": "application/json"}
    code, error, answer = town.send("POST", "/v1/chat/completions", body, headers)
    assert code == status and set(error["error"]) == {"message", "type", "code", "param"}
    assert town.closed(answer["x-nexus-request-id"])[-1][1].stage == "parse"


def test_other_statuses(town: Town) -> None:
    house = town.house()
    key = {"authorization": f"Bearer {house.key}"}
    good = json.dumps({"model": "gpt-4o", "messages": HELLO}).encode()
    assert town.send("POST", "/v1/chat/completions", good, {**key, "content-type": "text/plain"})[0] == 415
    big = {**key, "content-type": "application/json"}
    assert town.send("POST", "/v1/chat/completions", b" " * (33 * 1024 * 1024), big)[0] in (413, 0)
    assert town.send("GET", "/v1/chat/completions", None, key)[0] == 405
    assert town.send("POST", "/v1/none", b"{}", key)[0] == 404
    status, body, headers = town.send("GET", "/health", None, {})
    assert (status, body) == (200, {"status": "ok"}) and headers["x-nexus-request-id"]


def test_provider_errors_reach_the_caller(town: Town) -> None:
    house = town.house(models=("gpt-4o+error-500", "gpt-4o+error-429", "gpt-4o+error-400"), route={"max_attempts": 1})
    client = town.client(house)
    for name, error in (
        ("gpt-4o+error-500", openai.InternalServerError),
        ("gpt-4o+error-429", openai.RateLimitError),
        ("gpt-4o+error-400", openai.BadRequestError),
    ):
        with pytest.raises(error) as caught:
            client.chat.completions.create(model=name, messages=HELLO)
        end = town.closed(caught.value.response.headers["x-nexus-request-id"])[-1][1]
        assert end.stage == "call" and end.attempts == 1 and end.cost_micros == 0


def test_fallback_after_a_dead_account(town: Town) -> None:
    dead = f"http://127.0.0.1:{free_port()}/v1"
    house = town.house(
        accounts=("a-dead", "b-live"),
        urls={"a-dead": dead},
        route={"strategy": "fallback"},
    )
    answer = town.client(house).chat.completions.with_raw_response.create(model="gpt-4o", messages=HELLO)
    assert (answer.headers["x-nexus-provider"], answer.headers["x-nexus-attempt"]) == ("b-live", "2")
    calls = [
        data for fact, data in town.closed(answer.headers["x-nexus-request-id"]) if fact.type.startswith("provider.")
    ]
    assert [(call.account, call.outcome) for call in calls] == [("a-dead", "connect"), ("b-live", "ok")]


def test_circuit_opens(town: Town) -> None:
    house = town.house(models=("gpt-4o+error-500",), route={"max_attempts": 5})
    client = town.client(house)
    with pytest.raises(openai.InternalServerError):
        client.chat.completions.create(model="gpt-4o+error-500", messages=HELLO)
    with pytest.raises(openai.InternalServerError) as caught:
        client.chat.completions.create(model="gpt-4o+error-500", messages=HELLO)
    assert caught.value.status_code == 503 and caught.value.code == "no_provider_available"
    assert int(caught.value.response.headers["retry-after"]) > 0


def test_broken_stream_tells_the_client(town: Town) -> None:
    house = town.house(models=("gpt-4o+disconnect-after-3",), route={"max_attempts": 1})
    with pytest.raises(openai.APIError) as caught:
        list(town.client(house).chat.completions.create(model="gpt-4o+disconnect-after-3", messages=HELLO, stream=True))
    assert "broke off" in str(caught.value)


@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_leaves(town: Town, stream: bool) -> None:
    name = "gpt-4o+token-20ms+tokens-500" if stream else "gpt-4o+delay-20000ms"
    house = town.house(models=(name,))
    body = json.dumps({"model": name, "messages": HELLO, "stream": stream}).encode()
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {house.key}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    ).encode()
    lines = len(town.ledger.read_bytes().splitlines()) if town.ledger.exists() else 0
    with socket.create_connection(("127.0.0.1", town.port)) as caller:
        caller.sendall(head + body)
        if stream:
            seen = b""
            while seen.count(b'"content":"') < 5:
                seen += caller.recv(65_536)
            assert seen.startswith(b"HTTP/1.1 200")
        else:
            until_sync(
                lambda: town.ledger.exists() and len(town.ledger.read_bytes().splitlines()) > lines, "the call was made"
            )

    def aborted() -> list[str]:
        entries = [json.loads(line) for line in town.ledger.read_bytes().splitlines()[lines:]]
        return [entry["id"] for entry in entries if entry["aborted"]]

    until_sync(aborted, "the provider sees the caller leave")
    facts = town.closed(aborted()[0])
    end = facts[-1][1]
    assert isinstance(end, traffic.RequestAborted) and end.usage.estimated and end.usage.input_tokens > 0
    assert (end.usage.output_tokens > 0) == stream


def test_a_strict_route_says_so_on_the_record(town: Town) -> None:
    house = town.house(route={"durability": "strict"})
    answer = town.client(house).chat.completions.with_raw_response.create(model="gpt-4o", messages=HELLO)
    assert town.closed(answer.headers["x-nexus-request-id"])[0][1].durability == "strict"


def test_a_revoked_key_is_refused(town: Town) -> None:
    house = town.house()
    client = town.client(house)
    client.chat.completions.create(model="gpt-4o", messages=HELLO)
    town.put(house.tenant, ("virtual-key", house.key_id, None))
    until_sync(
        lambda: town.get("/v1/models", {"authorization": f"Bearer {house.key}"})[0] == 401, "the key is refused", 2.0
    )


def test_a_key_of_one_tenant_reaches_no_other(town: Town) -> None:
    one, other = town.house(accounts=("alpha",)), town.house(accounts=("beta",))
    with pytest.raises(openai.NotFoundError):
        town.client(one).chat.completions.create(model="beta/gpt-4o", messages=HELLO)
    assert {model.id.partition("/")[0] for model in town.client(other).models.list()} == {"beta"}


def test_rate_limit(town: Town) -> None:
    house = town.house(key={"requests_per_minute": 2})
    client = town.client(house)
    for _ in range(2):
        client.chat.completions.create(model="gpt-4o", messages=HELLO)
    with pytest.raises(openai.RateLimitError) as caught:
        client.chat.completions.create(model="gpt-4o", messages=HELLO)
    assert caught.value.code == "rate_limited" and int(caught.value.response.headers["retry-after"]) >= 1
