"""What an emergency passthrough leaves of a request's policy."""

from __future__ import annotations

from ingress.gateway.plan import Plan, around
from schemas.aggregates.policy import Policy
from schemas.aggregates.route import Route
from schemas.switches import Bypass

PLAN = Plan(Route(id="r", tenant="t"), Policy(id="p", tenant="t"))


def left(*names: str) -> Policy:
    return around(PLAN, Bypass(frozenset(names), ("p1",))).policy


def test_rules_read_texts_as_they_came_around_normalize() -> None:
    assert left("normalize").screening("request").normalize is False
    assert left("normalize").screening("response").enabled is True


def test_nothing_is_looked_at_around_hooks() -> None:
    assert left("hooks", "normalize").screening("request").enabled is False


def test_there_is_no_cache_to_go_around() -> None:
    assert around(PLAN, Bypass(frozenset({"cache"}), ("p1",))) is PLAN
