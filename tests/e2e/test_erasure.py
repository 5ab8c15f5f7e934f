"""Erasing somebody from a Nexus that serves: the gateway takes a new key at once, the record and the money stay."""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.e2e.test_acceptance import agreed, house
from tests.e2e.traces import in_stores, places_of
from tests.nexus_fixture import RunningNexus
from tests.waiting import until_sync


def body_of(nexus: RunningNexus, request: str) -> dict[str, Any]:
    """The sealed body of a request's accepted-fact, as operators see it."""
    shown = json.loads(nexus.command("traffic", "get", request, "--output", "json").stdout)
    (accepted,) = [fact for fact in shown["trail"] if fact["type"] == "request.accepted.v1"]
    body: dict[str, Any] = accepted["data"]["body"]
    return body


def test_a_person_is_erased_and_the_record_stands(nexus: RunningNexus) -> None:
    key = house(nexus)
    (tenant,) = {
        found["tenant"] for found in nexus.admin("GET", "/virtual-keys").body["data"] if found["prefix"] == key[:12]
    }
    # with what JSON and URLs say otherwise
    user, prompt = f'user "{secrets.token_hex(16)}" ü', f'prompt "{secrets.token_hex(16)}" über\nzwei'
    control = f"model-{secrets.token_hex(16)}"

    def ask() -> str:
        answer = nexus.client(key).chat.completions.with_raw_response.create(
            model="gpt-4o", messages=[{"role": "user", "content": prompt}], user=user
        )
        return str(answer.headers["x-nexus-request-id"])

    def spent() -> Any:
        return nexus.admin("GET", f"/usage?tenant={tenant}&group_by=model").body["data"]

    before = ask()
    row = agreed(nexus, before)
    sealed = body_of(nexus, before)
    until_sync(lambda: [line["requests"] for line in spent()] == [1], "the usage is known")
    money = spent()

    held = nexus.command("hold", "add", "--tenant", tenant, "--id", "h", "--subject", user, "--reason", "a lawsuit")
    assert held.returncode == 0, held.stderr
    erase = ("erase", "--tenant", tenant, "--subject", user, "--reason", "asked for", "--output", "json")
    refused = nexus.command(*erase)
    assert (refused.returncode, refused.stdout) == (1, "") and "legal hold" in refused.stderr
    assert nexus.command("hold", "rm", "h", "--tenant", tenant).returncode == 0
    done = nexus.command(*erase)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["tenant"], told["subject"], told["keys"]) == (tenant, sealed["subject"], 1)

    assert spent() == money
    assert agreed(nexus, before) == row
    # the gateway would trust the key that it used a moment ago for half a minute
    until_sync(lambda: body_of(nexus, ask())["key"] != sealed["key"], "the gateway seals under a new key", 10.0)
    assert agreed(nexus, before) == row
    tail = nexus.command("tail", "--stream", "OPS", "--tenant", tenant, "--output", "json").stdout.splitlines()
    assert [json.loads(line)["type"] for line in tail] == ["operator.acted.v1", "subject.erased.v1"]
    verified = nexus.command("verify", "--output", "json")
    assert verified.returncode == 0, verified.stdout

    # a name that is kept, by the same way: the scan looks into whatever would have kept the others
    with pytest.raises(openai.NotFoundError) as unknown:
        nexus.client(key).chat.completions.create(model=control, messages=[{"role": "user", "content": prompt}])
    agreed(nexus, unknown.value.response.headers["x-nexus-request-id"])
    kept = {"control": control.encode()}
    files = [Path(place.rpartition(" in ")[2]).relative_to(nexus.data) for place in places_of(nexus.data, kept)]
    assert {file.parts[0] for file in files} >= {"nats", "postgres", "clickhouse", "siem"}
    assert in_stores(nexus, kept) == {"postgres:control", "clickhouse:control"}
    gone = {"prompt": prompt.encode(), "user": user.encode()}
    assert places_of(nexus.data, gone) == []
    assert in_stores(nexus, gone) == set()
