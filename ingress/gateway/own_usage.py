"""What a key may know of itself: its limits, and how far they are used. Nothing of any other key, nothing is called."""

from __future__ import annotations

from typing import Any

from ingress.gateway.authenticate import Caller
from ingress.gateway.budget import BudgetLeases
from ingress.gateway.limits import RateLimits
from projections.valkey.look import Used
from schemas.aggregates.budget import Budget
from schemas.spend import seconds_left


def budgets_of(caller: Caller) -> tuple[Budget, ...]:
    """The budgets that may stop this key: its own first, then those it shares with others of its tenant."""
    counting = [budget for budget in caller.tenant.budgets if budget.enabled]
    own = [budget for budget in counting if budget.scope == "key" and budget.target == caller.key.id]
    return (*own, *(budget for budget in counting if budget.scope != "key"))


async def usage_of(caller: Caller, leases: BudgetLeases, limits: RateLimits, now_us: int) -> dict[str, Any]:
    """The answer to `GET /v1/usage`. Amounts in micro-dollars.

    Of a budget that is shared with other keys it tells whether anything is left, and not how much others have spent.

    Raises:
        Unavailable: the state of the budgets is not known.
    """
    key = caller.key
    budgets = budgets_of(caller)
    used = await leases.look(key.tenant, budgets) if budgets else []
    return {
        "object": "usage",
        "key": {
            "id": key.id,
            "name": key.name,
            "prefix": key.prefix,
            "expires_at": key.expires_us // 1_000_000 or None,
            "models": list(key.models) or ["*"],
        },
        "rate_limits": {
            "requests_per_minute": key.requests_per_minute or None,
            "requests_remaining": limits.left(key),
        },
        "budgets": [_told(each, now_us, own=each.budget.scope == "key") for each in used],
        "at": now_us // 1_000_000,
    }


def _told(used: Used, now_us: int, *, own: bool) -> dict[str, Any]:
    budget = used.budget
    left = None if used.spent is None else max(0, budget.limit_micros - used.spent - used.set_aside)
    told: dict[str, Any] = {
        "id": budget.id,
        "scope": budget.scope,
        "target": budget.target or None,
        "window": budget.window,
        "period": used.window,
        "resets_in_s": None if budget.window == "total" else seconds_left(budget.window, now_us),
        "exhausted": None if left is None else left == 0,
    }
    if own:
        told |= {
            "limit_micros": budget.limit_micros,
            "spent_micros": used.spent,
            "set_aside_micros": used.set_aside,
            "remaining_micros": left,
        }
    return told
