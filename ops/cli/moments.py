"""Times as people write them on a command line: a moment, or a span from now. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from ops.cli.exits import Misused

SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_SPAN = re.compile(r"(\d{1,9})([smhdw])\Z")


def moment_us(text: str, option: str, now_us: int, *, ahead: bool = False) -> int:
    """Microseconds since the epoch.

    Args:
        text: RFC 3339, a date, `now`, or a span such as `15m`; without a zone it is UTC.
        ahead: a span counts from now on instead of back.

    Raises:
        Misused: neither form.
    """
    if text == "now":
        return now_us
    span = _SPAN.match(text)
    if span:
        length = int(span[1]) * SECONDS[span[2]] * 1_000_000
        return now_us + length if ahead else max(now_us - length, 0)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Misused(f"{option} must be a span such as 15m, 2h or 30d, or a time such as 2026-11-20T12:00Z") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return int(moment.timestamp()) * 1_000_000 + moment.microsecond
