"""Rate limits of virtual keys, per gateway process, in memory."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from schemas.aggregates.virtual_key import VirtualKey
from schemas.errors import LimitReached

_REMEMBERED = 100_000
"""Buckets kept; the longest unused go first, which can only be generous to their keys."""


class RateLimits:
    """A token bucket for each key with `requests_per_minute`: bursts up to the limit, refilled evenly.

    The limit is per process: with N gateways behind a balancer a key may reach N times as much.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def admit(self, key: VirtualKey) -> None:
        """Takes one token.

        Raises:
            LimitReached: with the seconds after which there is one again.
        """
        limit = key.requests_per_minute
        if not limit:
            return
        now = self._monotonic()
        tokens = self._tokens(key, now)
        # the longest unused is first
        self._buckets.pop(key.hash, None)
        if tokens < 1:
            self._buckets[key.hash] = (tokens, now)
            wait = int((1 - tokens) * 60 / limit) + 1
            raise LimitReached(f"Rate limit reached: {limit} requests per minute.", retry_after=wait)
        self._buckets[key.hash] = (tokens - 1, now)
        if len(self._buckets) > _REMEMBERED:
            self._buckets.popitem(last=False)

    def left(self, key: VirtualKey) -> int | None:
        """Requests that could be made at once; None without a limit. Takes nothing."""
        return int(self._tokens(key, self._monotonic())) if key.requests_per_minute else None

    def _tokens(self, key: VirtualKey, now: float) -> float:
        limit = float(key.requests_per_minute)
        # by hash, since ids are unique within a tenant only
        tokens, then = self._buckets.get(key.hash, (limit, now))
        return min(limit, tokens + (now - then) * limit / 60)
