"""What a gateway keeps in memory, tried by two tenants that call everything of theirs by the same names."""

from __future__ import annotations

from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingress.gateway.authenticate import Authenticator, Caller
from ingress.gateway.circuits import Circuits
from ingress.gateway.hooks import Hooks
from ingress.gateway.limits import RateLimits
from ingress.gateway.models import visible
from ingress.gateway.parts import Credentials
from ingress.gateway.plan import make_plan
from ingress.gateway.switches import Switches
from projections.live.state import LiveState, TenantView
from projections.valkey.scripts import window_key
from projections.vault import NotAuthentic, Vault
from schemas import subjects
from schemas.aggregates.credential import Credential
from schemas.aggregates.kill import Kill
from schemas.aggregates.model import Model
from schemas.aggregates.passthrough import Passthrough
from schemas.aggregates.policy import Policy
from schemas.aggregates.provider import Provider
from schemas.aggregates.route import Route, Target
from schemas.aggregates.tenant import Tenant
from schemas.aggregates.virtual_key import VirtualKey
from schemas.errors import Forbidden, LimitReached, NotFound, ProviderError
from schemas.ids import SystemClock
from schemas.tokens import Calibration
from tests.unit.schemas.hooks.given import hook, seen

VAULT = Vault(bytes(32))
KEYS = {name: f"nvk_{number:064x}" for number, name in enumerate(("acme", "beta"))}
SLUG = st.from_regex(r"[a-z0-9][a-z0-9_.-]{0,62}", fullmatch=True)


def view(tenant: str) -> TenantView:
    """A tenant whose things have the same ids as the other's, and the secret of its own."""
    made = TenantView(tenant)
    made.put("tenant", tenant, Tenant(id=tenant))
    sealed = VAULT.seal_secret("credential", tenant, "main", f"sk-of-{tenant}")
    made.put("credential", "main", Credential(id="main", tenant=tenant, sealed=sealed))
    account = Provider(id="mock", tenant=tenant, base_url=f"http://{tenant}.example/v1", credential="main")
    made.put("provider", "mock", account)
    made.put("model", "mock/m", Model(id="mock/m", tenant=tenant))
    made.put("model", f"mock/{tenant}-only", Model(id=f"mock/{tenant}-only", tenant=tenant))
    made.put("route", "all", Route(id="all", tenant=tenant, targets=(Target(account="mock"),)))
    return made


class Town:
    """The live configuration of both."""

    def __init__(self) -> None:
        self.tenants = {name: view(name) for name in KEYS}
        self.keys_by_hash = {
            VAULT.hash_key(text): VirtualKey(id="k", tenant=name, hash=VAULT.hash_key(text), prefix=text[:12],
                                             requests_per_minute=1)
            for name, text in KEYS.items()
        }  # fmt: skip

    def caller(self, tenant: str) -> Caller:
        headers = {"authorization": f"Bearer {KEYS[tenant]}"}
        found = Authenticator(cast("LiveState", self), VAULT.hash_key).identify(lambda name: headers.get(name, ""), 1)
        assert found.tenant.id == found.key.tenant == tenant
        return found


@pytest.fixture
def town() -> Town:
    return Town()


class Request:
    """As much of a request as a plan needs."""

    def __init__(self, model: str) -> None:
        self.model = model


@pytest.mark.parametrize("model", ["beta-only", "mock/beta-only"])
def test_a_model_of_another_tenant_is_neither_called_nor_named(town: Town, model: str) -> None:
    caller = town.caller("acme")
    assert {each.tenant for each in visible(caller)} == {"acme"}
    plan = make_plan(caller, cast("Any", Request("m")))
    assert plan.route.tenant == "acme" and {target.provider.tenant for target in plan.targets} == {"acme"}
    try:
        plan = make_plan(caller, cast("Any", Request(model)))
    except NotFound as error:
        assert "beta" not in error.message.replace(model, "")
    else:
        assert {target.provider.tenant for target in plan.targets} <= {"acme"}


