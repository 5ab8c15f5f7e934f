"""What a request may go to: worked out once while all is well, and anew while any account is in trouble."""

from __future__ import annotations

import msgspec
import pytest

from ingress.codecs.asked import Asked
from ingress.codecs.openai_chat import parse_request
from ingress.gateway.authenticate import Caller
from ingress.gateway.circuits import Circuits
from ingress.gateway.plan import make_plan, settle_on
from projections.live.state import TenantView
from schemas.aggregates.model import Model
from schemas.aggregates.provider import Provider
from schemas.aggregates.route import Route
from schemas.aggregates.virtual_key import VirtualKey
from schemas.errors import ProviderUnavailable


def _caller() -> Caller:
    view = TenantView("t")
    for account in ("a", "b"):
        view.put("provider", account, Provider(id=account, tenant="t", base_url="http://h/v1"))
        view.put("model", f"{account}/m", Model(id=f"{account}/m", tenant="t"))
    view.put("route", "r", Route(id="r", tenant="t", strategy="failover"))
    return Caller(VirtualKey(id="k", tenant="t", hash="", prefix=""), view)


def _asked(model: str = "m") -> Asked:
    return parse_request(msgspec.json.encode({"model": model, "messages": [{"role": "user", "content": "hi"}]}))


def _targets(caller: Caller, request: Asked, circuits: Circuits) -> list[str]:
    return [each.provider.id for each in settle_on(caller, make_plan(caller, request), request, circuits).targets]


def _fail(circuits: Circuits, account: str, times: int = 50) -> None:
    for _ in range(times):
        circuits.ended("t", account, "status", 503)


def test_an_account_in_trouble_is_left_alone_at_once_and_tried_again_when_it_is_well() -> None:
    now = 1.0
    caller, circuits, request = _caller(), Circuits(lambda: now), _asked()
    assert _targets(caller, request, circuits) == ["a", "b"]
    _fail(circuits, "a")
    assert _targets(caller, request, circuits) == ["b"]
    now += 3_600.0
    assert _targets(caller, request, circuits) == ["a", "b"]
    for _ in range(50):
        circuits.started("t", "a")
        circuits.ended("t", "a", "ok", 200)
    assert circuits.calm and _targets(caller, request, circuits) == ["a", "b"]


def test_what_was_left_of_a_choice_in_trouble_is_not_kept() -> None:
    caller, circuits, request = _caller(), Circuits(lambda: 1.0), _asked()
    _fail(circuits, "a")
    assert _targets(caller, request, circuits) == ["b"]
    assert _targets(caller, request, Circuits(lambda: 1.0)) == ["a", "b"]


def test_nothing_is_left_when_all_are_in_trouble_whatever_was_kept() -> None:
    caller, circuits, request = _caller(), Circuits(lambda: 1.0), _asked("a/m")
    assert _targets(caller, request, circuits) == ["a"]
    _fail(circuits, "a")
    with pytest.raises(ProviderUnavailable):
        _targets(caller, request, circuits)


def test_another_kind_of_operation_has_a_choice_of_its_own() -> None:
    caller, circuits = _caller(), Circuits(lambda: 1.0)
    request = _asked()
    plan = make_plan(caller, request)
    first = settle_on(caller, plan, request, circuits)
    assert settle_on(caller, plan, request, circuits) is first
    assert list(plan.choices) == [("chat", "openai_chat")]


def test_a_change_of_the_configuration_forgets_choices() -> None:
    caller, circuits, request = _caller(), Circuits(lambda: 1.0), _asked()
    assert _targets(caller, request, circuits) == ["a", "b"]
    caller.tenant.put("provider", "a", Provider(id="a", tenant="t", base_url="http://h/v1", enabled=False))
    assert _targets(caller, request, circuits) == ["b"]
