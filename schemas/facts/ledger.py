"""Facts of LEDGER: money and tokens, integers only (micro-dollars, tokens)."""

from __future__ import annotations

import msgspec


class SpendLine(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Sums of terminal facts that share a key, account, model, day and budgets."""

    key_id: str
    account: str
    model: str
    day: str
    """UTC, `YYYY-MM-DD`."""
    requests: int
    input_tokens: int
    output_tokens: int
    cost_micros: int


class SpendRecorded(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a tenant spent between two positions of TRAFFIC, both inclusive; ranges of one tenant never overlap."""

    from_sequence: int
    through_sequence: int
    lines: tuple[SpendLine, ...]


class ThresholdCrossed(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A budget's spend passed a share of its limit for the first time in its window."""

    budget: str
    window: str
    percent: int
    spent_micros: int
    limit_micros: int
