"""Facts of LEDGER: money and tokens, integers only (micro-dollars, tokens)."""

from __future__ import annotations

import msgspec


class SpendLine(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Sums of terminal facts that share a key, account, model and day; at most one line of each in a fact."""

    key_id: str
    account: str
    model: str
    day: str
    """UTC, `YYYY-MM-DD`, on which the requests started."""
    requests: int
    input_tokens: int
    output_tokens: int
    cost_micros: int


class Settled(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """How much of what a writer had set aside in a budget became spend."""

    boot: str
    """`writer/boot` of the process that served the requests."""
    budget: str
    day: str
    """UTC, `YYYY-MM-DD`, the day on which the requests started."""
    cost_micros: int


class Recorded(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """How far a chain of TRAFFIC has been recorded: numbers of its segments only rise along the stream, so that one at
    or below this is a copy, however late."""

    chain: str
    """`writer/boot` of the segments."""
    number: int
    """Of the last one that something was recorded of."""


class SpendRecorded(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a tenant spent between two positions of TRAFFIC, both inclusive."""

    from_sequence: int
    through_sequence: int
    lines: tuple[SpendLine, ...]
    settled: tuple[Settled, ...] = ()
    """The same money by what it was reserved against; lets the counters of leases be rebuilt from the log alone."""
    partition: int = 0
    """Of TRAFFIC, whose positions these are; ranges of one tenant and partition never overlap."""
    chains: tuple[Recorded, ...] = ()
    """Those that anything of this range was recorded from; empty in what was recorded before this was told."""


class ThresholdCrossed(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A budget's spend passed a share of its limit for the first time in its window."""

    budget: str
    window: str
    percent: int
    spent_micros: int
    limit_micros: int
