"""Admin planes for the tests of this room: an empty one, and one with a small configuration."""

from __future__ import annotations

import pytest

from tests.unit.ingress.admin.plane import SMALL, Plane


@pytest.fixture
async def plane() -> Plane:
    return await Plane().start()


@pytest.fixture
async def small(plane: Plane) -> Plane:
    await plane.given(*SMALL)
    return plane
