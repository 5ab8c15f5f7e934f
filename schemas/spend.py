"""Budgets against spend: which budgets a request counts for, and which window a moment belongs to. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from schemas.aggregates.budget import Budget


def window_of(window: str, time_us: int) -> str:
    """Name of the window that a time falls into: `2026-11-20`, `2026-11`, `total` (UTC)."""
    if window == "total":
        return "total"
    moment = datetime.fromtimestamp(time_us // 1_000_000, UTC)
    return moment.strftime("%Y-%m-%d" if window == "day" else "%Y-%m")


def seconds_left(window: str, time_us: int) -> int:
    """Seconds until the window ends; an hour for one that never does (somebody has to raise the limit)."""
    if window == "total":
        return 3_600
    moment = datetime.fromtimestamp(time_us // 1_000_000, UTC)
    start = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    end = start + timedelta(days=1) if window == "day" else (start.replace(day=1) + timedelta(days=32)).replace(day=1)
    return max(1, int((end - moment).total_seconds()))


def applies(budget: Budget, *, key: str, account: str, model: str) -> bool:
    """Whether spend by this key at this account on this model (`account/name`) counts against the budget."""
    if not budget.enabled:
        return False
    match budget.scope:
        case "tenant":
            return True
        case "key":
            return budget.target == key
        case "provider":
            return budget.target == account
        case "model":
            return budget.target == model
    return False


def applicable(budgets: Iterable[Budget], *, key: str, account: str, model: str) -> tuple[Budget, ...]:
    """The budgets that a request counts against, in the order given."""
    return tuple([budget for budget in budgets if applies(budget, key=key, account=account, model=model)])
