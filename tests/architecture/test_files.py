"""What every source file keeps to: a docstring, a telling name, a size that can be read in one go."""

from __future__ import annotations

import ast
import re

import pytest

from tests.architecture.source import PACKAGES, ROOT, files_of, name_of, tree_of

CODE = (*PACKAGES, "tests", "benchmarks")
LONGEST = 500
"""Lines; a longer file is a defect."""
NO_NAMES = re.compile(r"(^|_)(util|utils|helper|helpers|common|commons|manager|managers|misc)(_|$)")


def test_no_file_is_longer_than_can_be_read() -> None:
    lengths = {name_of(path): len(path.read_text().splitlines()) for path in files_of(*CODE)}
    assert {name: length for name, length in lengths.items() if length > LONGEST} == {}


def test_no_module_is_named_after_nothing() -> None:
    names = [name_of(path) for path in files_of(*CODE)]
    assert [name for name in names if any(NO_NAMES.search(part.removesuffix(".py")) for part in name.split("/"))] == []


@pytest.mark.parametrize("name", ["utils", "http_helpers", "common", "key_manager", "misc"])
def test_the_rule_about_names_knows_them(name: str) -> None:
    assert NO_NAMES.search(name)


def test_every_module_says_what_lives_there() -> None:
    # an empty file of a test package only makes it one
    written = [path for path in files_of(*CODE) if path.read_text().strip() or path.parts[len(ROOT.parts)] != "tests"]
    assert [name_of(path) for path in written if not ast.get_docstring(tree_of(path))] == []


def test_every_test_directory_is_a_package() -> None:
    folders = {path.parent for path in files_of("tests")}
    assert [name_of(folder) for folder in sorted(folders) if not (folder / "__init__.py").is_file()] == []


def test_every_package_directory_is_a_package() -> None:
    folders = {folder for path in files_of(*PACKAGES) for folder in [path.parent, *path.parent.parents]}
    inside = sorted(folder for folder in folders if ROOT in folder.parents)
    assert [name_of(folder) for folder in inside if not (folder / "__init__.py").is_file()] == []
