"""Budget: how much money may be spent by whom in which window of time (UTC)."""

from __future__ import annotations

import msgspec

from schemas.aggregates.decider import definition, problems_of_id

SCOPES = ("tenant", "key", "provider", "model")
WINDOWS = ("day", "month", "total")


class Budget(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    id: str
    tenant: str
    scope: str = "tenant"
    target: str = ""
    """Id of the key, provider account or model (`account/name`); empty for the tenant."""
    window: str = "month"
    limit_micros: int
    thresholds: tuple[int, ...] = (50, 80, 100)
    """Shares of the limit, in per cent, that are worth a fact."""
    enabled: bool = True


def _problems(spec: Budget) -> list[str]:
    found = problems_of_id(spec.id)
    if spec.scope not in SCOPES:
        found.append(f"scope must be one of {', '.join(SCOPES)}")
    if spec.window not in WINDOWS:
        found.append(f"window must be one of {', '.join(WINDOWS)}")
    if (spec.scope == "tenant") != (spec.target == ""):
        found.append("target must be given for every scope but tenant, and only then")
    if not 0 <= spec.limit_micros <= 10**15:
        found.append("limit_micros must be from 0 to 10^15")
    if any(not 1 <= share <= 1000 for share in spec.thresholds):
        found.append("thresholds must be from 1 to 1000 per cent")
    return found


class BudgetCreated(msgspec.Struct, frozen=True):
    spec: Budget


class BudgetChanged(msgspec.Struct, frozen=True):
    spec: Budget


class BudgetRemoved(msgspec.Struct, frozen=True):
    reason: str = ""


DECIDER = definition("budget", "budgets", Budget, BudgetCreated, BudgetChanged, BudgetRemoved, _problems)
