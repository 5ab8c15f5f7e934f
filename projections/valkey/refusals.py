"""What callers are told when money cannot be set aside. No decisions here."""

from __future__ import annotations

from projections.valkey.lease import Lease
from schemas.aggregates.budget import Budget
from schemas.errors import LimitReached, Unavailable
from schemas.spend import seconds_left


def used_up(lease: Lease, budget: Budget, least: int, at_us: int) -> LimitReached:
    """The refusal of a request that needs `least` micro-dollars, by what Valkey said last."""
    if budget.limit_micros - lease.short_spent >= least:
        return LimitReached(
            f"What is left of budget `{budget.id}` is set aside for requests under way; try again in a moment.",
            code="insufficient_quota",
            retry_after=1,
        )
    left = seconds_left(budget.window, at_us)
    then = "its limit has to be raised" if budget.window == "total" else f"it starts anew in {left} s"
    return LimitReached(
        f"You exceeded your current quota: budget `{budget.id}` ({budget.window}) is used up; {then}.",
        code="insufficient_quota",
        retry_after=left,
    )


def unavailable(why: str) -> Unavailable:
    """The refusal of a request whose budgets cannot be checked."""
    return Unavailable(
        f"Budgets cannot be checked at the moment: {why}; try again in a moment.",
        code="budget_store_unavailable",
        retry_after=1,
    )
