"""One town for all gateway tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.gateway.town import Town
from tests.stack_fixture import StackThread


@pytest.fixture(scope="package")
def town(stack: StackThread, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    built = Town(stack.endpoints, tmp_path_factory.mktemp("town"))
    try:
        yield built
    finally:
        built.close()
