"""`nexus rules`: what there is, one of it, and files of rules held against their examples."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ops.cli.main import run
from projections.screening import load_builtin_rules

PACK = """
[pack]
name = "own"
title = "Rules of our own"

[[rule]]
id = "own.ticket"
title = "A ticket's number"
category = "own"
severity = "warn"
action = "flag"
patterns = ["TCK-[0-9]{6}"]
boundary = "A-Za-z0-9"
hits = ["see «TCK-123456»", "TCK-000001.", "(TCK-999999)"]
misses = ["TCK-12345", "TCK-1234567", "XTCK-123456"]
source = "Our handbook"
"""


@pytest.mark.parametrize(
    ("options", "fits"),
    [
        ((), lambda rule: True),
        (("--pack", "malware"), lambda rule: rule.pack == "malware"),
        (("--category", "payment-card", "--action", "redact"), lambda rule: rule.category == "payment-card"),
        (("--direction", "tool", "--action", "block"), lambda rule: "tool" in rule.directions),
    ],
)
def test_rules_are_listed(capsys: pytest.CaptureFixture[str], options: tuple[str, ...], fits: object) -> None:
    assert callable(fits)
    assert run(["rules", "ls", *options, "--output", "json"]) == 0
    items = json.loads(capsys.readouterr().out)["items"]
    wanted = {rule.id for rule in load_builtin_rules() if fits(rule)}
    assert items and {item["id"] for item in items} <= wanted
    if "--action" not in options:
        assert {item["id"] for item in items} == wanted
    else:
        assert {item["action"] for item in items} == {options[-1]}


def test_one_rule_is_shown_with_its_examples(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["rules", "show", "secret.aws-access-key-id", "--output", "json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["severity"], shown["action"]) == ("hard", "block")
    assert len(shown["hits"]) >= 3 and shown["patterns"] and shown["source"]
    assert run(["rules", "show", "secret.aws-access-key-id"]) == 0
    assert "misses" in capsys.readouterr().out


def test_a_rule_that_does_not_exist_has_neighbours(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["rules", "show", "secret.aws-acess-key-id"]) == 5
    assert "did you mean secret.aws-access-key-id?" in capsys.readouterr().err


def test_a_file_of_rules_passes_its_own_examples(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "own.toml"
    file.write_text(PACK)
    assert run(["rules", "test", str(file), "--output", "json"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["items"] == [{"id": "own.ticket", "hits": 3, "misses": 3, "result": "ok"}]
    assert "all examples of 1 rules pass" in captured.err


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ('"TCK-000001."', '"TKC-000001."', "hit 2 is not found"),
        ('"TCK-12345"', '"TCK-123456"', "miss 1 is found at 0-10"),
        ("«TCK-123456»", "«TCK-12345»6", "hit 1 is found at 4-14, not at 4-13"),
    ],
)
def test_an_example_that_fails_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, fault: str
) -> None:
    assert old in PACK
    file = tmp_path / "own.toml"
    file.write_text(PACK.replace(old, new))
    assert run(["rules", "test", str(file), "--output", "json"]) == 1
    (item,) = json.loads(capsys.readouterr().out)["items"]
    assert item["result"] == fault


def test_a_file_that_is_no_pack_is_told_why(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "own.toml"
    file.write_text(PACK.replace("{6}", "+"))
    assert run(["rules", "test", str(file)]) == 1
    assert "own.ticket: pattern" in capsys.readouterr().err
    assert run(["rules", "test", str(tmp_path / "none.toml")]) == 2


def test_what_rules_cost_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["rules", "bench", "--pack", "malware", "--output", "json"]) == 0
    items = json.loads(capsys.readouterr().out)["items"]
    assert {item["name"] for item in items} == {rule.id for rule in load_builtin_rules() if rule.pack == "malware"}
    assert all(item["compile_ms"] > 0 and item["megabytes_per_second"] > 0 for item in items)
    assert run(["rules", "bench", "--pack", "malwear"]) == 5
    assert "did you mean malware?" in capsys.readouterr().err