def test_a_credential_is_its_tenant_s(town: Town) -> None:
    credentials = Credentials(VAULT)
    for tenant in ("acme", "beta", "acme"):
        caller = town.caller(tenant)
        assert credentials.of(caller, caller.tenant.providers["mock"]) == f"sk-of-{tenant}"
    # sealed for one, moved to the other by who can write the log
    stolen = town.tenants["beta"].credentials["main"]
    town.tenants["acme"].put("credential", "main", Credential(id="main", tenant="acme", sealed=stolen.sealed))
    caller = town.caller("acme")
    with pytest.raises(NotAuthentic):
        Credentials(VAULT).of(caller, caller.tenant.providers["mock"])
    town.tenants["acme"].put("credential", "main", None)
    with pytest.raises(ProviderError):
        credentials.of(caller, caller.tenant.providers["mock"])


def test_a_rate_is_its_key_s_though_the_ids_are_the_same(town: Town) -> None:
    limits = RateLimits(lambda: 1_000.0)
    limits.admit(town.caller("acme").key)
    with pytest.raises(LimitReached):
        limits.admit(town.caller("acme").key)
    assert limits.left(town.caller("beta").key) == 1
    limits.admit(town.caller("beta").key)


async def test_a_hook_s_rate_is_its_tenant_s(town: Town) -> None:
    hooks = Hooks(cast("Any", None), SystemClock(), {})
    limit = hook("rate_limiter", "connection", per_minute=1, by="tenant")
    policy = Policy(id="default", tenant="acme", hooks=(limit,))
    told = []
    for tenant in ("acme", "acme", "beta"):
        outcome = await hooks.ask(policy, town.caller(tenant), seen("x", tenant=tenant, stage="connection"), "r")
        assert outcome is not None
        told.append(outcome.fact.action)
    assert told == ["approve", "block", "approve"]


def test_a_circuit_is_its_tenant_s() -> None:
    circuits = Circuits(lambda: 1_000.0)
    for _ in range(100):
        circuits.ended("acme", "mock", "connect", 0)
    assert not circuits.allows("acme", "mock") and circuits.allows("beta", "mock")


@pytest.mark.parametrize("scope", ["tenant", "all"])
def test_a_tenant_s_own_switch_stops_and_spares_nobody_else(town: Town, scope: str) -> None:
    switches = Switches(cast("LiveState", town), SystemClock())
    town.tenants["acme"].put("kill", "x", Kill(id="x", tenant="acme", scope=scope, reason="r"))
    with pytest.raises(Forbidden):
        switches.admit(town.caller("acme"))
    switches.admit(town.caller("beta"))
    around = Passthrough(id="p", tenant="acme", bypass=("hooks",), minutes=60, reason="r" * 20,
                         since_us=SystemClock().now_us())  # fmt: skip
    town.tenants["acme"].put("passthrough", "p", around)
    names = [switches.bypass(town.caller(each), town.tenants[each].routes["all"], "m").names for each in KEYS]
    assert [bool(each) for each in names] == [True, False]


def test_what_is_learnt_of_a_model_is_its_tenant_s() -> None:
    calibration = Calibration()
    calibration.learn("acme", "mock/m", 1_000, 9_000, most=10_000)
    assert calibration.of("beta", "mock/m").requests == 0


@given(st.tuples(SLUG, SLUG), st.tuples(SLUG, SLUG))
def test_no_two_budgets_share_a_counter(one: tuple[str, str], other: tuple[str, str]) -> None:
    keys = {window_key(*each, "day:2026-11-20") for each in (one, other)}
    assert len(keys) == len({one, other})


@given(*[st.tuples(st.text(max_size=6), st.text(max_size=6), st.text(max_size=6))] * 2)
def test_no_two_places_share_a_subject(one: tuple[str, str, str], other: tuple[str, str, str]) -> None:
    for each in (one, other):
        if any("\ud800" <= character <= "\udfff" for character in "".join(each)):
            return
    assert len({subjects.config(*each) for each in (one, other)}) == len({one, other})
    assert subjects.parse_config(subjects.config(*one)) == one
