"""Which package may import which. An arrow that is not drawn here does not exist."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

from tests.architecture.source import PACKAGES, ROOT, files_of, imports_of, name_of, tree_of

MAY_IMPORT: dict[str, frozenset[str]] = {
    "schemas": frozenset(),
    "projections": frozenset({"schemas"}),
    "ingress": frozenset({"schemas", "projections"}),
    "processors": frozenset({"schemas", "projections"}),
    "ops": frozenset({"schemas", "projections"}),
}
OUTSIDE_OF_SCHEMAS = frozenset({"msgspec"})
"""What the pure package may use besides the standard library."""
BARE = ("ops/__main__.py", "ops/bootstrap.py", "ops/pip_run.py", "ops/progress.py")
"""What runs on a bare Python, before anything is installed."""


def forbidden(path: Path, tree: ast.Module) -> list[str]:
    """Every import of a file that its package may not make."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    own = parts[0]
    found = []
    for line, module in imports_of(tree, ".".join(parts[:-1])):
        top = module.partition(".")[0]
        if top in ("tests", "benchmarks"):
            found.append(f"{name_of(path)}:{line} imports {module}")
        elif top in PACKAGES:
            if top != own and top not in MAY_IMPORT[own]:
                found.append(f"{name_of(path)}:{line} imports {module}")
        elif own == "schemas" and top not in sys.stdlib_module_names | OUTSIDE_OF_SCHEMAS:
            found.append(f"{name_of(path)}:{line} imports {module}")
    return found


@pytest.mark.parametrize("package", PACKAGES)
def test_imports_follow_the_arrows(package: str) -> None:
    files = files_of(package)
    assert files, f"{package} has no files: the walk is broken"
    assert [arrow for path in files for arrow in forbidden(path, tree_of(path))] == []


@pytest.mark.parametrize(
    ("own", "line"),
    [
        ("schemas", "import asyncpg"),
        ("schemas", "from projections.log import reader"),
        ("projections", "import ingress.gateway"),
        ("ingress", "from processors import door"),
        ("processors", "def late():\n    from ops import stack"),
        ("ops", "import importlib\nimportlib.import_module('ingress.admin')"),
        ("schemas", "import tests.golden"),
    ],
)
def test_the_walk_finds_a_forbidden_arrow(own: str, line: str) -> None:
    assert len(forbidden(ROOT / own / "room" / "made_up.py", ast.parse(line))) == 1


def test_a_relative_import_is_resolved() -> None:
    assert list(imports_of(ast.parse("from ..stack import ports"), "ops.cli")) == [(1, "ops.stack")]


@pytest.mark.parametrize("name", BARE)
def test_the_start_needs_the_standard_library_only(name: str) -> None:
    tree = tree_of(ROOT / name)
    at_import = ast.Module([node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)], [])
    wanted = {module for _, module in imports_of(at_import, "ops")}
    ours = {path.removesuffix(".py").replace("/", ".") for path in BARE}
    assert {module for module in wanted if module.partition(".")[0] not in sys.stdlib_module_names} <= ours
