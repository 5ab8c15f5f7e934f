"""The address of a caller behind proxies. Pure: what a stranger writes into a header is believed of nobody."""

from __future__ import annotations

import functools
import ipaddress

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def client_address(peer: str, forwarded: str, trusted: str) -> str:
    """The last address of the way here that is not one of our own proxies.

    Args:
        peer: of the connection.
        forwarded: `X-Forwarded-For`, all of them joined by commas; every proxy puts whom it sees at the end.
        trusted: networks of our proxies, separated by commas; empty when there are none.
    """
    networks = _networks(trusted)
    if not networks or not _within(peer, networks):
        return peer
    for address in reversed([each.strip() for each in forwarded.split(",") if each.strip()]):
        if not _within(address, networks):
            return address
    return peer


@functools.lru_cache(maxsize=8)
def _networks(texts: str) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(text.strip()) for text in texts.split(",") if text.strip())


def _within(text: str, networks: tuple[Network, ...]) -> bool:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return any(address in network for network in networks)
