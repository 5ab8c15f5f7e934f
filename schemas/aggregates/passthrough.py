"""Emergency passthrough: what requests go around for some hours. It ends by itself, by the clock of whoever looks."""

from __future__ import annotations

import msgspec

from schemas.aggregates.decider import definition, problems_of_id
from schemas.facts.traffic import SYSTEM

BYPASSES = ("hooks", "cache", "normalize")
"""What requests can be taken around.

hooks: the rules and the hooks around them. normalize: the reading of what is disguised; rules see texts as they came.
cache: answers stored for the next one who asks the same. Nexus stores none, every request is answered by a provider, so
this is accepted and recorded, and there is nothing for it to change.
"""
SCOPES = ("everything", "provider", "route")
MOST_MINUTES = 8 * 60
SHORTEST_REASON = 20
LONGEST_REASON = 500
MINUTE_US = 60_000_000


class Passthrough(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    id: str
    tenant: str
    """Whose requests go around; `system` for those of everybody."""
    bypass: tuple[str, ...]
    scope: str = "everything"
    target: str = ""
    """Id of the provider account or the route."""
    reason: str
    minutes: int
    since_us: int
    """When it was switched on; the admin plane says so, and no change can move it."""

    @property
    def until_us(self) -> int:
        return self.since_us + self.minutes * MINUTE_US

    def on(self, now_us: int) -> bool:
        return now_us < self.until_us


def _problems(spec: Passthrough) -> list[str]:
    found = problems_of_id(spec.id)
    unknown = [name for name in spec.bypass if name not in BYPASSES]
    if unknown or not spec.bypass or len(set(spec.bypass)) != len(spec.bypass):
        found.append(f"bypass must name one or more of {', '.join(BYPASSES)}, each once")
    if spec.scope not in SCOPES:
        found.append(f"scope must be one of {', '.join(SCOPES)}")
    elif bool(spec.target) != (spec.scope != "everything"):
        found.append("target must be given for provider and route, and for nothing else")
    elif spec.target and spec.tenant == SYSTEM:
        found.append(f"the tenant {SYSTEM} has no {spec.scope}; name the tenant")
    if len(spec.reason.strip()) < SHORTEST_REASON or len(spec.reason) > LONGEST_REASON:
        found.append(f"reason must have {SHORTEST_REASON} to {LONGEST_REASON} characters")
    if not 1 <= spec.minutes <= MOST_MINUTES:
        found.append(f"minutes must be from 1 to {MOST_MINUTES}")
    if spec.since_us <= 0:
        found.append("since_us must be a time")
    return found


class PassthroughCreated(msgspec.Struct, frozen=True):
    spec: Passthrough


class PassthroughChanged(msgspec.Struct, frozen=True):
    spec: Passthrough


class PassthroughRemoved(msgspec.Struct, frozen=True):
    reason: str = ""


DECIDER = definition(
    "passthrough",
    "passthroughs",
    Passthrough,
    PassthroughCreated,
    PassthroughChanged,
    PassthroughRemoved,
    _problems,
    ("id", "tenant", "since_us"),
)
