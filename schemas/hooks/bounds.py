"""Deciders about a request as a whole: from where, how much, how often, to whom it may go. Pure; time is given."""

from __future__ import annotations

import functools
import ipaddress
from collections.abc import Sequence

from schemas.hooks.decision import NOTHING, Finding, Seen
from schemas.hooks.hook import Hook
from schemas.rates import Bucket, take
from schemas.routing.choose import matches

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def ip_access(hook: Hook, seen: Seen) -> Finding:
    """The caller's address against networks: what is denied is, then what is not allowed.

    An address that is not known is in no network: it is refused wherever some are allowed.
    """
    try:
        address = ipaddress.ip_address(seen.address)
    except ValueError:
        return Finding("block", "the address of the caller is not known") if hook.options.allow else NOTHING
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if any(address in network for network in _networks(hook.options.deny)):
        return Finding("block", "the address of the caller is denied")
    if hook.options.allow and not any(address in network for network in _networks(hook.options.allow)):
        return Finding("block", "the address of the caller is not among those allowed")
    return NOTHING


@functools.lru_cache(maxsize=256)
def _networks(texts: tuple[str, ...]) -> tuple[Network, ...]:
    return tuple(map(ipaddress.ip_network, texts))


def request_size(hook: Hook, seen: Seen) -> Finding:
    options = hook.options
    characters = sum(map(len, seen.texts))
    for what, have, most in (
        ("bytes", seen.size, options.max_bytes),
        ("characters", characters, options.max_characters),
        ("messages", seen.messages, options.max_messages),
    ):
        if most and have > most:
            return Finding("block", f"the request has more than {most} {what}")
    return NOTHING


def rate_limiter(hook: Hook, bucket: Bucket | None, now_s: float) -> tuple[Finding, Bucket]:
    """One request: the bucket after it, and whether it may be made. Bursts up to the rate, refilled evenly.

    The rate is that of one process: with N gateways behind a balancer it may be N times as much.
    """
    rate = hook.options.per_minute
    after, wait = take(rate, bucket, now_s)
    if not wait:
        return NOTHING, after
    return Finding("block", f"more than {rate} requests a minute of one {hook.options.by}", retry_after=wait), after


def may_go(allowed: Sequence[str], provider: str, region: str) -> bool:
    """Whether one of `provider:ID` and `region:NAME` is this account's; one without a region is in none."""
    for place in allowed:
        kind, _, name = place.partition(":")
        if kind == "provider" and matches(name, provider):
            return True
        if kind == "region" and region and matches(name, region):
            return True
    return False


def data_residency(hook: Hook, label: str, provider: str, region: str) -> bool:
    """Whether a text with this label may go to an account. A text that nobody has classified counts as `internal`."""
    allowed = hook.options.allowed.get(label or "internal")
    return allowed is None or may_go(allowed, provider, region)
