"""Every command of the operator against a whole Nexus: one request's life, seen from the terminal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.nexus_fixture import RunningNexus, command
from tests.waiting import until_sync


def told(nexus: RunningNexus, *argv: str, code: int = 0) -> Any:
    """What a command prints as JSON."""
    done = nexus.command(*argv, "--output", "json")
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout) if done.stdout else None


@pytest.fixture
def request_id(nexus: RunningNexus) -> str:
    """A chat that was completed and is in the view."""
    client = openai.OpenAI(base_url=f"{nexus.gateway}/v1", api_key=nexus.key, max_retries=0)
    answer = client.chat.completions.with_raw_response.create(
        model="mock/gpt-4o-mini", messages=[{"role": "user", "content": "a word from the terminal"}]
    )
    identifier = answer.headers["x-nexus-request-id"]
    assert answer.parse().choices
    until_sync(lambda: told(nexus, "traffic", "get", identifier)["row"] is not None, "the request is in the view")
    return identifier


def test_a_request_is_listed_and_told_fact_by_fact(nexus: RunningNexus, request_id: str) -> None:
    listed = told(nexus, "traffic", "ls", "--since", "10m", "--kind", "completed", "--limit", "1000")["items"]
    (row,) = [row for row in listed if row["request_id"] == request_id]
    found = told(nexus, "traffic", "get", request_id)
    assert found["row"] == row
    types = [entry["type"] for entry in found["trail"]]
    assert types[0] == "request.accepted.v1"
    assert types[-1] == "request.completed.v1"
    assert {"request.screened.v1", "request.routed.v1", "provider.called.v1"} <= set(types)
    text = nexus.command("traffic", "get", request_id).stdout
    assert all(name in text for name in types)


def test_tail_shows_the_same_facts(nexus: RunningNexus, request_id: str) -> None:
    done = nexus.command("tail", "--request", request_id, "--since", "10m", "--output", "json")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    trail = told(nexus, "traffic", "get", request_id)["trail"]
    assert [(event["id"], event["data"]) for event in events] == [
        (entry["id"], entry["data"]) for entry in trail if entry["position"].startswith("TRAFFIC")
    ]


def test_the_chains_are_whole(nexus: RunningNexus, request_id: str) -> None:
    found = told(nexus, "verify")
    assert found["ok"] is True
    assert {row["stream"] for row in found["items"] if row["segments"]} >= {"CONFIG", "TRAFFIC"}


@pytest.mark.parametrize("projection", ["postgres", "clickhouse"])
def test_a_rebuilt_view_says_the_same(nexus: RunningNexus, request_id: str, projection: str) -> None:
    before = told(nexus, "traffic", "get", request_id)
    made = told(nexus, "rebuild", projection)
    assert made["projection"] == projection
    assert made["rows"] > 0
    assert told(nexus, "traffic", "get", request_id) == before


def test_a_key_from_the_terminal_works_until_it_is_revoked(nexus: RunningNexus) -> None:
    made = told(nexus, "keys", "create", "--tenant", "demo", "--name", "from the terminal")
    client = openai.OpenAI(base_url=f"{nexus.gateway}/v1", api_key=made["key"], max_retries=0)

    def accepted() -> bool:
        try:
            client.models.list()
        except openai.AuthenticationError:
            return False
        return True

    until_sync(accepted, "the gateway knows the key")
    assert made["id"] in [key["id"] for key in told(nexus, "keys", "ls", "--tenant", "demo")["items"]]
    told(nexus, "keys", "revoke", made["id"], "--tenant", "demo")
    until_sync(lambda: not accepted(), "the gateway refuses the key")


def test_a_file_is_applied_once(nexus: RunningNexus, tmp_path: Path) -> None:
    file = tmp_path / "more.toml"
    file.write_text(
        """
        [[tenants]]
        id = "terminal"
        [[providers]]
        id = "far"
        base_url = "https://far.example.com/v1"
        [[models]]
        id = "far/m"
        prices = { input = 1, output = 2 }
        [[virtual-keys]]
        id = "app"
        """
    )
    first = told(nexus, "apply", str(file))
    assert [item["result"] for item in first["items"]] == ["created"] * 4
    assert [key["id"] for key in first["keys"]] == ["app"]
    again = told(nexus, "apply", str(file))
    assert [item["result"] for item in again["items"]] == ["unchanged"] * 4
    assert again["keys"] == []


def test_what_goes_wrong_has_its_code(nexus: RunningNexus, tmp_path: Path) -> None:
    unknown = "019a9f3c-0000-7000-8000-0123456789ab"
    assert nexus.command("traffic", "get", unknown).returncode == 5
    assert nexus.command("keys", "revoke", "nobody", "--tenant", "demo").returncode == 5
    assert nexus.command("traffic", "ls", "--since", "tomorrow").returncode == 2
    assert nexus.command("rebuild", "memory").returncode == 2
    (tmp_path / "endpoints.json").write_text((nexus.data / "endpoints.json").read_text())
    (tmp_path / "admin.key").write_text("nxa_" + "0" * 64)
    assert command("keys", "ls", "--data", str(tmp_path)).returncode == 3
