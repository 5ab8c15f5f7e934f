"""`nexus simulate` against the real admin plane; its steps are in that plane's tests."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ingress.admin.simulations import Simulations
from ops.cli.main import run
from projections.screening import Screener, compile_rules, load_builtin_rules
from schemas.ids import SystemClock
from tests.unit.ingress.admin.plane import MemoryLog, Plane
from tests.unit.ops.cli.admin_fixture import Admin

SECRET = "AKIAIOSFODNN7EXAMPL2"
RULES = [rule for rule in load_builtin_rules() if rule.id == "secret.aws-access-key-id"]


@pytest.fixture
def simulating(tmp_path: Path) -> Iterator[Admin]:
    log = MemoryLog()
    made = Admin(tmp_path / "data")
    dry_runs = Simulations(log.live, SystemClock(), lambda: Screener(compile_rules(RULES)))
    made.plane = Plane(dry_runs.endpoints(), log=log)
    made.start()
    made.given(
        ("tenants", {"id": "acme"}),
        ("providers", {"id": "one", "tenant": "acme", "wire": "openai", "base_url": "https://one.example/v1"}),
        ("models", {"id": "one/m", "tenant": "acme", "prices": {"input": 1_000_000, "output": 2_000_000}}),
        ("routes", {"id": "all", "tenant": "acme"}),
    )
    yield made
    made.stop()


def simulated(admin: Admin, capsys: pytest.CaptureFixture[str], text: str, *argv: str) -> tuple[int, str]:
    body: dict[str, Any] = {"model": "m", "max_tokens": 10, "messages": [{"role": "user", "content": text}]}
    file = admin.data / "body.json"
    file.write_text(json.dumps(body))
    code = run(["simulate", str(file), "--data", str(admin.data), *argv])
    captured = capsys.readouterr()
    assert SECRET not in captured.out + captured.err
    return code, captured.out


def test_an_accepted_request_is_told(simulating: Admin, capsys: pytest.CaptureFixture[str]) -> None:
    code, out = simulated(simulating, capsys, "Hello", "--route", "all")
    assert code == 0
    assert out.split()[:2] == ["outcome", "accepted"]
    assert "screening: approve" in out and "targets in the order of trying" in out and "$0.0000" in out


def test_a_refused_one_names_the_rule_and_the_place(simulating: Admin, capsys: pytest.CaptureFixture[str]) -> None:
    code, out = simulated(simulating, capsys, f"key {SECRET} ok", "--output", "json")
    assert code == 1
    told = json.loads(out)
    assert told["refusals"][0]["stage"] == "screen_request"
    assert told["screening"]["hits"][0]["start"] == 4
    code, out = simulated(simulating, capsys, f"key {SECRET} ok")
    assert code == 1 and "refused at screen_request with 403" in out
    assert ["secret.aws-access-key-id", "hard", "block", "0", "4", "24"] in [line.split() for line in out.splitlines()]


def test_a_file_that_cannot_be_sent_is_a_mistake(simulating: Admin, capsys: pytest.CaptureFixture[str]) -> None:
    bad = simulating.data / "bad.json"
    bad.write_text("[1, 2")
    assert run(["simulate", str(bad), "--data", str(simulating.data)]) == 2
    bad.write_text("[1]")
    assert run(["simulate", str(bad), "--data", str(simulating.data)]) == 2
    assert run(["simulate", str(bad) + ".none", "--data", str(simulating.data)]) == 2
    assert "cannot be read" in capsys.readouterr().err
