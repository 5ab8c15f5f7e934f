"""The built-in packs: every example of every rule, and how a wrong pack is refused."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from projections.screening import PackError, Screener, load_builtin_rules, load_rules
from schemas.screening.model import Rule
from schemas.screening.rules import example, problems

RULES = load_builtin_rules()
BY_ID = {rule.id: rule for rule in RULES}


def _spans(screener: Screener, rule: Rule, text: str) -> list[tuple[int, int]]:
    verdict = screener.screen([text], rule.directions[0])
    return [(hit.start, hit.end) for hit in verdict.hits if hit.rule == rule.id]


@pytest.mark.parametrize("name", BY_ID)
def test_every_example_hits_exactly_where_it_is_marked(screener: Screener, name: str) -> None:
    rule = BY_ID[name]
    assert problems(rule) == []
    for marked in rule.hits:
        text, span = example(marked)
        assert _spans(screener, rule, text) == [span], marked


@pytest.mark.parametrize("name", BY_ID)
def test_no_look_alike_hits(screener: Screener, name: str) -> None:
    assert [text for text in BY_ID[name].misses if _spans(screener, BY_ID[name], text)] == []


def test_the_packs_cover_what_is_promised() -> None:
    assert len(RULES) >= 450
    per_pack = Counter(rule.pack for rule in RULES)
    assert len(per_pack) == 12
    assert per_pack["secrets"] >= 80
    assert per_pack["pii"] >= 40
    actions = {rule.category: set[str]() for rule in RULES}
    for rule in RULES:
        actions[rule.category].add(rule.action)
    assert actions["private-key"] == {"block"}
    assert actions["secret"] == {"block", "redact"}
    assert actions["payment-card"] == {"redact"}
    assert actions["email"] == actions["phone"] == {"flag"}
    assert {BY_ID[name].action for name in ("bank-account.iban", "national-id.us-ssn")} == {"redact"}
    assert BY_ID["secret.nexus-virtual-key"].action == "block"


def _write(path: Path, rules: str) -> Path:
    path.write_text(f"[pack]\nname = 'p'\ntitle = 'P'\n{rules}", "utf-8")
    return path


GOOD = """
[[rule]]
id = 'test.x'
title = 'X'
category = 'test'
severity = 'hard'
action = 'block'
patterns = ['xx']
hits = ['xx', 'axx', 'xxb']
misses = ['x', 'y', 'z']
source = 'made up'
"""


WEIGHTS = """
[rule.weights]
name = 'own'
about = 'made up'
learned_from = []
seed = 1
window = 10
bias = 0
threshold = 1
weights = { xx = 1 }
"""


def test_a_rule_knows_its_pack(tmp_path: Path) -> None:
    (rule,) = load_rules(_write(tmp_path / "p.toml", GOOD))
    assert (rule.id, rule.pack) == ("test.x", "p")


@pytest.mark.parametrize(
    ("rules", "reason"),
    [
        ("[[rule]\n", "p.toml"),
        (GOOD + "colour = 'red'\n", "colour"),
        (GOOD.replace("patterns = ['xx']", ""), "patterns"),
        (GOOD.replace("'xx'", "'x+'", 1), "no upper bound"),
        (GOOD + "likelihood = 'nothing'\n", "'nothing' has no weights"),
        (GOOD + "likelihood = '../../settings'\n", "has no weights"),
        (GOOD + WEIGHTS, "which likelihood names"),
        (GOOD.replace("['x', 'y', 'z']", "[]").replace("'block'", "'ban'"), "(?s)action must be.*at least 3"),
    ],
)
def test_a_wrong_pack_is_refused_with_every_reason(tmp_path: Path, rules: str, reason: str) -> None:
    with pytest.raises(PackError, match=reason):
        load_rules(_write(tmp_path / "p.toml", rules))
