"""Wire formats: what configuration admits and what the data plane can speak are the same."""

from __future__ import annotations

from ingress.providers.catalogue import WIRES
from schemas.aggregates import provider


def test_every_wire_format_that_can_be_configured_can_be_spoken() -> None:
    assert set(WIRES) == set(provider.WIRES)
