"""`nexus apply` against the real admin plane: what is in force afterwards, and what is told on the way."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ops.cli.main import run
from tests.unit.ops.cli.admin_fixture import Admin
from tests.unit.ops.cli.test_configuration import ENVIRONMENT, FULL

# what FULL names and does not make itself
WEST = '\n[[providers]]\nid = "west"\nbase_url = "https://west.example.com/v1"\n'


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    path = tmp_path / "nexus.toml"
    path.write_text(FULL + WEST)
    return path


def applied(admin: Admin, file: Path, capsys: pytest.CaptureFixture[str], *more: str) -> Any:
    capsys.readouterr()
    assert run(["apply", str(file), "--data", str(admin.data), "--output", "json", *more]) == 0
    return json.loads(capsys.readouterr().out)


def test_a_file_comes_into_force(admin: Admin, file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = applied(admin, file, capsys)
    assert {item["result"] for item in told["items"]} == {"created"}
    assert len(told["items"]) == 15
    assert admin.state("provider", "acme", "east").base_url == "https://api.example.com:8443/v1"
    assert admin.state("route", "acme", "chat").targets[0].model == "gpt-4o"
    sealed = admin.state("credential", "acme", "main").sealed
    assert admin.plane.vault.open_secret("credential", "acme", "main", sealed) == "sk-canary"


def test_again_it_changes_nothing(admin: Admin, file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    applied(admin, file, capsys)
    facts = len(admin.plane.log.facts)
    told = applied(admin, file, capsys)
    assert {item["result"] for item in told["items"]} == {"unchanged"}
    assert told["keys"] == []
    assert len(admin.plane.log.facts) == facts


def test_what_differs_is_changed_and_told(admin: Admin, file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    applied(admin, file, capsys)
    file.write_text((FULL + WEST).replace("25_000_000", "30_000_000"))
    told = applied(admin, file, capsys)
    assert [item["id"] for item in told["items"] if item["result"] == "changed"] == ["month"]
    assert admin.state("budget", "acme", "month").limit_micros == 30_000_000


def test_a_made_key_is_told_once_and_works(admin: Admin, file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (made,) = applied(admin, file, capsys)["keys"]
    assert made["id"] == "app"
    assert admin.plane.log.live.keys_by_hash[admin.plane.vault.hash_key(made["key"])].id == "app"


def test_a_given_key_is_not_told(
    admin: Admin, file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    key = "nvk_" + "ab" * 32
    monkeypatch.setenv("APP_KEY", key)
    file.write_text('[[tenants]]\nid = "acme"\n[[virtual-keys]]\nid = "app"\nkey = "{{ env.APP_KEY }}"')
    for _ in range(2):
        assert run(["apply", str(file), "--data", str(admin.data)]) == 0
        captured = capsys.readouterr()
        assert key not in captured.out + captured.err
    assert admin.plane.vault.hash_key(key) in admin.plane.log.live.keys_by_hash


def test_the_table_for_people(admin: Admin, file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["apply", str(file), "--data", str(admin.data)]) == 0
    captured = capsys.readouterr()
    lines = captured.out.splitlines()
    assert lines[0].split() == ["COLLECTION", "TENANT", "ID", "RESULT", "VERSION"]
    assert lines[1].split() == ["tenants", "acme", "acme", "created", "1"] or lines[1].split()[:2] == [
        "tenants",
        "acme",
    ]
    assert any(line.startswith("key of app: nvk_") for line in lines)
    assert "Keep the keys now" in captured.err
    assert "canary" not in captured.out + captured.err


def test_a_bad_file_sends_nothing(admin: Admin, file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text(FULL + WEST + '\n[[routes]]\nid = "x"\nstrategy = "guess"')
    assert run(["apply", str(file), "--data", str(admin.data)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "routes[1]: route: strategy must be one of" in captured.err
    assert admin.asked == []


def test_a_dry_run_changes_nothing(admin: Admin, file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = applied(admin, file, capsys, "--dry-run")
    assert [item["result"] for item in told["items"]] == ["valid"] * 15
    assert {method for method, _, _ in admin.asked} <= {"GET"}
    assert admin.plane.log.facts == []


@pytest.mark.parametrize("more", [[], ["--dry-run"]])
def test_a_name_that_leads_nowhere_changes_nothing(
    more: list[str], admin: Admin, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # FULL alone names an account that nobody has
    file.write_text(FULL)
    assert run(["apply", str(file), "--data", str(admin.data), *more]) == 2
    captured = capsys.readouterr()
    assert "routes[0].targets[1].account: there is no such id in providers; did you mean east?" in captured.err
    assert captured.out == ""
    assert admin.plane.log.facts == []


def test_a_name_may_lead_to_what_is_in_force(admin: Admin, file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    admin.given(("tenants", {"id": "acme"}), ("providers", {"id": "west", "base_url": "http://west.example.com/v1"}))
    file.write_text(FULL)
    assert len(applied(admin, file, capsys)["items"]) == 14


def test_a_refusal_on_the_way_says_what_is_in_force(
    admin: Admin, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # only the admin plane knows which rules there are
    file.write_text((FULL + WEST).replace("pii.email", "pii.unheard-of"))
    assert run(["apply", str(file), "--data", str(admin.data)]) == 1
    captured = capsys.readouterr()
    assert "policies[0] (strict): " in captured.err
    assert "of 15 items are in force" in captured.err
    assert any(line.startswith("key of app: nvk_") for line in captured.out.splitlines())


@pytest.mark.parametrize(("key", "code"), [("nxa_" + "0" * 64, 3), ("nxa_" + "6" * 64, 4)])
def test_who_may_not_is_told_so(
    key: str, code: int, admin: Admin, file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NEXUS_ADMIN_KEY", key)
    assert run(["apply", str(file), "--data", str(admin.data)]) == code
    assert "nexus: tenants[0] (acme): " in capsys.readouterr().err
    assert admin.plane.log.facts == []


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_a_file_that_cannot_be_read(
    content: bytes | None, admin: Admin, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "other.toml"
    if content is not None:
        path.write_bytes(content)
    assert run(["apply", str(path), "--data", str(admin.data)]) == 2
    assert "other.toml" in capsys.readouterr().err
