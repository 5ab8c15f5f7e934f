"""What is counted of a request's end, and that nobody can make it grow without bounds."""

from __future__ import annotations

from ingress.gateway.meter import BOUNDS_S, MOST_CODES, Meter
from schemas.facts.traffic import RequestCompleted, RequestRefused, Usage


def test_ends_are_counted_by_how_they_ended() -> None:
    meter = Meter()
    for _ in range(2):
        meter.ended(RequestCompleted, 200, "", 1_000, Usage(10, 20), 7)
    meter.ended(RequestRefused, 429, "rate_limited", 121_000_000, Usage(), 0)
    assert meter.ends == {("RequestCompleted", 200, ""): 2, ("RequestRefused", 429, "rate_limited"): 1}
    assert (meter.input_tokens, meter.output_tokens, meter.cost_micros) == (20, 40, 14)
    # a bound belongs to its own bucket
    assert meter.latencies == [2, *[0] * (len(BOUNDS_S) - 1), 1]
    assert meter.latency_us == 121_002_000


def test_codes_of_others_are_bounded() -> None:
    meter = Meter()
    for number in range(MOST_CODES + 50):
        meter.ended(RequestRefused, 400, f"code-{number}", 1, Usage(), 0)
    assert len(meter.ends) == MOST_CODES + 1
    assert sum(meter.ends.values()) == MOST_CODES + 50
