"""Token buckets: bursts up to the rate, refilled evenly. Pure; time is given, buckets are kept elsewhere."""

from __future__ import annotations

import msgspec


class Bucket(msgspec.Struct, frozen=True, gc=False):
    """What is left of a rate, and when that was so (seconds of a clock that only goes forward)."""

    tokens: float
    at_s: float


def filled(per_minute: int, bucket: Bucket | None, now_s: float) -> float:
    """Tokens at a moment; a bucket that nobody has used is full."""
    if bucket is None:
        return float(per_minute)
    return min(float(per_minute), bucket.tokens + max(0.0, now_s - bucket.at_s) * per_minute / 60)


def take(per_minute: int, bucket: Bucket | None, now_s: float) -> tuple[Bucket, int]:
    """One request.

    Returns:
        The bucket after it, and the seconds after which there is a token again: 0 when it got one.
    """
    tokens = filled(per_minute, bucket, now_s)
    if tokens >= 1:
        return Bucket(tokens - 1, now_s), 0
    return Bucket(tokens, now_s), int((1 - tokens) * 60 / per_minute) + 1
