"""The configuration of any moment, beside itself with a candidate."""

from __future__ import annotations

from typing import Any

import msgspec

from projections.live.epochs import Epochs, Versions
from projections.live.health import PastHealth
from projections.log.reader import Message
from schemas import codec, subjects
from schemas.aggregates.catalogue import BY_NAME
from schemas.aggregates.decider import Put, Remove
from schemas.aggregates.model import Model, Prices
from schemas.aggregates.model_list import Listed, ModelList
from schemas.aggregates.policy import Policy
from schemas.aggregates.provider import Provider
from schemas.aggregates.route import Route, Target
from schemas.envelope import GENESIS
from tests.golden.specs import RULE

OLD, NEW = Prices(input=1, output=2), Prices(input=3, output=4)


class Log:
    """CONFIG as it grows, a message a second."""

    def __init__(self) -> None:
        self.versions = Versions()
        self.sequence = 0

    def put(self, aggregate: str, spec: Any) -> int:
        return self._add(aggregate, spec.id, Put(spec))

    def remove(self, aggregate: str, identifier: str) -> int:
        return self._add(aggregate, identifier, Remove())

    def _add(self, aggregate: str, identifier: str, command: Any) -> int:
        self.sequence += 1
        decider = BY_NAME[aggregate]
        state = self.versions.state.state_of(aggregate, "t", identifier)
        facts = [
            codec.encode_fact(codec.fact(data, id="f", time=1, tenant="t", actor="a", correlation="c"))
            for data in decider.decide(command, state)
        ]
        subject = subjects.config("t", aggregate, identifier)
        payload = codec.encode_segment(subject, "w", "b", 1, GENESIS, facts)
        self.versions.apply(Message("CONFIG", self.sequence, subject, payload, self.sequence * 1_000_000, ""))
        return self.sequence


def filled() -> Log:
    log = Log()
    log.put("provider", Provider(id="one", tenant="t", base_url="http://h"))
    log.put("model", Model(id="one/m", tenant="t", prices=OLD))
    log.put("route", Route(id="r", tenant="t"))
    return log


def test_each_moment_has_its_own_and_the_candidate_stands_in_each() -> None:
    log = filled()
    strict = log.put("policy", Policy(id="default", tenant="t", disabled=("a.b",)))
    gone = log.remove("route", "r")
    candidate = {("policy", "t", "default"): Policy(id="default", tenant="t", screen_requests=False)}
    epochs = Epochs(candidate, {}, log.versions)
    for at, disabled, routed in ((strict - 1, (), True), (strict, ("a.b",), True), (gone, ("a.b",), False)):
        setting = epochs.at("t", at, 0)
        assert setting.before.policy("default").disabled == disabled
        assert not setting.after.policy("default").screen_requests
        assert (setting.ways("m").route_before is not None) == routed
        assert epochs.at("t", 0, at * 1_000_000 + 5).before.policy("default").disabled == disabled
    assert epochs.at("nobody", 1, 0).ways("m").route_after is None
    assert epochs.at("t", gone + 100, 0) is epochs.at("t", gone, 0)


def test_a_tenants_own_rules_are_those_of_the_moment() -> None:
    log = filled()
    before = log.sequence
    ticket = msgspec.structs.replace(
        RULE, tenant="t", action="flag", enabled=True, hits=RULE.hits[:1] * 3, misses=RULE.misses[:1] * 3
    )
    there = log.put("rule", ticket)
    gone = log.remove("rule", ticket.id)
    candidate = {("policy", "t", "default"): Policy(id="default", tenant="t", overrides={"custom": "block"})}
    epochs = Epochs(candidate, {}, log.versions)
    for at, actions in ((before, None), (there, {ticket.id: "block"}), (gone, None)):
        setting = epochs.at("t", at, 0)
        assert [rule.id for rule in setting.before.own] == ([ticket.id] if actions else [])
        shift = setting.ways("m").shifts.get("request")
        found = {} if shift is None else {name: how for name, how in shift.actions.items() if name == ticket.id}
        assert (found or None) == actions


def test_prices_take_the_place_of_a_models_own_and_of_nothing_else() -> None:
    log = filled()
    epochs = Epochs({("prices", "t", "one/m"): NEW, ("prices", "t", "one/later"): NEW}, {}, log.versions)
    setting = epochs.at("t", log.sequence, 0)
    assert (setting.before.prices("one/m"), setting.after.prices("one/m")) == (OLD, NEW)
    assert setting.after.prices("one/later") is None
    assert setting.ways("m").same_targets


def test_what_a_provider_lists_counts_from_when_it_was_told_and_may_get_other_prices() -> None:
    log = filled()
    before = log.sequence
    listed = (Listed(name="m", prices=NEW), Listed(name="n", prices=OLD))
    log.put("model-list", ModelList(id="one", tenant="t", wire="openai", models=listed))
    epochs = Epochs({("prices", "t", "one/n"): NEW}, {}, log.versions)
    assert epochs.at("t", before, 0).before.prices("one/n") is None
    setting = epochs.at("t", log.sequence, 0)
    assert (setting.before.prices("one/n"), setting.after.prices("one/n")) == (OLD, NEW)
    # the configured one's
    assert setting.before.prices("one/m") == OLD


def test_a_candidate_route_finds_what_came_later() -> None:
    log = filled()
    before = log.sequence
    log.put("provider", Provider(id="two", tenant="t", base_url="http://h"))
    log.put("model", Model(id="two/m", tenant="t", prices=NEW))
    log.put("policy", Policy(id="later", tenant="t", disabled=("a.b",)))
    route = Route(id="r", tenant="t", targets=(Target("two"),), policy="later")
    way = Epochs({("route", "t", "r"): route}, {}, log.versions).at("t", before, 0).ways("m")
    assert not way.same_targets and way.after.prices("two/m") == NEW and way.before.prices("two/m") is None
    assert way.after.policy("later").disabled == ("a.b",)


def test_what_says_nothing_is_told() -> None:
    log = filled()
    log.versions.apply(Message("CONFIG", 99, subjects.config("t", "route", "r"), b"no segment", 1, ""))
    assert log.versions.unreadable == [99]


def test_circuits_are_open_from_when_they_opened_until_their_pause_is_over_or_they_close() -> None:
    health = PastHealth()
    health.note("t", "one", 100, 200)
    health.note("t", "one", 150, 0)
    health.note("t", "one", 300, 400)
    asked = {at: health.allows("t", "one", at) for at in (99, 100, 149, 150, 299, 300, 399, 400)}
    assert asked == {99: True, 100: False, 149: False, 150: True, 299: True, 300: False, 399: False, 400: True}
    assert health.allows("t", "two", 100) and health.allows("u", "one", 100)
    assert health.facts == 3
