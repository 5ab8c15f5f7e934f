"""What another configuration would have made of a request that is on the record, and the sum of that. Pure.

Only what the candidate changes is judged: what a rule hit then stands in the facts, so a text has to be read only
where a rule does something under the candidate that did nothing before. An equal configuration changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from schemas.aggregates.budget import Budget
from schemas.aggregates.model import Model, Prices
from schemas.aggregates.policy import Policy
from schemas.aggregates.route import Route
from schemas.errors import NotFound, ProviderUnavailable
from schemas.facts.traffic import ProviderCalled, RequestAccepted, RequestRouted, RequestScreened, Terminal
from schemas.pricing import cost_micros
from schemas.routing.choose import RETRYABLE_STATUSES, Table, candidates, choose, match_route
from schemas.screening.model import TOO_MANY_HITS, Rule, ScreeningPolicy, Verdict, strictness
from schemas.screening.tally import effective_action

STAGES = ("request", "response")
KINDS = ("blocked", "redacted", "flagged", "passed", "rerouted", "refused", "served", "over_budget", "in_budget",
         "over_rate", "in_rate")  # fmt: skip
"""What may be new about a request: the four ends of screening; another model answers; no model is found any more; one
is found where there was none; a budget has no room any more; one has room where it had none; the same of the rate of a
key."""
NO_FACTS, NOT_CAPTURED, ERASED, GONE, UNREADABLE = "no_facts", "not_captured", "erased", "gone", "unreadable"
"""Why a screening cannot be judged: the request's facts are not (or no more) on the log; its body was not kept, its
data key was erased, its object is gone, its bytes are no body."""
_OFF = ScreeningPolicy(enabled=False)
OF_ACTION = {"approve": "passed", "flag": "flagged", "redact": "redacted", "block": "blocked"}
"""The kind of each end of screening."""

Rules = Mapping[str, Rule]
"""By id."""


class Recorded(msgspec.Struct, frozen=True):
    """A request that ended, with what the log says of it."""

    id: str
    tenant: str
    sequence: int
    """Of its terminal fact on TRAFFIC."""
    kind: str
    end: Terminal
    accepted: RequestAccepted | None = None
    screened: Mapping[str, RequestScreened] = {}
    """By stage."""
    routed: RequestRouted | None = None
    calls: tuple[ProviderCalled, ...] = ()
    damaged: bool = False
    """Whether a fact of it could not be read, or is missing."""


class Configuration(msgspec.Struct, frozen=True):
    """One tenant's, as far as it decides about requests."""

    tenant: str
    table: Table
    policies: Mapping[str, Policy]
    models: Mapping[str, Model]
    """All there are, also what is disabled, by `account/name`."""
    budgets: tuple[Budget, ...] = ()
    own: tuple[Rule, ...] = ()
    """The tenant's own rules."""

    def policy(self, identifier: str) -> Policy:
        found = self.policies.get(identifier)
        return found if found is not None else Policy(id=identifier, tenant=self.tenant)

    def prices(self, model: str) -> Prices | None:
        found = self.models.get(model)
        return None if found is None else found.prices


class Shift(msgspec.Struct, frozen=True):
    """What a stage's screening changes from one policy to another."""

    actions: Mapping[str, str]
    """Rule to its new action (empty: none), of those that do something else now."""
    awake: frozenset[str]
    """Rules that did nothing and now do something: what they hit stands nowhere."""
    look: ScreeningPolicy
    """With only those."""
    after: ScreeningPolicy
    again: bool = False
    """Whether the hits on the log do not suffice: other values are allowed now, or what is encoded counts or does not
    count any more."""
    deeper: bool = False
    """Of these, whether there may be hits where there were none."""


class Ways(msgspec.Struct, frozen=True):
    """What two configurations say to a requested model name."""

    before: Configuration
    after: Configuration
    requested: str
    route_before: Route | None
    route_after: Route | None
    same_targets: bool
    """Whether the same would be tried, in the same order, whatever the circuits are."""
    shifts: Mapping[str, Shift]
    """By stage; only stages that change."""


class Outcome(msgspec.Struct, frozen=True):
    action: str
    """The strictest of what was enforced in both directions."""
    rule: str
    model: str
    """`account/name`; empty when no provider was called."""
    cost_micros: int


class Judgement(msgspec.Struct, frozen=True):
    before: Outcome
    after: Outcome
    kinds: tuple[str, ...] = ()
    not_judged: str = ""
    """Why the screening could not be judged; then it is taken to be what it was."""
    cost_known: bool = True
    """False: what an answer that nobody has given would have cost. The cost is then taken to be what it was."""

    @property
    def differs(self) -> bool:
        return bool(self.kinds) or self.before.cost_micros != self.after.cost_micros


