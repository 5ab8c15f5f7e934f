"""Routes, policies and tenants' rules as they were at any position of CONFIG: a late look judges as an early one."""

from __future__ import annotations

from bisect import bisect_right
from typing import Any

from projections.live.config import LiveConfig
from projections.live.state import Changed
from projections.screening.tenants import rules_of
from schemas.aggregates.policy import Policy
from schemas.aggregates.route import Route
from schemas.screening.model import Rule

OBSERVE = "observe"
_KEPT = ("route", "policy", "rule")


class History:
    """Every version of every route and policy: few, for configuration changes by hand."""

    def __init__(self) -> None:
        self._versions: dict[tuple[str, str, str], tuple[list[int], list[Any]]] = {}
        self._observed: set[tuple[str, str]] = set()
        self._rules: dict[str, set[str]] = {}
        self.tenants: set[str] = set()
        """Whose requests were observed at any time."""

    def note(self, sequence: int, aggregate: str, tenant: str, identifier: str, spec: Any) -> None:
        """A spec, or None after a removal, is in force from this position on."""
        sequences, specs = self._versions.setdefault((aggregate, tenant, identifier), ([], []))
        sequences.append(sequence)
        specs.append(spec)
        if aggregate == "rule":
            self._rules.setdefault(tenant, set()).add(identifier)
        if isinstance(spec, Route) and spec.placement == OBSERVE:
            self._observed.add((tenant, identifier))
            self.tenants.add(tenant)

    def ever_observed(self, tenant: str, route: str) -> bool:
        """Whether the route had the placement `observe` at any time."""
        return (tenant, route) in self._observed

    def route(self, tenant: str, identifier: str, sequence: int) -> Route | None:
        found: Route | None = self._at("route", tenant, identifier, sequence)
        return found

    def policy(self, tenant: str, identifier: str, sequence: int) -> Policy:
        """The policy of that name; the built-in default when there was none."""
        found: Policy | None = self._at("policy", tenant, identifier, sequence)
        return found if found is not None else Policy(id=identifier, tenant=tenant)

    def rules(self, tenant: str, sequence: int) -> tuple[Rule, ...]:
        """The tenant's own rules."""
        named = self._rules.get(tenant)
        return rules_of(spec for each in named or () if (spec := self._at("rule", tenant, each, sequence)) is not None)

    def _at(self, aggregate: str, tenant: str, identifier: str, sequence: int) -> Any:
        sequences, specs = self._versions.get((aggregate, tenant, identifier), ([], []))
        index = bisect_right(sequences, sequence)
        return specs[index - 1] if index else None


class PastConfig(LiveConfig):
    """The live configuration as workers need it: without the keys, with a memory of its routes and policies."""

    without = ("virtual-key",)

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.history = History()

    def apply(self, sequence: int, subject: str, payload: bytes) -> Changed | None:
        changed = super().apply(sequence, subject, payload)
        if changed is not None and changed.aggregate in _KEPT:
            spec = self.state_of(changed.aggregate, changed.tenant, changed.id)
            self.history.note(sequence, changed.aggregate, changed.tenant, changed.id, spec)
        return changed
