"""`nexus hold` and `nexus erase` against the real admin plane; what an erasure does is in the integration tests."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ops.cli.main import run
from tests.unit.ops.cli.admin_fixture import Admin

TENANT = ("tenants", {"id": "acme"})
USER = "alice@example.com"
DONE = {
    "tenant": "acme",
    "subject": "sub_" + "0" * 32,
    "reason": "asked for",
    "keys": 1,
    "objects": 2,
    "position": "OPS:7",
}


def nexus(admin: Admin, capsys: pytest.CaptureFixture[str], *argv: str) -> Any:
    """The JSON that a command prints."""
    capsys.readouterr()
    assert run([*argv, "--data", str(admin.data), "--output", "json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_a_hold_is_added_listed_and_removed(admin: Admin, capsys: pytest.CaptureFixture[str]) -> None:
    admin.given(TENANT)
    made = nexus(admin, capsys, "hold", "add", "--subject", USER, "--reason", "a lawsuit")
    state = admin.state("hold", "acme", made["id"])
    assert state.subject == made["subject"] == admin.plane.vault.pseudonym("acme", USER)
    assert not any(USER.encode() in payload for _, payload in admin.plane.log.messages)
    (listed,) = nexus(admin, capsys, "hold", "ls")["items"]
    assert listed == made
    assert nexus(admin, capsys, "hold", "rm", made["id"], "--reason", "it is settled")["removed"] is True
    assert admin.state("hold", "acme", made["id"]) is None
    assert nexus(admin, capsys, "hold", "ls") == {"items": []}


def test_a_pseudonym_is_taken_as_it_is(admin: Admin, capsys: pytest.CaptureFixture[str]) -> None:
    admin.given(TENANT)
    name = "sub_" + "a" * 32
    made = nexus(admin, capsys, "hold", "add", "--id", "case-7", "--subject", name, "--reason", "a lawsuit")
    assert (made["id"], made["subject"]) == ("case-7", name)


def test_a_reason_does_not_name_the_subject(admin: Admin, capsys: pytest.CaptureFixture[str]) -> None:
    admin.given(TENANT)
    argv = ["hold", "add", "--subject", USER, "--reason", f"lawsuit of {USER.upper()} and others"]
    assert run([*argv, "--data", str(admin.data)]) == 1
    assert "must not name the subject" in capsys.readouterr().err
    assert len(admin.plane.log.messages) == 1


def test_a_reason_names_the_subject_neither_later_nor_at_the_end(
    admin: Admin, capsys: pytest.CaptureFixture[str]
) -> None:
    admin.given(TENANT)
    nexus(admin, capsys, "hold", "add", "--id", "h", "--subject", USER, "--reason", "a lawsuit")
    assert run(["hold", "rm", "h", "--reason", f"settled with <{USER}>", "--data", str(admin.data)]) == 1
    assert "must not name the subject" in capsys.readouterr().err
    assert admin.state("hold", "acme", "h") is not None
    assert not any(USER.encode() in payload for _, payload in admin.plane.log.messages)


def test_removing_a_hold_that_is_not_there_is_5(admin: Admin, capsys: pytest.CaptureFixture[str]) -> None:
    admin.given(TENANT)
    assert run(["hold", "rm", "case-8", "--data", str(admin.data)]) == 5


@pytest.mark.parametrize("argv", [["erase", "--subject", "x"], ["hold", "add", "--reason", "y"], ["hold"]])
def test_what_is_needed_is_asked_for(argv: list[str], admin: Admin) -> None:
    assert run([*argv, "--data", str(admin.data)]) == 2
    assert admin.asked == []


def test_an_erasure_is_told_in_both_forms(admin: Admin, capsys: pytest.CaptureFixture[str]) -> None:
    admin.answers += [(200, DONE), (200, {**DONE, "keys": 0, "objects": 0})]
    argv = ("erase", "--subject", USER, "--tenant", "acme", "--reason", "asked for")
    assert nexus(admin, capsys, *argv) == DONE
    assert run([*argv, "--data", str(admin.data)]) == 0
    captured = capsys.readouterr()
    assert "OPS:7" in captured.out
    assert "There was no key of this subject" in captured.err
    assert [(method, target) for method, target, _ in admin.asked] == [("POST", "/api/admin/erasures")] * 2


def test_a_hold_makes_erasing_exit_1(admin: Admin, capsys: pytest.CaptureFixture[str]) -> None:
    refusal = {
        "message": "A legal hold is in force",
        "type": "invalid_request_error",
        "code": "legal_hold",
        "param": None,
    }
    admin.answers.append((409, {"error": refusal}))
    assert run(["erase", "--subject", USER, "--reason", "asked for", "--data", str(admin.data)]) == 1
    captured = capsys.readouterr()
    assert (captured.out, "legal hold" in captured.err) == ("", True)
