"""The verdicts themselves: what was not done cannot pass for done."""

from __future__ import annotations

from typing import Any

import pytest

from ops.mock.answer import FIXED_PIECES, FIXED_TEXT
from schemas.wires import WIRES
from tests.judges.courts import ACCOUNTS
from tests.judges.judging import DONE, DROPPED, FAILED, FEATURES, REFUSED, judge, table
from tests.judges.known import ASKED, FILE, compact, document

SAID: dict[str, Any] = {"text": FIXED_TEXT, "finish": "stop", "output": len(FIXED_PIECES), "pieces": 2}
CALL = ["weather", {"city": "text"}]


@pytest.mark.parametrize(
    ("feature", "seen", "dropped", "mark"),
    [
        ("stream", SAID, [], DONE),
        ("stream", {**SAID, "text": FIXED_TEXT[:-1]}, [], FAILED),
        ("stream", {**SAID, "pieces": 1}, [], FAILED),
        ("plain", {**SAID, "finish": "length"}, [], FAILED),
        ("plain", {**SAID, "output": 0}, [], DROPPED),
        ("plain", {"error": "X", "status": 500, "message": "m"}, [], FAILED),
        ("vision", {"error": "X", "status": 400, "message": "m"}, [], REFUSED),
        ("vision", {"text": "turns 1"}, ["image"], DROPPED),
        ("vision", {"text": "turns 1"}, [], FAILED),
        ("tools", {"calls": [CALL], "after": "turns 3"}, [], FAILED),
        ("parallel tools", {"calls": [CALL]}, [], FAILED),
        ("reasoning", {**SAID, "thought": ""}, [], FAILED),
        ("structured", {"value": None}, [], FAILED),
        ("carried on", {"short": {}}, [], DONE),
        ("carried on", {"short": {"a": "turns 1"}}, [], FAILED),
        ("embeddings", {"vectors": [[1.0] * 8] * 2}, [], FAILED),
        ("errors", {"error": "X", "status": 429, "message": "m"}, [], DONE),
        ("errors", {"error": "", "status": 200, "message": "no error"}, [], FAILED),
    ],
)
def test_verdicts(feature: str, seen: dict[str, Any], dropped: list[str], mark: str) -> None:
    assert judge({"account": "a", "feature": feature, "seen": seen, "dropped": dropped}).mark == mark


def test_the_table_has_a_row_for_each_provider() -> None:
    verdict = judge({"account": "a", "feature": "plain", "seen": SAID, "dropped": []})
    assert table({"p": {"a": {"plain": verdict}, "b": {}}}) == "| p | plain |\n|---|:-:|\n| a | ✓ |\n| b |  |"


def test_the_matrix_has_every_provider_and_every_feature() -> None:
    assert set(ACCOUNTS) == set(WIRES)
    assert {feature for asked in ASKED.values() for feature in asked} == set(FEATURES)
    lines = compact().splitlines()
    assert [line.split(" | ")[0] for line in lines[2 : 2 + len(ACCOUNTS)]] == [f"| {name}" for name in ACCOUNTS]


def test_the_written_matrix_is_not_stale() -> None:
    assert FILE.read_text() == document(), "run: python -m tests.judges.known"


def test_a_cell_names_the_protocols_that_differ() -> None:
    def marks(protocol: str, account: str, feature: str) -> str:
        return DROPPED if (protocol, account, feature) == ("messages", "openai", "plain") else DONE

    assert compact(marks).splitlines()[2].startswith("| openai | ✓ 1 | ✓ |")
    assert compact(marks).endswith("\n1. messages: dropped\n")
