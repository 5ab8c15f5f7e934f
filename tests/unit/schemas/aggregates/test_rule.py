"""A tenant's own rule, given what happened before, and a pack that is named."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from schemas.aggregates import pack, rule
from schemas.aggregates.decider import Change, Create, Put, Remove
from schemas.aggregates.pack import Pack, PackChanged, PackCreated, pack_id
from schemas.aggregates.rule import CustomRule, RuleChanged, RuleCreated, RuleRemoved
from schemas.errors import InvalidRequest
from tests.unit.schemas.aggregates.given import stories_of

given = stories_of(rule.DECIDER)
BADGE = CustomRule(
    id="secret.acme-badge",
    tenant="a",
    title="Number of a badge",
    patterns=("ACME-[0-9]{6}",),
    hits=("ACME-104729", "ACME-000001", "ACME-999999"),
    misses=("ACME-1", "ACME", "104729"),
)


def changed(**fields: Any) -> CustomRule:
    return msgspec.structs.replace(BADGE, **fields)


def test_a_rule_comes_changes_and_goes() -> None:
    stricter = changed(action="block")
    after = given().when(Create(BADGE)).then(RuleCreated(BADGE))
    after.when(Put(BADGE)).then()
    after.when(Change(stricter)).then(RuleChanged(stricter)).when(Remove("old")).then(RuleRemoved("old"))


def test_it_is_a_rule_of_the_pack_custom_and_of_the_category_of_its_id() -> None:
    made = BADGE.rule()
    assert (made.id, made.category, made.pack, made.action) == ("secret.acme-badge", "secret", "custom", "flag")


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"patterns": ("a+",)}, "no upper bound"),
        ({"patterns": ("(a|b)c",)}, "only"),
        ({"patterns": ("ab",) * 17}, "patterns must be at most 16"),
        ({"patterns": ("a" * 401,)}, "of at most 400 characters"),
        ({"flags": "words"}, "words is for rules that come with Nexus"),
        ({"validator": "exec"}, "validator 'exec' does not exist"),
        ({"hits": ("ACME-104729",)}, "at least 3 hits"),
        ({"misses": ("no",) * 51}, "misses must be at most 50"),
        ({"title": "t" * 201}, "title must have at most"),
        ({"action": "delete"}, "action must be one of"),
    ],
)
def test_what_is_out_of_bounds_is_refused(fields: dict[str, Any], problem: str) -> None:
    with pytest.raises(InvalidRequest, match=problem):
        rule.DECIDER.decide(Create(changed(**fields)), None)


PACK = Pack(id=pack_id("custom", "2eccf1a0"), tenant="a", version="v1", rules=1, size=9, sha256="ab" * 32, platform="h")


def test_a_pack_is_named_once_for_each_version() -> None:
    newer = msgspec.structs.replace(PACK, version="v2")
    after = stories_of(pack.DECIDER)().when(Put(PACK)).then(PackCreated(PACK))
    after.when(Put(PACK)).then()
    after.when(Put(newer)).then(PackChanged(newer))


@pytest.mark.parametrize("fields", [{"sha256": "x"}, {"size": 0}, {"size": 1 << 30}, {"version": ""}, {"rules": 0}])
def test_a_pack_that_nobody_could_check_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest):
        pack.DECIDER.decide(Put(msgspec.structs.replace(PACK, **fields)), None)
