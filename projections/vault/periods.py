"""Weeks, in which bodies are sealed: each has keys of its own, so that a week of bodies can go. Pure."""

from __future__ import annotations

from datetime import UTC, datetime

DAY_US = 86_400 * 1_000_000
WEEK_US = 7 * DAY_US
_MONDAY_US = 4 * DAY_US
"""1970-01-05, the first Monday."""


def at(time_us: int) -> str:
    """The week of a time, by its Monday in UTC: `20261116`."""
    return f"{_day(start_us(time_us)):%Y%m%d}"


def start_us(time_us: int) -> int:
    """When the week of a time began."""
    return time_us - (time_us - _MONDAY_US) % WEEK_US


def end_us(period: str) -> int:
    """When a week ends; for keys of earlier releases, which have none, 0: they seal no more."""
    if not period:
        return 0
    began = datetime.strptime(period, "%Y%m%d").replace(tzinfo=UTC)
    return int(began.timestamp()) * 1_000_000 + WEEK_US


def key_id(period: str, name: str) -> str:
    """Id of a data key, from which `of_key` finds the week again."""
    return f"{period}-{name}"


def of_key(id: str) -> str:
    """The week of a data key; empty for keys of earlier releases, and for what is no id."""
    period, dash, _ = id.partition("-")
    return period if dash and len(period) == 8 and period.isdecimal() else ""


def _day(time_us: int) -> datetime:
    return datetime.fromtimestamp(time_us // 1_000_000, UTC)
