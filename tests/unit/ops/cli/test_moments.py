"""Times as people write them."""

from __future__ import annotations

import pytest

from ops.cli.exits import Misused
from ops.cli.moments import moment_us

NOW = 1_795_000_000_000_000


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0s", NOW),
        ("now", NOW),
        ("90s", NOW - 90_000_000),
        ("15m", NOW - 900_000_000),
        ("2h", NOW - 7_200_000_000),
        ("1d", NOW - 86_400_000_000),
        ("1w", NOW - 604_800_000_000),
        ("999999999w", 0),
        ("1970-01-01", 0),
        ("1970-01-01T00:00:01Z", 1_000_000),
        ("1970-01-01T00:00:01.000002+00:00", 1_000_002),
        ("1970-01-01T01:00+01:00", 0),
        ("1970-01-01 00:01", 60_000_000),
    ],
)
def test_moments_and_spans_back(text: str, expected: int) -> None:
    assert moment_us(text, "--since", NOW) == expected


def test_a_span_ahead() -> None:
    assert moment_us("30d", "--expires", NOW, ahead=True) == NOW + 30 * 86_400_000_000


@pytest.mark.parametrize("text", ["", "soon", "15", "m", "-5m", "15 m", "2026-13-01", "1.5h"])
def test_other_texts_are_refused_with_the_forms_there_are(text: str) -> None:
    with pytest.raises(Misused, match=r"--since must be a span such as 15m"):
        moment_us(text, "--since", NOW)
