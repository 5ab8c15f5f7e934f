"""Kill switch: what is refused from now on, until the switch is taken away. That there is one means that it is on."""

from __future__ import annotations

import msgspec

from schemas.aggregates.decider import definition, problems_of_id
from schemas.facts.traffic import SYSTEM

SCOPES = ("route", "key", "tenant", "everything")
"""Three tiers: one route or key; one tenant; every tenant."""
LONGEST = 500


class Kill(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    id: str
    tenant: str
    """Whose requests are refused; `system` for those of everybody."""
    scope: str
    target: str = ""
    """Id of the route or the virtual key; empty for the wider tiers."""
    reason: str


def _problems(spec: Kill) -> list[str]:
    found = problems_of_id(spec.id)
    if spec.scope not in SCOPES:
        found.append(f"scope must be one of {', '.join(SCOPES)}")
    elif bool(spec.target) != (spec.scope in ("route", "key")):
        found.append("target must be given for route and key, and for nothing else")
    if (spec.scope == "everything") != (spec.tenant == SYSTEM):
        found.append(f"scope everything is for the tenant {SYSTEM}, and only that one for it")
    if not spec.reason.strip() or len(spec.reason) > LONGEST:
        found.append(f"reason must have 1 to {LONGEST} characters")
    return found


class KillCreated(msgspec.Struct, frozen=True):
    spec: Kill


class KillChanged(msgspec.Struct, frozen=True):
    spec: Kill


class KillRemoved(msgspec.Struct, frozen=True):
    reason: str = ""


DECIDER = definition("kill", "kills", Kill, KillCreated, KillChanged, KillRemoved, _problems)
