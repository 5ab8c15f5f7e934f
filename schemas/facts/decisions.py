"""Facts of DECISIONS that stand nowhere else: what workers decided about providers."""

from __future__ import annotations

import msgspec


class CircuitOpened(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A provider account failed often enough to be left alone until `until_us`."""

    account: str
    failures: int
    until_us: int


class CircuitClosed(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A provider account answers again."""

    account: str


class HealthObserved(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """How a provider account did over a window of traffic."""

    account: str
    window_us: int
    calls: int
    failures: int
    latency_us_mean: int
