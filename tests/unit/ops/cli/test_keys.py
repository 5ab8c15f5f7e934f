"""`nexus keys` against the real admin plane."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ops.cli.main import run
from schemas.aggregates.virtual_key import Revoked
from tests.unit.ops.cli.admin_fixture import Admin

TENANT = ("tenants", {"id": "acme"})


def nexus(admin: Admin, capsys: pytest.CaptureFixture[str], *argv: str, code: int = 0) -> Any:
    """The JSON that a command prints."""
    capsys.readouterr()
    assert run([*argv, "--data", str(admin.data), "--output", "json"]) == code
    return json.loads(capsys.readouterr().out)


def test_a_key_is_issued_listed_and_revoked(admin: Admin, capsys: pytest.CaptureFixture[str]) -> None:
    admin.given(TENANT)
    made = nexus(
        admin,
        capsys,
        *("keys", "create", "--name", "Billing", "--owner", "bill", "--models", "gpt-4o*,llama"),
        *("--requests-per-minute", "60", "--expires", "2030-01-01T00:00Z"),
    )
    state = admin.state("virtual-key", "acme", made["id"])
    assert admin.plane.vault.hash_key(made["key"]) == state.hash
    assert (state.name, state.owner, state.models) == ("Billing", "bill", ("gpt-4o*", "llama"))
    assert (state.requests_per_minute, state.expires_us) == (60, 1_893_456_000_000_000)

    (listed,) = nexus(admin, capsys, "keys", "ls")["items"]
    assert (listed["id"], listed["prefix"]) == (made["id"], made["key"][:12])
    assert "key" not in listed

    told = nexus(admin, capsys, "keys", "revoke", made["id"], "--reason", "leaked")
    assert told["revoked"] is True
    assert admin.state("virtual-key", "acme", made["id"]) == Revoked(state, "leaked")
    assert nexus(admin, capsys, "keys", "ls") == {"items": []}


def test_the_key_stands_alone_on_the_last_line(admin: Admin, capsys: pytest.CaptureFixture[str]) -> None:
    admin.given(TENANT)
    assert run(["keys", "create", "--id", "app", "--data", str(admin.data)]) == 0
    captured = capsys.readouterr()
    key = captured.out.splitlines()[-1]
    assert admin.plane.log.live.keys_by_hash[admin.plane.vault.hash_key(key)].id == "app"
    assert "Keep the key now" in captured.err
    assert key not in captured.err


def test_the_table_for_people(admin: Admin, capsys: pytest.CaptureFixture[str]) -> None:
    admin.given(TENANT)
    assert run(["keys", "ls", "--data", str(admin.data)]) == 0
    assert "issue one with `nexus keys create`" in capsys.readouterr().err
    admin.given(("virtual-keys", {"id": "app", "expires_us": 1_893_456_000_000_000}))
    assert run(["keys", "ls", "--data", str(admin.data)]) == 0
    head, row = capsys.readouterr().out.splitlines()
    assert head.split()[:4] == ["ID", "TENANT", "NAME", "PREFIX"]
    assert row.startswith("app")
    assert "2030-01-01T00:00:00.000000Z" in row


def test_a_key_may_be_named_by_what_is_shown_of_it(admin: Admin, capsys: pytest.CaptureFixture[str]) -> None:
    admin.given(TENANT, ("tenants", {"id": "other"}))
    made = nexus(admin, capsys, "keys", "create", "--tenant", "other", "--id", "app")
    nexus(admin, capsys, "keys", "revoke", made["key"])
    assert isinstance(admin.state("virtual-key", "other", "app"), Revoked)
    assert not any(made["key"][12:] in target for _, target, _ in admin.asked)


@pytest.mark.parametrize("name", ["nvk_00000000", "nobody"])
def test_an_unknown_key_is_5(name: str, admin: Admin, capsys: pytest.CaptureFixture[str]) -> None:
    admin.given(TENANT)
    assert run(["keys", "revoke", name, "--data", str(admin.data)]) == 5
    assert capsys.readouterr().out == ""


def test_with_several_tenants_one_has_to_be_named(admin: Admin, capsys: pytest.CaptureFixture[str]) -> None:
    admin.given(TENANT, ("tenants", {"id": "other"}))
    assert run(["keys", "create", "--data", str(admin.data)]) == 1
    assert "tenant" in capsys.readouterr().err


def test_a_time_that_is_none_is_wrong_usage(admin: Admin, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["keys", "create", "--expires", "someday", "--data", str(admin.data)]) == 2
    assert admin.asked == []


def test_nothing_running_is_1(admin: Admin, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["keys", "ls", "--data", str(admin.data / "elsewhere")]) == 1
    assert "nexus up" in capsys.readouterr().err
