"""One whole Nexus for all end-to-end tests."""

from __future__ import annotations

from tests.nexus_fixture import nexus

__all__ = ["nexus"]
