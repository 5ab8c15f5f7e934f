"""Facts of DECISIONS: what workers decided about requests and providers."""

from __future__ import annotations

import msgspec

from schemas.screening.model import Hit


class ScreeningRequested(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A gateway asks a worker for a verdict (placement `stream`); the texts travel beside it, never in a fact."""

    stage: str
    reply: str


class FindingReported(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The compliance worker screened a request's texts (placements `stream` and `observe`)."""

    stage: str
    placement: str
    action: str
    rule: str
    pack: str
    hits: tuple[Hit, ...]
    key_id: str = ""


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
