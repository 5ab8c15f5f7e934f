"""What rules cost is measured for exactly the rules asked about."""

from __future__ import annotations

from projections.screening import Screener, load_builtin_rules
from projections.screening.cost import PROSE, by_pack, cost


def test_a_cost_is_of_some_rules() -> None:
    rules = [rule for rule in load_builtin_rules() if rule.pack == "malware"][:2]
    found = cost("two", rules, size=1_000)
    assert (found.name, found.rules) == ("two", 2)
    assert found.bytes > 1_000 and found.compile_ms > 0 and found.megabytes_per_second > 0


def test_every_rule_is_in_one_pack() -> None:
    packs = by_pack(load_builtin_rules())
    assert sum(map(len, packs.values())) == len(load_builtin_rules())
    assert all({rule.pack for rule in rules} == {name} for name, rules in packs.items())
    assert list(packs) == sorted(packs)


def test_the_text_it_is_measured_on_is_clean(screener: Screener) -> None:
    assert screener.screen([PROSE], "request").action == "approve"
