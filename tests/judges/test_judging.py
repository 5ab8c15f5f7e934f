"""The verdicts themselves: what was not done cannot pass for done."""

from __future__ import annotations

from typing import Any

import pytest

from ops.mock.answer import FIXED_PIECES, FIXED_TEXT
from tests.judges.judging import DONE, DROPPED, FAILED, REFUSED, judge, table

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
