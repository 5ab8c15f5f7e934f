"""Candidate files: the shapes that are read, and what is said of those that are not."""

from __future__ import annotations

from pathlib import Path

import pytest

from ops.cli.candidate import read_candidate, resolve
from ops.cli.configuration import BadFile
from ops.cli.exits import Misused
from projections.live.state import LiveState, TenantView
from schemas.aggregates.model import Model, Prices
from schemas.aggregates.policy import Policy
from schemas.aggregates.provider import Provider
from schemas.aggregates.route import Route, Target
from schemas.aggregates.tenant import Tenant

RULES = {"email.address", "payment-card.number"}
POLICY = 'overrides = { "email.address" = "block" }\n'


def state(*tenants: str) -> LiveState:
    made = LiveState()
    for name in tenants:
        view = made.tenants[name] = TenantView(name)
        view.put("tenant", name, Tenant(id=name))
        view.put("provider", "one", Provider(id="one", tenant=name, base_url="http://h"))
        view.put("model", "one/m", Model(id="one/m", tenant=name))
    return made


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "candidate"
    path.write_text(text)
    return path


def read(tmp_path: Path, option: str, text: str, tenant: str = "", in_force: LiveState | None = None) -> object:
    found = read_candidate([(option, written(tmp_path, text))])
    return resolve(found, tenant, in_force or state("t"), RULES)


@pytest.mark.parametrize(
    "text",
    [
        f'id = "p"\n{POLICY}',
        f'[[policies]]\nid = "p"\n{POLICY}',
        f'[[policies]]\nid = "p"\ntenant = "t"\n{POLICY}',
        '{"id": "p", "overrides": {"email.address": "block"}}',
        ' {"policies": [{"id": "p", "overrides": {"email.address": "block"}}]}',
    ],
)
def test_the_same_policy_in_every_shape(tmp_path: Path, text: str) -> None:
    spec = Policy(id="p", tenant="t", overrides={"email.address": "block"})
    assert read(tmp_path, "policy", text) == {("policy", "t", "p"): spec}


def test_values_that_are_let_pass_are_so_under_a_file_that_does_not_speak_of_them(tmp_path: Path) -> None:
    in_force = state("t")
    in_force.tenants["t"].put("policy", "p", Policy(id="p", tenant="t", allowed=("ab" * 32,)))
    for text, allowed in ((POLICY, ("ab" * 32,)), (f"allowed = []\n{POLICY}", ())):
        spec = Policy(id="p", tenant="t", overrides={"email.address": "block"}, allowed=allowed)
        assert read(tmp_path, "policy", f'id = "p"\n{text}', in_force=in_force) == {("policy", "t", "p"): spec}


def test_routes_and_prices(tmp_path: Path) -> None:
    spec = Route(id="r", tenant="t", targets=(Target("one", "m"),))
    text = 'id = "r"\ntargets = [{ account = "one", model = "m" }]'
    assert read(tmp_path, "route", text) == {("route", "t", "r"): spec}
    text = '[[models]]\nid = "one/m"\nprices = { input = 1, output = 2 }'
    assert read(tmp_path, "prices", text) == {("prices", "t", "one/m"): Prices(input=1, output=2)}


def test_one_file_may_name_what_another_holds(tmp_path: Path) -> None:
    (tmp_path / "p").write_text('id = "strict"')
    (tmp_path / "r").write_text('id = "r"\npolicy = "strict"')
    found = read_candidate([("route", tmp_path / "r"), ("policy", tmp_path / "p")])
    assert set(resolve(found, "", state("t"), RULES)) == {("route", "t", "r"), ("policy", "t", "strict")}


@pytest.mark.parametrize(
    ("option", "text", "said"),
    [
        ("policy", 'id = "p"\nscreen_request = true', "[0].screen_request is no field; did you mean screen_requests?"),
        ("policy", 'id = "p"\noverrides = { "email.address" = "stop" }', "overrides.email.address must be one of"),
        ("policy", 'id = "p"\noverrides = { "email.adress" = "flag" }', "did you mean email.address?"),
        ("policy", 'id = "p"\ndisabled = ["email.adress"]', "policies[0].disabled: email.adress is no rule"),
        ("policy", "", "policies[0].id is missing"),
        ("policy", "[[policies]]", "policies[0].id is missing"),
        ("policy", '[[routes]]\nid = "r"', "routes is not for --policy; give it with --route"),
        ("route", 'id = "r"\ntargets = [{ account = "on" }]', "[0].account: there is no such id in providers; did you"),
        ("route", 'id = "r"\npolicy = "none"', "routes[0].policy: there is no such id in policies"),
        ("route", 'id = "r"\nmax_attempts = 11', "max_attempts must be from 1 to 10"),
        ("prices", 'id = "one/m"', "models[0].prices is missing"),
        ("prices", 'id = "one/x"\nprices = { input = 1, output = 2 }', "there is no such model; did you mean one/m?"),
        ("prices", 'id = "one/m"\nprices = { input = 1 }', "models[0].prices: Object missing required field `output`"),
        ("prices", 'id = "one/m"\nprices = { input = -1, output = 1 }', "prices.input must be from 0"),
        ("route", 'id = "r', "it is no TOML"),
        ("route", '{"id": "r"', "it is no JSON"),
        ("route", 'id = "r"\ntenant = "x"', "routes[0].tenant: there is no such id in tenants"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(tmp_path: Path, option: str, text: str, said: str) -> None:
    with pytest.raises(BadFile) as raised:
        read(tmp_path, option, text)
    assert said in raised.value.message


def test_the_tenant_is_asked_for_where_there_are_several(tmp_path: Path) -> None:
    with pytest.raises(Misused, match="--tenant, or in the file; there are t, u"):
        read(tmp_path, "policy", 'id = "p"', in_force=state("t", "u", "system"))
    assert read(tmp_path, "policy", 'id = "p"', "u", state("t", "u")) == {
        ("policy", "u", "p"): Policy(id="p", tenant="u")
    }


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(Misused, match="cannot be read"):
        read_candidate([("policy", tmp_path / "none")])
    (tmp_path / "latin").write_bytes(b'id = "\xe9"')
    with pytest.raises(Misused, match="UTF-8"):
        read_candidate([("policy", tmp_path / "latin")])
