"""The fold of CONFIG: specs by aggregate, tenants' compiled tables, keys by hash. No I/O."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import msgspec

from schemas import subjects
from schemas.aggregates.budget import Budget
from schemas.aggregates.catalogue import BY_NAME, DECIDERS
from schemas.aggregates.credential import Credential
from schemas.aggregates.decider import State
from schemas.aggregates.model import Model
from schemas.aggregates.model_list import ModelList
from schemas.aggregates.policy import Policy
from schemas.aggregates.provider import Provider
from schemas.aggregates.route import Route
from schemas.aggregates.tenant import Tenant
from schemas.aggregates.virtual_key import Revoked, VirtualKey
from schemas.codec import decode_segment, open_fact
from schemas.routing.choose import Table, compile_table

_NOTHING: tuple[State, int, int] = (None, 0, 0)
_ROUTED = frozenset({"route", "provider", "model", "model-list"})
"""What a routing table is compiled from; keys, which are many and change often, are no part of it."""


class TenantView:
    """One tenant's configuration, indexed; the routing table is compiled when first asked for after a change."""

    __slots__ = ("_budgets", "_specs", "_table", "id", "worked_out")

    def __init__(self, identifier: str) -> None:
        self.id = identifier
        self._specs: dict[str, dict[str, Any]] = {decider.name: {} for decider in DECIDERS}
        self._table: Table | None = None
        self._budgets: tuple[Budget, ...] | None = None
        self.worked_out: dict[Any, Any] = {}
        """For whoever works something out of this configuration: empty again after every change of it, but of keys."""

    def put(self, aggregate: str, identifier: str, spec: State) -> None:
        if spec is None:
            self._specs[aggregate].pop(identifier, None)
        else:
            self._specs[aggregate][identifier] = spec
        if aggregate != "virtual-key":
            self.worked_out = {}
        if aggregate in _ROUTED:
            self._table = None
        elif aggregate == "budget":
            self._budgets = None

    def specs(self, aggregate: str) -> dict[str, Any]:
        return self._specs[aggregate]

    @property
    def tenant(self) -> Tenant | None:
        found: Tenant | None = self._specs["tenant"].get(self.id)
        return found

    @property
    def enabled(self) -> bool:
        tenant = self.tenant
        return tenant is not None and tenant.enabled

    @property
    def keys(self) -> dict[str, VirtualKey]:
        return self._specs["virtual-key"]

    @property
    def providers(self) -> dict[str, Provider]:
        return self._specs["provider"]

    @property
    def models(self) -> dict[str, Model]:
        return self._specs["model"]

    @property
    def lists(self) -> dict[str, ModelList]:
        """By account."""
        return self._specs["model-list"]

    @property
    def routes(self) -> dict[str, Route]:
        return self._specs["route"]

    @property
    def policies(self) -> dict[str, Policy]:
        return self._specs["policy"]

    @property
    def credentials(self) -> dict[str, Credential]:
        return self._specs["credential"]

    @property
    def budgets(self) -> tuple[Budget, ...]:
        """Enabled budgets in the order of their ids."""
        if self._budgets is None:
            found: dict[str, Budget] = self._specs["budget"]
            self._budgets = tuple(found[name] for name in sorted(found) if found[name].enabled)
        return self._budgets

    @property
    def table(self) -> Table:
        if self._table is None:
            self._table = compile_table(
                self.routes.values(), self.providers.values(), self.models.values(), self.lists.values()
            )
        return self._table

    def policy(self, identifier: str) -> Policy:
        """The policy of that name; the built-in default when there is none."""
        found = self.policies.get(identifier)
        return found if found is not None else Policy(id=identifier, tenant=self.id)


class Changed(msgspec.Struct, frozen=True):
    """What a message of CONFIG touched."""

    aggregate: str
    tenant: str
    id: str


class LiveState:
    """All configuration in force, as of `sequence`. Folding is by subject: a message applied twice changes nothing."""

    def __init__(self, without: Collection[str] = ()) -> None:
        """
        Args:
            without: aggregates that whoever asks has no use for: passed over, and nothing of them is kept.
        """
        self._without = frozenset(without)
        self.tenants: dict[str, TenantView] = {}
        self.keys_by_hash: dict[str, VirtualKey] = {}
        self.revoked_hashes: set[str] = set()
        self.sequence = 0
        self._entries: dict[str, tuple[State, int, int]] = {}
        """By subject: state, version, sequence of the last message."""

    def apply(self, sequence: int, subject: str, payload: bytes) -> Changed | None:
        """Folds one message; None when it was folded before, or is of no use here.

        Raises:
            Malformed: the bytes are not a segment.
        """
        if sequence <= self.sequence:
            return None
        tenant, aggregate, identifier = subjects.parse_config(subject)
        self.sequence = sequence
        decider = BY_NAME.get(aggregate)
        if decider is None or aggregate in self._without:
            # written by a newer version; what is not known here cannot matter here
            return None
        segment = decode_segment(payload)
        before, _, _ = self._entries.get(subject, _NOTHING)
        state = before
        for fact in segment.facts:
            data = open_fact(fact)
            if data is not None:
                state = decider.evolve(state, data)
        self._entries[subject] = (state, segment.number, sequence)
        spec = state if isinstance(state, decider.spec) else None
        view = self.tenants.get(tenant)
        if view is None:
            view = self.tenants[tenant] = TenantView(tenant)
        view.put(aggregate, identifier, spec)
        if aggregate == "virtual-key":
            if isinstance(before, VirtualKey):
                self.keys_by_hash.pop(before.hash, None)
            if isinstance(spec, VirtualKey):
                self.keys_by_hash[spec.hash] = spec
            elif isinstance(state, Revoked):
                self.revoked_hashes.add(state.spec.hash)
        return Changed(aggregate, tenant, identifier)

    def state_of(self, aggregate: str, tenant: str, identifier: str) -> State:
        """The aggregate's folded state, which for a revoked key is not its spec; None when there is nothing."""
        return self._entries.get(subjects.config(tenant, aggregate, identifier), _NOTHING)[0]

    def version_of(self, aggregate: str, tenant: str, identifier: str) -> tuple[int, int]:
        """(version, sequence of the last message) of an aggregate; (0, 0) when there is none."""
        return self._entries.get(subjects.config(tenant, aggregate, identifier), _NOTHING)[1:]

    def all_of(self, aggregate: str, tenant: str | None = None) -> Iterator[Any]:
        """Specs in force, in the order of tenant and id."""
        for name in sorted(self.tenants) if tenant is None else [tenant]:
            view = self.tenants.get(name)
            if view is not None:
                specs = view.specs(aggregate)
                yield from (specs[identifier] for identifier in sorted(specs))
