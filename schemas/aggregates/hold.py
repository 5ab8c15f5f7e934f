"""Legal hold: a data subject whose bodies must not be erased for now, and why."""

from __future__ import annotations

import re

import msgspec

from schemas.aggregates.decider import definition, problems_of_id

PSEUDONYM = re.compile(r"sub_[0-9a-f]{32}\Z")
"""What the vault makes of a user."""
EVERYONE = "*"
"""In the place of a pseudonym: all data subjects of the tenant."""
_LONGEST = 500


class Hold(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    id: str
    tenant: str
    subject: str
    """Pseudonym of the data subject, for who it is does not stand on the log; or `EVERYONE`."""
    reason: str


def _problems(spec: Hold) -> list[str]:
    found = problems_of_id(spec.id)
    if spec.subject != EVERYONE and not PSEUDONYM.match(spec.subject):
        found.append("subject must be a pseudonym, sub_ and 32 hex digits, or * for everyone of the tenant")
    if not spec.reason.strip() or len(spec.reason) > _LONGEST:
        found.append(f"reason must have 1 to {_LONGEST} characters")
    return found


class HoldCreated(msgspec.Struct, frozen=True):
    spec: Hold


class HoldChanged(msgspec.Struct, frozen=True):
    spec: Hold


class HoldRemoved(msgspec.Struct, frozen=True):
    reason: str = ""


DECIDER = definition(
    "hold", "holds", Hold, HoldCreated, HoldChanged, HoldRemoved, _problems, ("id", "tenant", "subject")
)
