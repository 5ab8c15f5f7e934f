"""A tenant's own rule before it is accepted."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pytest

from ingress.admin.proving import Proving
from projections.live.state import LiveState, TenantView
from schemas.aggregates.rule import MOST_RULES
from schemas.aggregates.tenant import Tenant
from schemas.errors import InvalidRequest
from schemas.screening.model import Rule
from tests.unit.schemas.aggregates.test_rule import BADGE


@pytest.fixture
def state() -> LiveState:
    live = LiveState()
    live.tenants["a"] = TenantView("a")
    return live


async def fits(rule: Rule, others: Sequence[Rule]) -> list[str]:
    return []


async def fails(rule: Rule, others: Sequence[Rule]) -> list[str]:
    return ["hit 2 is not found"]


async def test_a_rule_is_tried_beside_the_others_that_are_in_force(state: LiveState) -> None:
    seen: list[list[str]] = []

    async def note(rule: Rule, others: Sequence[Rule]) -> list[str]:
        seen.append([rule.id, *(each.id for each in others)])
        return []

    for name, enabled in (("one", True), ("two", False)):
        other = msgspec.structs.replace(BADGE, id=f"secret.{name}", enabled=enabled)
        state.tenants["a"].put("rule", other.id, other)
    await Proving(note, state, ()).check(BADGE)
    assert seen == [["secret.acme-badge", "secret.one"]]


async def test_the_example_that_fails_is_named(state: LiveState) -> None:
    with pytest.raises(InvalidRequest, match="hit 2 is not found") as caught:
        await Proving(fails, state, ()).check(BADGE)
    assert caught.value.param == "hits"


async def test_the_id_of_a_rule_that_comes_with_nexus_is_taken(state: LiveState) -> None:
    with pytest.raises(InvalidRequest, match="comes with Nexus"):
        await Proving(fits, state, {BADGE.id}).check(BADGE)


async def test_there_is_an_end_to_rules(state: LiveState) -> None:
    for number in range(MOST_RULES):
        other = msgspec.structs.replace(BADGE, id=f"secret.number-{number}")
        state.tenants["a"].put("rule", other.id, other)
    with pytest.raises(InvalidRequest, match="delete one first"):
        await Proving(fits, state, ()).check(BADGE)


async def test_what_is_in_force_already_and_what_is_no_rule_is_not_tried(state: LiveState) -> None:
    state.tenants["a"].put("rule", BADGE.id, BADGE)
    await Proving(fails, state, ()).check(BADGE)
    await Proving(fails, state, ()).check(Tenant(id="a", name="A"))
