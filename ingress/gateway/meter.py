"""Counts requests as they end. On their way there is nothing but this, so it only adds."""

from __future__ import annotations

from bisect import bisect_left

from schemas.facts.traffic import Terminal, Usage

BOUNDS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)
_BOUNDS_US = [round(bound * 1_000_000) for bound in BOUNDS_S]
MOST_CODES = 200
"""Different ends that are counted by themselves; any more are counted as one, so that nobody can make memory grow."""
_OTHER = ("other", 0, "other")


class Meter:
    """Counters since this process started."""

    __slots__ = ("cost_micros", "ends", "input_tokens", "latencies", "latency_us", "output_tokens")

    def __init__(self) -> None:
        self.ends: dict[tuple[str, int, str], int] = {}
        """Requests by terminal fact, HTTP status and error code."""
        self.latencies = [0] * (len(BOUNDS_S) + 1)
        self.latency_us = 0
        self.input_tokens = 0
        self.output_tokens = 0
        self.cost_micros = 0

    def ended(
        self, kind: type[Terminal], status: int, code: str, latency_us: int, usage: Usage, cost_micros: int
    ) -> None:
        """Counts one request, at its end."""
        ends, how = self.ends, (kind.__name__, status, code)
        try:
            ends[how] += 1
        except KeyError:
            if len(ends) >= MOST_CODES:
                how = _OTHER
            ends[how] = ends.get(how, 0) + 1
        self.latencies[bisect_left(_BOUNDS_US, latency_us)] += 1
        self.latency_us += latency_us
        self.input_tokens += usage.input_tokens
        self.output_tokens += usage.output_tokens
        self.cost_micros += cost_micros
