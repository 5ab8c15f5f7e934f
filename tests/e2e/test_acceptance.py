"""A whole Nexus and the unmodified client: what applications, analysts, security teams and operators rely on."""

from __future__ import annotations

import json
import secrets
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import openai
import pytest

from tests.e2e.views import in_clickhouse, in_postgres, in_siem, in_trail
from tests.nexus_fixture import RunningNexus
from tests.waiting import until_sync

HELLO: list[Any] = [{"role": "user", "content": "Say hello."}]
SECRET = "AKIA" + "QWERTYUIOPASDFGH"


def agreed(nexus: RunningNexus, request_id: str) -> tuple[Any, ...]:
    """What all four views say of a request, once all of them have it; AssertionError when they differ."""
    until_sync(
        lambda: all(view(nexus, request_id) for view in (in_postgres, in_clickhouse, in_siem, in_trail)),
        "the request is in every view",
    )
    row = in_postgres(nexus, request_id)
    assert row is not None
    assert in_clickhouse(nexus, request_id) == row
    assert in_trail(nexus, request_id) == row
    assert in_siem(nexus, request_id) == (row[0], *row[6:])
    return row


def refused(nexus: RunningNexus, error: openai.APIStatusError) -> tuple[Any, ...]:
    return agreed(nexus, error.response.headers["x-nexus-request-id"])


def test_a_chat(nexus: RunningNexus) -> None:
    answer = nexus.client().chat.completions.with_raw_response.create(model="mock/gpt-4o", messages=HELLO)
    usage = answer.parse().usage
    assert usage is not None
    cost = (usage.prompt_tokens * 2_500_000 + usage.completion_tokens * 10_000_000 + 500_000) // 1_000_000
    assert agreed(nexus, answer.headers["x-nexus-request-id"]) == (
        "demo", "completed", 200, "", "mock", "mock/gpt-4o", usage.prompt_tokens, usage.completion_tokens, cost,
    )  # fmt: skip


def test_a_stream(nexus: RunningNexus) -> None:
    answer = nexus.client().chat.completions.with_raw_response.create(
        model="gpt-4o-mini", messages=HELLO, stream=True, stream_options={"include_usage": True}
    )
    usage = [chunk.usage for chunk in answer.parse() if chunk.usage][-1]
    row = agreed(nexus, answer.headers["x-nexus-request-id"])
    assert row[6:8] == (usage.prompt_tokens, usage.completion_tokens) and row[8] > 0


def test_models(nexus: RunningNexus) -> None:
    # the last two nobody configured: the provider lists them
    there_are = {f"mock/{name}" for name in ("gpt-4o", "gpt-4o-mini", "mock-echo", "mock-fixed")}
    until_sync(lambda: {model.id for model in nexus.client().models.list()} == there_are, "all are listed")


def test_refusals(nexus: RunningNexus) -> None:
    with pytest.raises(openai.AuthenticationError) as bad_key:
        nexus.client("nvk_" + "0" * 64).chat.completions.create(model="gpt-4o", messages=HELLO)
    assert refused(nexus, bad_key.value)[:4] == ("system", "refused", 401, "invalid_api_key")
    with pytest.raises(openai.NotFoundError) as unknown:
        nexus.client().chat.completions.create(model="gpt-99", messages=HELLO)
    assert refused(nexus, unknown.value)[:4] == ("demo", "refused", 404, "model_not_found")
    with pytest.raises(openai.PermissionDeniedError) as blocked:
        nexus.client().chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": f"key {SECRET}"}])
    assert refused(nexus, blocked.value)[:4] == ("demo", "refused", 403, "content_filtered")


