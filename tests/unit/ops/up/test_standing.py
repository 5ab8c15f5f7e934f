"""How the status is told."""

from __future__ import annotations

import pytest

from ops.up.standing import _durability, _text, span


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0s"), (59.9, "59s"), (60, "1m 0s"), (3_723, "1h 2m"), (90_061, "1d 1h"), (8_640_000, "100d 0h")],
)
def test_a_duration_is_told_in_its_two_largest_units(seconds: float, text: str) -> None:
    assert span(seconds) == text


ROW = {"name": "nats", "state": "ready", "pid": 1, "restarts": 0, "rss_mb": 1.0, "uptime": 1.0, "last_exit": None}


def test_a_log_is_called_durable_only_when_the_admin_plane_says_so() -> None:
    assert "durable: yes" in _text([ROW], [], _durability({"durability": {"durable": True, "reason": ""}}))
    told = _text(
        [ROW], [], _durability({"durability": {"durable": False, "reason": "it acknowledges before it syncs"}})
    )
    assert "durable: NO, it acknowledges before it syncs" in told
    for silent in (None, {}):
        assert _durability(silent)["durable"] is False
