"""Small rules for the tests of the pure parts. Not a test itself."""

from __future__ import annotations

from typing import Any

from schemas.screening.likelihood import Likelihood
from schemas.screening.model import Rule

_WHOLE: dict[str, Any] = {
    "id": "test.token",
    "title": "A token",
    "category": "test",
    "severity": "hard",
    "action": "block",
    "patterns": (r"tok-[0-9]{4}",),
    "hits": ("tok-1234", "a tok-0000", "tok-9999."),
    "misses": ("tok-123", "tok", "kot-1234"),
    "source": "made up",
}


def rule(**changes: Any) -> Rule:
    """A whole rule with some fields changed."""
    return Rule(**{**_WHOLE, **changes})


def weights(of: dict[str, int], *, threshold: int, window: int = 60) -> Likelihood:
    """A small model."""
    return Likelihood(
        name="sample",
        about="made up",
        learned_from=(),
        seed=0,
        window=window,
        bias=0,
        threshold=threshold,
        weights=of,
    )
