"""`nexus rules allow` against the real admin plane: the value is hashed there, and is nowhere afterwards."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ops.cli.main import run
from schemas.screening.allowing import hashed_by
from tests.unit.ops.cli.admin_fixture import Admin

VALUE = "4111 1111 1111 1111"


def test_a_value_is_let_pass_and_taken_off_again(
    admin: Admin, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    admin.given(("tenants", {"id": "acme"}), ("policies", {"id": "strict"}))
    file = tmp_path / "value"
    file.write_text(f"{VALUE}\n")
    command = ["rules", "allow", str(file), "--policy", "strict", "--data", str(admin.data), "--output", "json"]
    assert run(command) == 0
    assert json.loads(capsys.readouterr().out)["allowed"] == 1
    policy = admin.state("policy", "acme", "strict")
    assert policy.allowed == (hashed_by(admin.plane.vault.hash_key, "acme")(VALUE),)
    assert run(command) == 0
    assert admin.state("policy", "acme", "strict") == policy
    assert not any(VALUE.encode() in payload for _, payload in admin.plane.log.messages)
    assert run([*command, "--not"]) == 0
    assert admin.state("policy", "acme", "strict").allowed == ()


def test_an_empty_value_is_none(admin: Admin, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "value"
    file.write_text("\n")
    assert run(["rules", "allow", str(file), "--policy", "strict", "--data", str(admin.data)]) == 2
    assert "no value" in capsys.readouterr().err