def shift(before: ScreeningPolicy, after: ScreeningPolicy, direction: str, rules: Rules) -> Shift | None:
    """None when nothing changes for texts that go this way."""
    actions: dict[str, str] = {}
    awake = set()
    named = rules.keys() | before.overrides.keys() | after.overrides.keys() | before.disabled | after.disabled
    for name in named:
        was, will = (_action(name, direction, policy, rules) for policy in (before, after))
        if was != will and will is not None:
            actions[name] = will
            if name in rules and not was:
                awake.add(name)
    both = before.enabled and after.enabled
    again = both and (before.allowed != after.allowed or before.normalize != after.normalize)
    if not actions and not again:
        return None
    look = msgspec.structs.replace(after, disabled=after.disabled | (rules.keys() - awake))
    deeper = again and after.normalize and not before.normalize
    return Shift(actions, frozenset(awake), look if awake else _OFF, after, again, deeper)


def _action(name: str, direction: str, policy: ScreeningPolicy, rules: Rules) -> str | None:
    """What a rule does under a policy; None for one that there is no more and of which the policy says nothing."""
    if not policy.enabled:
        return ""
    if name in rules:
        return effective_action(rules[name], direction, policy.overrides, policy.disabled)
    if name in policy.disabled:
        return ""
    action = policy.overrides.get(name)
    return "" if action == "approve" else action


def ways(before: Configuration, after: Configuration, requested: str, rules: Rules) -> Ways:
    """For every request with this model name."""
    routes = [match_route(side.table, requested) for side in (before, after)]
    lists = [
        () if route is None else tuple(target.model.id for target in candidates(side.table, route, requested))
        for side, route in zip((before, after), routes, strict=True)
    ]
    attempts = [route.max_attempts if route is not None else 0 for route in routes]
    shifts = {}
    for stage in STAGES:
        was, will = (_screening(side, route, stage) for side, route in zip((before, after), routes, strict=True))
        changed = shift(was, will, stage, rules) if was != will else None
        if changed is not None:
            shifts[stage] = changed
    same = lists[0] == lists[1] and (attempts[0] == attempts[1] or not lists[0])
    return Ways(before, after, requested, routes[0], routes[1], same, shifts)


def _screening(side: Configuration, route: Route | None, stage: str) -> ScreeningPolicy:
    """What is enforced: a look afterwards (placement `observe`) changes nothing for a caller."""
    if route is None or route.placement == "observe":
        return _OFF
    return side.policy(route.policy).screening(stage)


def to_read(recorded: Recorded, way: Ways) -> tuple[str, ...]:
    """The stages whose texts have to be looked at."""
    found = []
    for stage in STAGES:
        if not _took_place(recorded, stage) or way.route_after is None:
            continue
        if _must_look(recorded, way, stage):
            found.append(stage)
            continue
        if _known(recorded, way, stage)[0] == "block":
            break  # whatever the answer was, nobody would have asked for it
    return tuple(found)


def _took_place(recorded: Recorded, stage: str) -> bool:
    if recorded.accepted is None:
        return False
    return (
        stage == "request"
        or stage in recorded.screened
        or recorded.end.body is not None
        or (recorded.kind == "completed")
    )


def _must_look(recorded: Recorded, way: Ways, stage: str) -> bool:
    changed = way.shifts.get(stage)
    if changed is None:
        return False
    said = recorded.screened.get(stage)
    if _looks_at_all(said, changed):
        return True
    return bool(changed.awake) and _known(recorded, way, stage)[0] != "block"


def _looks_at_all(said: RequestScreened | None, changed: Shift) -> bool:
    """Whether the texts have to be held against everything: what is on the log does not say what they hit."""
    if said is None:
        return changed.deeper
    return said.rule == TOO_MANY_HITS or changed.deeper or (changed.again and bool(said.hits or said.allowed))


def _known(recorded: Recorded, way: Ways, stage: str) -> tuple[str, str]:
    """Action and rule that follow from the hits that stand on the log."""
    said, changed = recorded.screened.get(stage), way.shifts.get(stage)
    if said is None:
        return "approve", ""
    if changed is None:
        return said.action, said.rule
    best, rule = "approve", ""
    for hit in said.hits:
        action = changed.actions.get(hit.rule, hit.action) or "approve"
        if strictness(action) > strictness(best):
            best, rule = action, hit.rule
    return best, rule


def look_with(recorded: Recorded, way: Ways, stage: str) -> ScreeningPolicy:
    """The policy to hold a stage's texts against."""
    said, changed = recorded.screened.get(stage), way.shifts[stage]
    return changed.after if _looks_at_all(said, changed) else changed.look


