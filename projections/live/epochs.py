"""The configuration at any position of CONFIG, beside what it would have been with a candidate in it."""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from projections.live.state import LiveState
from projections.log.connection import LogConnection
from projections.log.reader import Message, StreamReader
from projections.screening.tenants import rules_of
from schemas.aggregates.model import Prices
from schemas.aggregates.route import Route
from schemas.codec import Malformed
from schemas.routing.choose import compile_table
from schemas.whatif import Configuration, Rules, Ways, ways

_DECIDES = frozenset({"route", "provider", "model", "model-list", "policy", "budget", "rule"})
"""What decides about a request once its key is good."""
_SETTINGS = 64
_NAMES = 1_024
"""Model names for which the ways are kept: callers may write what they like."""

Candidate = Mapping[tuple[str, str, str], Any]
"""(aggregate, tenant, id) to the spec that stands in its place; ("prices", tenant, model) to prices, ("rate", tenant,
key) to requests per minute."""


class Setting:
    """One tenant's configuration at one time, and the same with the candidate."""

    def __init__(self, before: Configuration, after: Configuration, rules: Rules) -> None:
        self.before = before
        self.after = after
        self._rules = rules
        self._ways: OrderedDict[str, Ways] = OrderedDict()

    def ways(self, requested: str) -> Ways:
        found = self._ways.get(requested)
        if found is None:
            found = self._ways[requested] = ways(self.before, self.after, requested, self._rules)
            if len(self._ways) > _NAMES:
                self._ways.popitem(last=False)
        return found


class _Version(msgspec.Struct, frozen=True):
    sequence: int
    time_us: int
    aggregate: str
    id: str
    spec: Any


class _Rate(NamedTuple):
    sequence: int
    time_us: int
    per_minute: int


class Versions:
    """Every version of what decides about requests: few, for it is changed by hand. Of keys only their rates."""

    def __init__(self) -> None:
        self.state = LiveState()
        """As of the last message."""
        self.unreadable: list[int] = []
        """Messages that say nothing."""
        self.of: dict[str, list[_Version]] = {}
        """By tenant."""
        self.rates: dict[tuple[str, str], list[_Rate]] = {}
        """By tenant and key, of those that ever had one."""

    def apply(self, message: Message) -> None:
        """Folds one message of CONFIG."""
        try:
            changed = self.state.apply(message.sequence, message.subject, message.payload)
        except (Malformed, ValueError):
            self.unreadable.append(message.sequence)
            return
        if changed is not None and changed.aggregate in _DECIDES:
            spec = self.state.tenants[changed.tenant].specs(changed.aggregate).get(changed.id)
            version = _Version(message.sequence, message.time_us, changed.aggregate, changed.id, spec)
            self.of.setdefault(changed.tenant, []).append(version)
        elif changed is not None and changed.aggregate == "virtual-key":
            key = self.state.tenants[changed.tenant].keys.get(changed.id)
            per_minute = key.requests_per_minute if key is not None else 0
            known = self.rates.get((changed.tenant, changed.id), ())
            if per_minute != (known[-1].per_minute if known else 0):
                rate = _Rate(message.sequence, message.time_us, per_minute)
                self.rates.setdefault((changed.tenant, changed.id), []).append(rate)


async def versions(connection: LogConnection) -> Versions:
    """All of CONFIG.

    Raises:
        NotFound: the stream does not exist.
        Unavailable: the log does not answer.
    """
    found = Versions()
    async for batch in StreamReader(connection, "CONFIG").batches(follow=False):
        for message in batch:
            found.apply(message)
    return found


class Epochs:
    """What was in force for whom and when, as it was and with the candidate."""

    def __init__(self, candidate: Candidate, rules: Rules, configuration: Versions) -> None:
        self._candidate = candidate
        self._rules = rules
        self._versions = configuration.of
        self._rates = configuration.rates
        self._now = configuration.state
        self._settings: OrderedDict[tuple[str, int], Setting] = OrderedDict()

    def at(self, tenant: str, sequence: int, time_us: int) -> Setting:
        """What was in force for a tenant.

        Args:
            sequence: the position of CONFIG that was decided with; 0 when it is not known.
            time_us: of the log; counts when there is no position.
        """
        versions = self._versions.get(tenant, [])
        if sequence:
            number = bisect_right(versions, sequence, key=lambda version: version.sequence)
        else:
            number = bisect_right(versions, time_us, key=lambda version: version.time_us)
        found = self._settings.get((tenant, number))
        if found is None:
            found = self._settings[tenant, number] = self._setting(tenant, versions[:number])
            if len(self._settings) > _SETTINGS:
                self._settings.popitem(last=False)
        else:
            self._settings.move_to_end((tenant, number))
        return found

    def rate(self, tenant: str, key: str, sequence: int, time_us: int) -> tuple[int, int]:
        """Requests per minute of a key as they were, and with the candidate; 0 for no limit. Arguments as of `at`."""
        rates = self._rates.get((tenant, key), [])
        if sequence:
            number = bisect_right(rates, sequence, key=lambda rate: rate.sequence)
        else:
            number = bisect_right(rates, time_us, key=lambda rate: rate.time_us)
        before = rates[number - 1].per_minute if number else 0
        return before, self._candidate.get(("rate", tenant, key), before)

    def _setting(self, tenant: str, versions: list[_Version]) -> Setting:
        specs: dict[str, dict[str, Any]] = {name: {} for name in _DECIDES}
        for version in versions:
            if version.spec is None:
                specs[version.aggregate].pop(version.id, None)
            else:
                specs[version.aggregate][version.id] = version.spec
        before = _configuration(tenant, specs)
        for (aggregate, of, identifier), spec in self._candidate.items():
            if of != tenant or aggregate == "rate":
                continue
            if isinstance(spec, Prices):
                # prices of a model that did not exist yet change nothing
                model = specs["model"].get(identifier) or before.table.models.get(identifier)
                if model is not None:
                    specs["model"][identifier] = msgspec.structs.replace(model, prices=spec)
            else:
                specs[aggregate][identifier] = spec
                if isinstance(spec, Route):
                    self._complete(spec, specs)
        rules = {**self._rules, **{rule.id: rule for rule in before.own}} if before.own else self._rules
        return Setting(before, _configuration(tenant, specs), rules)

    def _complete(self, route: Route, specs: dict[str, dict[str, Any]]) -> None:
        """A candidate may lead where nothing was at that time: there it finds what is now."""
        now = self._now.tenants.get(route.tenant)
        if now is None:
            return
        if (policy := now.policies.get(route.policy)) is not None:
            specs["policy"].setdefault(route.policy, policy)
        for target in route.targets:
            if target.account in specs["provider"] or target.account not in now.providers:
                continue
            specs["provider"][target.account] = now.providers[target.account]
            if (told := now.lists.get(target.account)) is not None:
                specs["model-list"].setdefault(target.account, told)
            for identifier, model in now.models.items():
                if model.account == target.account:
                    specs["model"].setdefault(identifier, model)


def _configuration(tenant: str, specs: Mapping[str, Mapping[str, Any]]) -> Configuration:
    table = compile_table(
        specs["route"].values(), specs["provider"].values(), specs["model"].values(), specs["model-list"].values()
    )
    return Configuration(
        tenant,
        table,
        dict(specs["policy"]),
        {**table.models, **specs["model"]},
        tuple(specs["budget"].values()),
        rules_of(specs["rule"].values()),
    )
