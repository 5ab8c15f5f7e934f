"""What is tested is this checkout, not some installed copy."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

from tests.architecture.source import PACKAGES, ROOT, files_of


@pytest.mark.parametrize("package", PACKAGES)
def test_each_package_imports_from_this_checkout(package: str) -> None:
    module = importlib.import_module(package)
    assert module.__file__ is not None
    assert Path(module.__file__).resolve().parent == ROOT / package


def test_no_module_loaded_so_far_came_from_elsewhere() -> None:
    strays = {
        name: module.__file__
        for name, module in list(sys.modules.items())
        if name.partition(".")[0] in PACKAGES
        and getattr(module, "__file__", None)
        and ROOT not in Path(str(module.__file__)).resolve().parents
    }
    assert strays == {}


def test_every_package_is_part_of_the_distribution() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert sorted(project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]) == sorted(PACKAGES)
    assert all(files_of(package) for package in PACKAGES)
