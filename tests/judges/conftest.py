"""The judges' environments, one town and one house with an account of every wire, for all tests here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.gateway.town import House, Town
from tests.judges import environment
from tests.judges.courts import house
from tests.stack_fixture import StackThread


@pytest.fixture(scope="session")
def judge_python() -> Path:
    """An interpreter with the official Python SDKs."""
    try:
        return environment.python()
    except environment.Unavailable as problem:
        pytest.skip(f"no judges in Python: {problem}")


@pytest.fixture(scope="session")
def llamaindex_python() -> Path:
    """An interpreter with LlamaIndex."""
    try:
        return environment.python(environment.LLAMAINDEX)
    except environment.Unavailable as problem:
        pytest.skip(f"no judge LlamaIndex: {problem}")


@pytest.fixture(scope="session")
def judge_node() -> Path:
    """A folder with the official Node SDKs."""
    try:
        return environment.node()
    except environment.Unavailable as problem:
        pytest.skip(f"no judges in Node: {problem}")


@pytest.fixture(scope="package")
def town(stack: StackThread, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    built = Town(stack.endpoints, tmp_path_factory.mktemp("judges"))
    try:
        yield built
    finally:
        built.close()


@pytest.fixture(scope="package")
def judged(town: Town) -> House:
    """A tenant with one account of each wire."""
    return house(town)
