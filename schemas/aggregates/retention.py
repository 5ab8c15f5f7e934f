"""Retention: how long what a tenant's requests leave behind is kept, by kind. Without one, everything stays.

Configuration, spend and what operators did are kept for ever: finance and auditors need them, and no body is in them.
"""

from __future__ import annotations

import msgspec

from schemas.aggregates.decider import definition, problems_of_id

INSTALLATION = "system"
"""The tenant whose retention says how long facts stay on the log, where all tenants' facts share segments."""
MOST_DAYS = 36_500


class Retention(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Days after which things go; 0 keeps them. Of several retentions of a tenant the shortest time counts."""

    id: str
    tenant: str
    bodies_days: int = 0
    """Prompts and answers, wherever they are copied to: keys serve a week, and go when all of it is so old."""
    rows_days: int = 0
    """Requests in PostgreSQL and ClickHouse. Spend per day stays, and so do the sums in ClickHouse."""
    findings_days: int = 0
    """What screening found, in PostgreSQL."""
    facts_days: int = 0
    """Facts of requests and of what workers decided, on the log; only for the tenant `system`."""


KINDS = ("bodies", "rows", "findings", "facts")


def _problems(spec: Retention) -> list[str]:
    found = problems_of_id(spec.id)
    for kind in KINDS:
        if not 0 <= getattr(spec, f"{kind}_days") <= MOST_DAYS:
            found.append(f"{kind}_days must be from 0 (keep) to {MOST_DAYS}")
    if spec.facts_days and spec.tenant != INSTALLATION:
        found.append("facts_days is only for the tenant system: facts of all tenants share the segments of the log")
    return found


class RetentionCreated(msgspec.Struct, frozen=True):
    spec: Retention


class RetentionChanged(msgspec.Struct, frozen=True):
    spec: Retention


class RetentionRemoved(msgspec.Struct, frozen=True):
    reason: str = ""


DECIDER = definition(
    "retention", "retentions", Retention, RetentionCreated, RetentionChanged, RetentionRemoved, _problems
)
