"""Rate limits of virtual keys, per gateway process, in memory."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from schemas.aggregates.virtual_key import VirtualKey
from schemas.errors import LimitReached
from schemas.rates import Bucket, filled, take

_REMEMBERED = 100_000
"""Buckets kept; the longest unused go first, which can only be generous to their keys."""


class RateLimits:
    """A token bucket for each key with `requests_per_minute`: bursts up to the limit, refilled evenly.

    The limit is per process: with N gateways behind a balancer a key may reach N times as much.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()

    def admit(self, key: VirtualKey) -> None:
        """Takes one token.

        Raises:
            LimitReached: with the seconds after which there is one again.
        """
        limit = key.requests_per_minute
        if not limit:
            return
        # the longest unused is first; by hash, since ids are unique within a tenant only
        bucket, wait = take(limit, self._buckets.pop(key.hash, None), self._monotonic())
        self._buckets[key.hash] = bucket
        if wait:
            raise LimitReached(f"Rate limit reached: {limit} requests per minute.", retry_after=wait)
        if len(self._buckets) > _REMEMBERED:
            self._buckets.popitem(last=False)

    def left(self, key: VirtualKey) -> int | None:
        """Requests that could be made at once; None without a limit. Takes nothing."""
        limit = key.requests_per_minute
        return int(filled(limit, self._buckets.get(key.hash), self._monotonic())) if limit else None
