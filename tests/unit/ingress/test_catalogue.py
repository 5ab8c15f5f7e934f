"""Wire formats: what configuration admits and what the data plane can speak are the same."""

from __future__ import annotations

from ingress.providers.catalogue import PROVIDER_CODECS
from schemas.wires import WIRES


def test_every_wire_format_that_can_be_configured_can_be_spoken() -> None:
    assert {endpoint.protocol for wire in WIRES.values() for endpoint in wire.chat} <= set(PROVIDER_CODECS)
