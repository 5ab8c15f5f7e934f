"""Rate limits: a token bucket for each key."""

from __future__ import annotations

import pytest

from ingress.gateway.limits import RateLimits
from schemas.aggregates.virtual_key import VirtualKey
from schemas.errors import LimitReached


def key(limit: int, hash_: str = "a") -> VirtualKey:
    return VirtualKey(id="k", tenant="t", hash=hash_ * 64, prefix="nvk_00000000", requests_per_minute=limit)


class Time:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_up_to_the_limit_then_an_even_refill() -> None:
    time = Time()
    limits = RateLimits(time)
    for _ in range(6):
        limits.admit(key(6))
    with pytest.raises(LimitReached) as caught:
        limits.admit(key(6))
    assert caught.value.retry_after == 11
    time.now = 10.0
    limits.admit(key(6))
    with pytest.raises(LimitReached):
        limits.admit(key(6))


def test_no_limit_and_other_keys_are_not_touched() -> None:
    limits = RateLimits(Time())
    limits.admit(key(1))
    for _ in range(100):
        limits.admit(key(0, "b"))
    limits.admit(key(1, "c"))
    with pytest.raises(LimitReached):
        limits.admit(key(1))
