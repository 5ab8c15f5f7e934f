"""What all tests share: the profile of the property tests. Fixtures live beside the tests that use them."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

from tests.nexus_fixture import nexus
from tests.stack_fixture import stack

__all__ = ["nexus", "stack"]  # one definition for all directories: one of each a session

# the machine may be busy: an example that takes long proves nothing, so no deadlines
settings.register_profile("nexus", deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("nexus")
