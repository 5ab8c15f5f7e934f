"""`nexus policy check`: problems by field, and what a policy changes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ops.cli.main import run
from ops.cli.policy import DEMO
from projections.screening import load_builtin_rules
from tests.unit.ops.cli.admin_fixture import Admin

POLICY = """
[[policies]]
id = "lenient"
tenant = "acme"
disabled = ["secret.aws-access-key-id"]
screen_responses = false
overrides = { "payment-card.number" = "block" }
"""


OWN = {
    "id": "own.ticket",
    "tenant": "acme",
    "title": "A ticket's number",
    "action": "redact",
    "patterns": ["TCK-[0-9]{6}"],
    "boundary": "A-Za-z0-9",
    "hits": ["see TCK-123456", "TCK-000001.", "(TCK-999999)"],
    "misses": ["TCK-12345", "TCK-1234567", "XTCK-123456"],
}


def test_a_tenants_own_rules_are_known_where_there_is_an_admin_plane(
    admin: Admin, capsys: pytest.CaptureFixture[str]
) -> None:
    file = admin.data / "policy.toml"
    file.write_text(POLICY + 'severities = { "custom" = "hard", "pii" = "warn" }\n')
    here = ["--output", "json", "--data", str(admin.data)]
    assert run(["policy", "check", str(file), *here]) == 2
    assert "custom is no rule" in capsys.readouterr().err
    admin.given(("tenants", {"id": "acme"}), ("rules", OWN))
    assert run(["policy", "check", str(file), *here]) == 0
    (told,) = json.loads(capsys.readouterr().out)["policies"]
    rows = {row["rule"]: row for row in told["rules"]}
    assert (rows["own.ticket"]["severity"], rows["own.ticket"]["severity_under_policy"]) == ("soft", "hard")
    assert rows["payment-card.number"]["severity_under_policy"] == "warn"
    assert "secret.pypi-token" not in rows
    texts = {(row["text"], row["stage"]): row["under_policy"] for row in told["texts"]}
    assert texts["own.ticket", "request"] == "redact"
    assert run(["rules", "ls", "--pack", "custom", *here]) == 0
    (listed,) = json.loads(capsys.readouterr().out)["items"]
    assert (listed["id"], listed["tenant"], listed["enabled"]) == ("own.ticket", "acme", True)
    assert run(["rules", "show", "own.ticket", *here]) == 0
    assert json.loads(capsys.readouterr().out)["tenant"] == "acme"
    assert run(["rules", "show", "own.tickets", *here]) == 5
    assert "own.ticket" in capsys.readouterr().err


def test_an_admin_plane_that_does_not_answer_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "endpoints.json").write_text('{"admin": "http://127.0.0.1:1"}')
    (tmp_path / "admin.key").write_text("k")
    assert run(["rules", "ls", "--data", str(tmp_path)]) == 0
    told = capsys.readouterr()
    assert "rules of tenants are not among these" in told.err
    assert "secret.aws-access-key-id" in told.out


def test_what_a_policy_changes_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "policy.toml"
    file.write_text(POLICY)
    assert run(["policy", "check", str(file), "--output", "json", "--data", str(tmp_path)]) == 0
    (told,) = json.loads(capsys.readouterr().out)["policies"]
    assert {(row["rule"], row["by_itself"], row["under_policy"]) for row in told["rules"]} == {
        ("secret.aws-access-key-id", "block", "off"),
        ("payment-card.number", "redact", "block"),
    }
    texts = {(row["text"], row["stage"]): (row["by_itself"], row["under_policy"]) for row in told["texts"]}
    assert texts["payment-card.number", "request"] == ("redact", "block")
    assert texts["secret.aws-access-key-id", "request"] == ("block", "approve")
    assert texts["payment-card.number", "response"] == ("redact", "not screened")
    assert run(["policy", "check", str(file), "--data", str(tmp_path)]) == 0
    assert "policy lenient: no problems" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("disabled =", "disabeld =", "policies[0].disabeld is no field; did you mean disabled?"),
        ("secret.aws-access-key-id", "secret.aws-acess-key-id", "did you mean secret.aws-access-key-id?"),
        ("secret.aws-access-key-id", "secrets.aws-access-key", "did you mean secret.aws-access-key-id?"),
        ('"block"', '"blok"', "overrides.payment-card.number must be one of"),
    ],
)
def test_problems_are_named_by_field(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, problem: str
) -> None:
    assert old in POLICY
    file = tmp_path / "policy.toml"
    file.write_text(POLICY.replace(old, new))
    assert run(["policy", "check", str(file), "--data", str(tmp_path)]) == 2
    assert problem in capsys.readouterr().err


def test_the_demo_texts_are_of_rules_that_exist() -> None:
    assert set(DEMO) <= {rule.id for rule in load_builtin_rules()}
