"""What all tests share: the profile of property tests, names of cases. Fixtures live beside the tests that use them."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings

from tests.nexus_fixture import nexus
from tests.stack_fixture import stack

__all__ = ["nexus", "stack"]  # one definition for all directories: one of each a session

# the machine may be busy: an example that takes long proves nothing, so no deadlines
settings.register_profile("nexus", deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("nexus")


def pytest_make_parametrize_id(config: pytest.Config, val: object, argname: str) -> str | None:
    """Name a case of bytes after its argument: what is in them may differ between two processes of one run.

    A gzip header carries the time, and processes that find different names for the cases run none of them.
    """
    return argname if isinstance(val, bytes | bytearray) else None
