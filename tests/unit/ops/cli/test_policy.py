"""`nexus policy check`: problems by field, and what a policy changes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ops.cli.main import run
from ops.cli.policy import DEMO
from projections.screening import load_builtin_rules

POLICY = """
[[policies]]
id = "lenient"
tenant = "acme"
disabled = ["secret.aws-access-key-id"]
screen_responses = false
overrides = { "payment-card.number" = "block" }
"""


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
