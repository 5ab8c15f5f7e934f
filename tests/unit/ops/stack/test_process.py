"""The backoff rule."""

from __future__ import annotations

from ops.stack.process import Backoff


def waits(backoff: Backoff, *served: float) -> list[float]:
    found, delay = [], 0.0
    for seconds in served:
        delay = backoff.delay(delay, seconds)
        found.append(delay)
    return found


def test_it_doubles_up_to_the_longest() -> None:
    assert waits(Backoff(), *[0.0] * 7) == [0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]


def test_it_starts_anew_after_healthy_service() -> None:
    assert waits(Backoff(), 0.0, 29.9, 30.0, 0.0) == [0.2, 0.4, 0.2, 0.4]
