"""What a caller is told whose model there is not: the likeliest that it may use, and never another's."""

from __future__ import annotations

import pytest

from ingress.gateway.authenticate import Caller
from ingress.gateway.plan import Plan, choose_for
from projections.live.state import TenantView
from schemas.aggregates.model import Model
from schemas.aggregates.policy import Policy
from schemas.aggregates.provider import Provider
from schemas.aggregates.route import Route
from schemas.aggregates.virtual_key import VirtualKey
from schemas.errors import NotFound


def caller(*models: str) -> Caller:
    view = TenantView("t")
    view.put("provider", "a", Provider(id="a", tenant="t", base_url="http://h/v1"))
    view.put("route", "r", Route(id="r", tenant="t"))
    for name in ("gpt-4o", "gpt-4o-mini", "claude-sonnet"):
        view.put("model", f"a/{name}", Model(id=f"a/{name}", tenant="t"))
    return Caller(VirtualKey(id="k", tenant="t", hash="", prefix="", models=models), view)


def told(who: Caller, name: str) -> str:
    plan = Plan(Route(id="r", tenant="t"), Policy(id="default", tenant="t"))
    with pytest.raises(NotFound) as caught:
        choose_for(who, plan, name, lambda account: True)
    return str(caught.value)


def test_the_likeliest_are_named() -> None:
    assert "Did you mean `gpt-4o`" in told(caller(), "gpt4o")
    assert "`claude-sonnet`" in told(caller(), "claude-sonet")
    assert "`a/gpt-4o-mini`" in told(caller(), "a/gpt-4o-mni")


def test_what_is_like_nothing_gets_no_advice() -> None:
    assert "Did you mean" not in told(caller(), "zzzzzz")


def test_a_model_that_the_key_may_not_use_is_not_named() -> None:
    assert "mini" not in told(caller("gpt-4o", "gpt-4o-*x"), "gpt-4o-minx")
