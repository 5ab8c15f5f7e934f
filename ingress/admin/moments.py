"""Times as callers write them in a query. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from schemas.errors import InvalidRequest

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
BEFORE = EPOCH - timedelta(days=1)


def moment_us(text: str, param: str) -> int:
    """Microseconds since the epoch of an RFC 3339 time, a day (`2026-11-20`, its first moment) or microseconds.

    A time without an offset is in UTC.

    Raises:
        InvalidRequest: the text is none of these.
    """
    if text.isascii() and text.isdecimal() and len(text) <= 18:
        return int(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = BEFORE
    since = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - EPOCH
    if since < timedelta():
        raise InvalidRequest(
            f"{param} must be a time such as 2026-11-20T12:00:00Z, a day, or microseconds since the epoch", param=param
        )
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