def judge(recorded: Recorded, way: Ways, seen: Mapping[str, Verdict | str], allows: Callable[[str], bool]) -> Judgement:
    """The difference that the candidate makes to one request.

    Args:
        seen: for each stage of `to_read` the verdict on its texts by the policy of `look_with`, or why there is none.
        allows: whether the circuit of an account, by id, let a call through then.
    """
    end = recorded.end
    before = Outcome(*_enforced(recorded), end.model, end.cost_micros)
    if recorded.damaged and (way.shifts or not way.same_targets):
        return Judgement(before, before, (), NO_FACTS)
    if recorded.accepted is None:
        return _never_taken_in(recorded, way, before)
    if way.route_after is None and way.route_before is not None:
        return Judgement(before, Outcome(before.action, before.rule, "", 0), ("refused",))
    not_judged = next((why for why in seen.values() if isinstance(why, str)), "")
    blocked_then = _stage_action(recorded, "request") == "block"
    if not_judged:
        action, rule, blocked_now = before.action, before.rule, blocked_then
    else:
        action, rule, blocked_now = _screened(recorded, way, seen)
    kinds = [OF_ACTION[action]] if OF_ACTION[action] != OF_ACTION[before.action] else []
    if blocked_now:
        # what is refused before it is sent costs nothing
        after = Outcome(action, rule, *((end.model, end.cost_micros) if blocked_then else ("", 0)))
        return Judgement(before, after, tuple(kinds), not_judged)
    # who was refused by a budget stays refused; who was blocked would have gone where nobody has been
    same = end.stage == "reserve" or (way.same_targets and not blocked_then)
    model, kind = (end.model, "") if same else _destination(recorded, way, allows)
    if kind:
        kinds.append(kind)
    cost, certain = (0, True) if kind == "refused" else _cost(recorded, way, model)
    return Judgement(before, Outcome(action, rule, model, cost), tuple(kinds), not_judged, certain)


def _never_taken_in(recorded: Recorded, way: Ways, before: Outcome) -> Judgement:
    """A request that was refused before anything was screened."""
    if recorded.end.code == "model_not_found" and way.route_before is None and way.route_after is not None:
        return Judgement(before, before, ("served",), "", False)
    return Judgement(before, before)


def _stage_action(recorded: Recorded, stage: str) -> str:
    said = recorded.screened.get(stage)
    return said.action if said is not None else "approve"


def _enforced(recorded: Recorded) -> tuple[str, str]:
    best, rule = "approve", ""
    for said in recorded.screened.values():
        if strictness(said.action) > strictness(best):
            best, rule = said.action, said.rule
    return best, rule


def _screened(recorded: Recorded, way: Ways, seen: Mapping[str, Verdict | str]) -> tuple[str, str, bool]:
    """Strictest action, its rule, and whether the request itself is blocked."""
    best, rule = "approve", ""
    for stage in STAGES:
        action, by = _known(recorded, way, stage)
        verdict = seen.get(stage)
        if isinstance(verdict, Verdict):
            changed = way.shifts.get(stage)
            whole = changed is not None and changed.again and _looks_at_all(recorded.screened.get(stage), changed)
            if whole or strictness(verdict.action) > strictness(action):
                action, by = verdict.action, verdict.rule
        if strictness(action) > strictness(best):
            best, rule = action, by
        if stage == "request" and action == "block":
            return best, rule, True
    return best, rule, False


def _destination(recorded: Recorded, way: Ways, allows: Callable[[str], bool]) -> tuple[str, str]:
    """The model that answers (or fails for good) under the candidate, and the kind of the difference."""
    end = recorded.end
    try:
        choice = choose(way.after.table, way.route_after, way.requested, allows)
    except (NotFound, ProviderUnavailable):
        return "", "refused" if end.model else ""
    failed: dict[str, list[ProviderCalled]] = {}
    for call in recorded.calls:
        failed.setdefault(call.model, []).append(call)
    model = ""
    for number in range(choice.route.max_attempts):
        model = choice.targets[number % len(choice.targets)].model.id
        calls = failed.get(model)
        if not calls or not _passes_on(calls.pop(0)):
            break
    if model == end.model:
        return model, ""
    if not end.model:
        # blocked then, or nothing could be tried: the screening's kind says it in the first case
        return model, "served" if end.stage == "route" else ""
    return model, "rerouted"


def _passes_on(call: ProviderCalled) -> bool:
    """Whether another attempt follows a call that ended so."""
    return call.outcome in ("timeout", "connect") or (call.outcome == "status" and call.status in RETRYABLE_STATUSES)


def _cost(recorded: Recorded, way: Ways, model: str) -> tuple[int, bool]:
    """What the recorded usage costs at the candidate's prices, and whether that can be said."""
    end = recorded.end
    if not end.model:
        return end.cost_micros, not model
    was, will = way.before.prices(end.model), way.after.prices(model)
    if model == end.model and was == will:
        return end.cost_micros, True
    if not (end.cost_micros or end.usage.input_tokens or end.usage.output_tokens):
        return 0, model == end.model  # nobody answered; another model might have
    if cost_micros(was, end.usage) != end.cost_micros:
        return end.cost_micros, False  # what had been set aside was billed: that follows no price
    return cost_micros(will, end.usage), True
