"""Route: which requests go to which targets, and how safely they are recorded on the way."""

from __future__ import annotations

import msgspec

from schemas.aggregates.decider import definition, problems_of_id

STRATEGIES = ("single", "fallback")
DURABILITIES = ("overlapped", "strict")
LOG_FAILURES = ("refuse", "spool")
PLACEMENTS = ("inline", "stream", "observe")


class Target(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    account: str
    model: str = ""
    """Name of a model of that account; the requested one when empty."""


class Route(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    id: str
    tenant: str
    models: tuple[str, ...] = ("*",)
    """Requested names this route is for; a trailing `*` matches any ending."""
    priority: int = 0
    """Higher is looked at first; equal ones in the order of their ids."""
    strategy: str = "single"
    targets: tuple[Target, ...] = ()
    """In order of preference. Empty: the catalogue decides, explicit `account/model` or the first that has the name."""
    max_attempts: int = 3
    """Calls to providers for one request, all targets together."""
    durability: str = "overlapped"
    on_log_failure: str = "refuse"
    placement: str = "inline"
    policy: str = "default"
    capture: bool = True
    """Whether bodies are kept, sealed."""
    enabled: bool = True
    strict: bool = False
    """Refuse requests that say what the provider's protocol has no word for, instead of dropping it."""


def _problems(spec: Route) -> list[str]:
    found = problems_of_id(spec.id)
    for field, allowed in (
        ("strategy", STRATEGIES),
        ("durability", DURABILITIES),
        ("on_log_failure", LOG_FAILURES),
        ("placement", PLACEMENTS),
    ):
        if getattr(spec, field) not in allowed:
            found.append(f"{field} must be one of {', '.join(allowed)}")
    if not spec.models:
        found.append("models must name at least one model or '*'")
    if any("*" in name[:-1] for name in spec.models):
        found.append("in models, '*' may stand at the end only")
    if spec.placement == "observe" and not spec.capture:
        found.append("placement observe needs capture, the worker reads the kept bodies")
    if not 1 <= spec.max_attempts <= 10:
        found.append("max_attempts must be from 1 to 10")
    return found


class RouteCreated(msgspec.Struct, frozen=True):
    spec: Route


class RouteChanged(msgspec.Struct, frozen=True):
    spec: Route


class RouteRemoved(msgspec.Struct, frozen=True):
    reason: str = ""


DECIDER = definition("route", "routes", Route, RouteCreated, RouteChanged, RouteRemoved, _problems)