def house(nexus: RunningNexus, **budget: Any) -> str:
    """A tenant of its own on the mock provider, perhaps with a budget; its key."""
    tenant = f"t{secrets.token_hex(4)}"
    key = ""
    for path, body in (
        ("/tenants", {"id": tenant}),
        ("/credentials", {"id": "mock", "tenant": tenant, "secret": "sk-mock"}),
        (
            "/providers",
            {
                "id": "mock",
                "tenant": tenant,
                "base_url": f"{nexus.endpoints['mock'].removesuffix('/v1')}/v1",
                "credential": "mock",
            },
        ),
        (
            "/models",
            {"id": "mock/gpt-4o", "tenant": tenant, "prices": {"input": 2_500_000, "output": 10_000_000}},
        ),
        ("/routes", {"id": "default", "tenant": tenant}),
        *([("/budgets", {"id": "b", "tenant": tenant, **budget})] if budget else []),
        ("/virtual-keys", {"id": "k", "tenant": tenant}),
    ):
        made = nexus.admin("POST", path, body)
        assert made.status == 201, (path, made.body)
        key = made.body.get("key", "")
    until_sync(lambda: works(nexus, key), "the key is in force")
    return str(key)


def works(nexus: RunningNexus, key: str) -> bool:
    try:
        return bool(nexus.client(key).models.list().data)
    except openai.APIStatusError:
        return False


def test_a_budget_is_never_overshot(nexus: RunningNexus) -> None:
    limit = 2_000
    key = house(nexus, limit_micros=limit)
    client = nexus.client(key)
    refusals: list[openai.RateLimitError] = []
    answers: list[str] = []

    def ask(_: int) -> None:
        try:
            answer = client.chat.completions.with_raw_response.create(model="mock/gpt-4o", messages=HELLO)
            answers.append(answer.headers["x-nexus-request-id"])
        except openai.RateLimitError as error:
            refusals.append(error)

    with ThreadPoolExecutor(8) as crowd:
        list(crowd.map(ask, range(40)))
    assert answers and refusals
    assert {error.code for error in refusals} == {"insufficient_quota"}
    assert all(int(error.response.headers["retry-after"]) > 0 for error in refusals)
    costs = [agreed(nexus, request)[8] for request in answers]
    assert sum(costs) <= limit
    assert refused(nexus, refusals[-1])[1:4] == ("refused", 429, "insufficient_quota")


def test_a_revoked_key_is_refused_under_load(nexus: RunningNexus) -> None:
    key = house(nexus)
    client = nexus.client(key)
    until_sync(lambda: client.chat.completions.create(model="gpt-4o", messages=HELLO).id, "an answer")
    found = next(entry for entry in nexus.admin("GET", "/virtual-keys").body["data"] if entry["prefix"] == key[:12])
    with ThreadPoolExecutor(4) as crowd:
        load = [crowd.submit(works, nexus, key) for _ in range(100)]
        done = nexus.command("keys", "revoke", "k", "--tenant", found["tenant"])
        assert done.returncode == 0, done.stderr
        until_sync(lambda: not works(nexus, key), "the key is refused", 2.0)
        for asked in load:
            asked.result()
    assert not works(nexus, key)


def test_of_two_writers_one_wins_and_one_is_told(nexus: RunningNexus) -> None:
    house(nexus)
    tenant = nexus.admin("GET", "/tenants").body["data"][-1]["id"]
    outcomes: list[int] = []
    for attempt in range(20):
        with ThreadPoolExecutor(2) as crowd:
            outcomes += [
                answer.status
                for answer in crowd.map(
                    lambda name: nexus.admin("PATCH", f"/tenants/{tenant}", {"name": name}),
                    (f"a{attempt}", f"b{attempt}"),
                )
            ]
    assert set(outcomes) <= {200, 409} and outcomes.count(200) >= 20
    history = json.loads(nexus.command("tail", "--stream", "CONFIG", "--output", "json").stdout.splitlines()[-1])
    assert history


def test_a_position_is_waited_for(nexus: RunningNexus) -> None:
    tenant = f"t{secrets.token_hex(4)}"
    made = nexus.admin("POST", "/tenants", {"id": tenant})
    position = made.headers["x-nexus-position"]
    assert position.startswith("CONFIG:")
    assert nexus.admin("GET", f"/tenants/{tenant}", None, {"X-Nexus-Position": position}).status == 200
