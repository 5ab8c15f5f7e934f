"""What holds for every aggregate that is created, changed as a whole and removed, and for every fold."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given as for_any
from hypothesis import strategies as st
from msgspec import inspect

from schemas.aggregates import virtual_key
from schemas.aggregates.catalogue import BY_COLLECTION, BY_NAME, DECIDERS
from schemas.aggregates.decider import Change, Command, Create, Decider, Put, Remove, fold, problems_of_id
from schemas.errors import Conflict, InvalidRequest, NexusError, NotFound
from tests.golden.specs import (
    BUDGET,
    CREDENTIAL,
    HOLD,
    KILL,
    MODEL,
    MODEL_LIST,
    PACK,
    PASSTHROUGH,
    POLICY,
    PROVIDER,
    RETENTION,
    ROUTE,
    RULE,
    SIEM_TARGET,
    TENANT,
)
from tests.unit.schemas.aggregates.given import Story
from tests.unit.schemas.strategies import of_type

VALID: dict[str, Any] = {
    "tenant": TENANT,
    "credential": CREDENTIAL,
    "provider": msgspec.structs.replace(PROVIDER, http2=False),
    "model": MODEL,
    "model-list": MODEL_LIST,
    "policy": msgspec.structs.replace(POLICY, hooks=()),
    "route": msgspec.structs.replace(ROUTE, capture=True),
    "budget": BUDGET,
    "siem-target": SIEM_TARGET,
    "hold": HOLD,
    "retention": RETENTION,
    "kill": KILL,
    "passthrough": PASSTHROUGH,
    "rule": msgspec.structs.replace(RULE, hits=RULE.hits * 3, misses=RULE.misses * 3),
    "pack": PACK,
}
"""A spec of each that nothing is wrong with."""
OTHER: dict[str, dict[str, Any]] = {
    "tenant": {"name": "Other"},
    "credential": {"description": "other"},
    "provider": {"max_connections": 9},
    "model": {"context_tokens": 9},
    "model-list": {"failed": ""},
    "policy": {"disabled": ()},
    "route": {"priority": 9},
    "budget": {"limit_micros": 9},
    "siem-target": {"url": "http://other.example.com/"},
    "hold": {"reason": "other"},
    "retention": {"bodies_days": 7},
    "kill": {"reason": "other"},
    "passthrough": {"minutes": 9},
    "rule": {"title": "other"},
    "pack": {"version": "other"},
}
"""A change of each that is allowed."""
USUAL = [BY_NAME[name] for name in VALID]


def names(decider: Decider) -> str:
    return decider.name


def other(decider: Decider) -> msgspec.Struct:
    changed: msgspec.Struct = msgspec.structs.replace(VALID[decider.name], **OTHER[decider.name])
    return changed


def test_the_table_has_every_aggregate_but_the_special_one() -> None:
    assert {*VALID, "virtual-key"} == set(BY_NAME)
    # nobody writes these two by hand
    assert {decider.collection for decider in DECIDERS} == {*BY_COLLECTION, "model-lists", "packs"}
    assert len(BY_NAME) == len(BY_COLLECTION) + 2 == len(DECIDERS)


@pytest.mark.parametrize("decider", USUAL, ids=names)
def test_a_whole_life(decider: Decider) -> None:
    created, changed, removed = decider.facts
    spec, new = VALID[decider.name], other(decider)
    story = Story(decider, ()).when(Create(spec)).then(created(spec))
    assert story.state() == spec
    story = story.when(Create(new)).then_refused(Conflict, "exists already")
    story = story.when(Change(new)).then(changed(new))
    assert story.state() == new
    story = story.when(Put(spec)).then(changed(spec))
    story = story.when(Remove("not needed")).then(removed("not needed"))
    assert story.state() is None
    story = story.when(Remove()).then_refused(NotFound, "does not exist")
    story = story.when(Change(spec)).then_refused(NotFound, "does not exist")
    assert story.when(Put(new)).then(created(new)).state() == new


@pytest.mark.parametrize("decider", USUAL, ids=names)
def test_an_equal_spec_changes_nothing(decider: Decider) -> None:
    spec = VALID[decider.name]
    story = Story(decider, (decider.facts[0](spec),))
    equal = msgspec.convert(msgspec.to_builtins(spec), decider.spec)
    assert equal is not spec
    story.when(Change(equal)).then()
    story.when(Put(equal)).then()


@pytest.mark.parametrize(
    ("decider", "field"),
    [
        (decider, field)
        for decider in USUAL
        for field in ("id", "tenant", "subject")
        if hasattr(VALID[decider.name], field)
    ],
)
def test_who_it_is_cannot_change(decider: Decider, field: str) -> None:
    spec = VALID[decider.name]
    story = Story(decider, (decider.facts[0](spec),))
    moved = msgspec.structs.replace(spec, **{field: "elsewhere/x" if decider.name == "model" else "elsewhere"})
    for command in (Change(moved), Put(moved)):
        story.when(command).then_refused(InvalidRequest, field, "cannot be changed")


@pytest.mark.parametrize("decider", USUAL, ids=names)
def test_a_bad_id_is_refused_by_every_command_that_brings_one(decider: Decider) -> None:
    bad = msgspec.structs.replace(VALID[decider.name], id="Über uns")
    for command in (Create(bad), Put(bad)):
        Story(decider, ()).when(command).then_refused(InvalidRequest, decider.name.replace("-", " "), "id")


@pytest.mark.parametrize("identifier", ["a", "0", "a.b_c-d", "x" * 63])
def test_good_ids(identifier: str) -> None:
    assert problems_of_id(identifier) == []


@pytest.mark.parametrize("identifier", ["", "-a", ".a", "A", "a b", "a/b", "x" * 64, "a\n", "ä"])
def test_bad_ids(identifier: str) -> None:
    assert len(problems_of_id(identifier)) == 1


def history(decider: Decider) -> st.SearchStrategy[list[msgspec.Struct]]:
    """Facts of one aggregate in any order, likely or not."""
    return st.lists(st.sampled_from(decider.facts).flatmap(lambda fact: of_type(inspect.type_info(fact))), max_size=6)


@pytest.mark.parametrize("decider", DECIDERS, ids=names)
@for_any(draw=st.data())
def test_folding_all_is_folding_the_parts(decider: Decider, draw: st.DataObject) -> None:
    facts = draw.draw(history(decider))
    cut = draw.draw(st.integers(0, len(facts)))
    assert fold(decider, facts) == fold(decider, facts[cut:], fold(decider, facts[:cut]))


@pytest.mark.parametrize("decider", DECIDERS, ids=names)
@for_any(draw=st.data())
def test_what_was_decided_is_in_force_after_its_facts(decider: Decider, draw: st.DataObject) -> None:
    state = fold(decider, draw.draw(history(decider)))
    spec = draw.draw(of_type(inspect.type_info(decider.spec)))
    commands: list[Command] = [Create(spec), Change(spec), Put(spec)]
    command = draw.draw(st.sampled_from(commands))
    try:
        facts = decider.decide(command, state)
    except NexusError:
        return
    after = fold(decider, facts, state)
    assert after == spec
    assert decider.decide(Put(spec), after) == ()


@pytest.mark.parametrize("decider", DECIDERS, ids=names)
def test_a_command_that_is_sent_twice_happens_once(decider: Decider) -> None:
    spec = VALID.get(decider.name) or virtual_key.VirtualKey(id="k", tenant="t", hash="0" * 64, prefix="nvk_00000000")
    once = decider.decide(Put(spec), None)
    assert len(once) == 1
    assert decider.decide(Put(spec), fold(decider, once)) == ()
