"""Whose address counts behind proxies."""

from __future__ import annotations

import pytest

from ingress.gateway.addresses import client_address

PROXIES = "10.0.0.0/8, 127.0.0.1/32"


@pytest.mark.parametrize(
    ("peer", "forwarded", "trusted", "address"),
    [
        ("1.2.3.4", "", "", "1.2.3.4"),
        ("1.2.3.4", "9.9.9.9", "", "1.2.3.4"),
        ("1.2.3.4", "9.9.9.9", PROXIES, "1.2.3.4"),
        ("10.0.0.1", "9.9.9.9", PROXIES, "9.9.9.9"),
        ("10.0.0.1", "6.6.6.6, 9.9.9.9", PROXIES, "9.9.9.9"),
        ("10.0.0.1", "6.6.6.6,9.9.9.9,10.0.0.2", PROXIES, "9.9.9.9"),
        ("10.0.0.1", "10.0.0.2", PROXIES, "10.0.0.1"),
        ("10.0.0.1", "", PROXIES, "10.0.0.1"),
        ("10.0.0.1", "unknown", PROXIES, "unknown"),
        ("", "9.9.9.9", PROXIES, ""),
    ],
)
def test_the_last_stranger_on_the_way_is_the_caller(peer: str, forwarded: str, trusted: str, address: str) -> None:
    assert client_address(peer, forwarded, trusted) == address
