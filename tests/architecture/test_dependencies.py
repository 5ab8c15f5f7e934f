"""Every package that is imported is declared and locked: what a test environment happens to hold proves nothing."""

from __future__ import annotations

import re
import sys
import tomllib
from importlib.metadata import packages_distributions

import pytest

from tests.architecture.source import PACKAGES, ROOT, files_of, imports_of, name_of, tree_of

DISTRIBUTIONS = packages_distributions()
ALONG = frozenset({"urllib3"})
"""What comes with something declared and is part of its interface: the ClickHouse client lets its errors through."""

NEWER = frozenset({"compression"})
"""Of the standard library of a later Python than the oldest that is supported."""


def declared(*extras: str) -> set[str]:
    """Distributions that the project asks for, with some of its extras."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *(one for extra in extras for one in project["optional-dependencies"][extra])]
    return {_plain(re.split(r"[\[=<>~! ]", requirement)[0]) for requirement in wanted}


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _undeclared(package: str, allowed: set[str]) -> list[str]:
    found = []
    for path in files_of(package):
        tree = tree_of(path)
        for line, module in imports_of(tree, ".".join(path.relative_to(ROOT).parts[:-1])):
            top = module.partition(".")[0]
            if top in PACKAGES or top == "tests" or top in sys.stdlib_module_names | NEWER:
                continue
            if not {_plain(name) for name in DISTRIBUTIONS.get(top, [])} & (allowed | ALONG):
                found.append(f"{name_of(path)}:{line} imports {module}")
    return found


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_imports_only_what_is_declared(package: str) -> None:
    assert _undeclared(package, declared(*(["stack"] if package == "ops" else []))) == []


def test_the_lock_has_everything_that_is_declared() -> None:
    locked = {
        _plain(name) for name in re.findall(r"^([A-Za-z0-9_.-]+)==", (ROOT / "requirements.lock").read_text(), re.M)
    }
    assert declared("stack", "dev") - locked == set()


def test_an_undeclared_import_would_be_found() -> None:
    assert any("imports granian" in line for line in _undeclared("ingress", declared() - {"granian"}))
