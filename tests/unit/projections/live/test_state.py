"""The fold of CONFIG: what is in force after each message, by tenant, by hash, by version."""

from __future__ import annotations

import msgspec
import pytest

from projections.live.config import no_collections
from projections.live.state import Changed, LiveState
from schemas import codec, subjects
from schemas.aggregates.budget import Budget, BudgetChanged, BudgetCreated
from schemas.aggregates.route import Route, RouteCreated, RouteRemoved
from schemas.aggregates.tenant import Tenant, TenantCreated
from schemas.aggregates.virtual_key import (
    Revoked,
    VirtualKey,
    VirtualKeyChanged,
    VirtualKeyIssued,
    VirtualKeyRevoked,
)
from schemas.envelope import GENESIS

KEY = VirtualKey(id="k.1", tenant="acme", hash="ab" * 32, prefix="nvk_abababab", models=("mock/*",))


def message(version: int, data: msgspec.Struct, aggregate: str = "virtual-key", id: str = "k.1") -> tuple[str, bytes]:
    subject = subjects.config("acme", aggregate, id)
    fact = codec.fact(data, id="f", time=1, tenant="acme", actor="admin:a", correlation="c")
    return subject, codec.encode_segment(subject, "admin", "b", version, GENESIS, [codec.encode_fact(fact)])


def test_a_key_is_found_by_its_hash_until_it_is_revoked() -> None:
    state = LiveState()
    assert state.apply(3, *message(1, VirtualKeyIssued(KEY))) == Changed("virtual-key", "acme", "k.1")
    assert state.keys_by_hash == {KEY.hash: KEY}
    changed = msgspec.structs.replace(KEY, name="new")
    state.apply(5, *message(2, VirtualKeyChanged(changed)))
    assert state.keys_by_hash == {KEY.hash: changed}
    assert state.tenants["acme"].keys == {"k.1": changed}
    assert state.version_of("virtual-key", "acme", "k.1") == (2, 5)
    state.apply(6, *message(3, VirtualKeyRevoked("lost")))
    assert state.keys_by_hash == {} and state.tenants["acme"].keys == {}
    assert state.revoked_hashes == {KEY.hash}
    assert state.state_of("virtual-key", "acme", "k.1") == Revoked(changed, "lost")
    assert list(state.all_of("virtual-key")) == []


def test_a_message_counts_once() -> None:
    state = LiveState()
    issued = message(1, VirtualKeyIssued(KEY))
    state.apply(4, *issued)
    assert state.apply(4, *issued) is None
    assert state.apply(2, *message(2, VirtualKeyRevoked())) is None
    assert state.sequence == 4 and KEY.hash in state.keys_by_hash


def test_what_was_never_said_has_no_state_and_no_version() -> None:
    state = LiveState()
    assert state.state_of("virtual-key", "acme", "k.1") is None
    assert state.version_of("virtual-key", "acme", "k.1") == (0, 0)
    assert list(state.all_of("virtual-key", "acme")) == []


def test_aggregates_of_newer_versions_are_passed_over() -> None:
    state = LiveState()
    assert state.apply(1, "config.acme.teleporter.t1", b"whatever") is None
    assert state.sequence == 1


def test_a_tenant_is_enabled_by_its_own_spec() -> None:
    state = LiveState()
    state.apply(1, *message(1, VirtualKeyIssued(KEY)))
    assert not state.tenants["acme"].enabled
    state.apply(2, *message(1, TenantCreated(Tenant(id="acme")), "tenant", "acme"))
    assert state.tenants["acme"].enabled


@pytest.mark.parametrize("on", [True, False])
def test_collections_are_as_before_after_catching_up(monkeypatch: pytest.MonkeyPatch, on: bool) -> None:
    calls: list[str] = []
    monkeypatch.setattr("gc.isenabled", lambda: on)
    monkeypatch.setattr("gc.disable", lambda: calls.append("off"))
    monkeypatch.setattr("gc.enable", lambda: calls.append("on"))
    with pytest.raises(KeyError), no_collections():
        raise KeyError
    assert calls == (["off", "on"] if on else ["off"])


def test_a_table_is_compiled_again_only_after_what_it_is_made_of_has_changed() -> None:
    state = LiveState()
    state.apply(1, *message(1, RouteCreated(Route(id="r1", tenant="acme")), "route", "r1"))
    table = state.tenants["acme"].table
    assert [route.id for route in table.routes] == ["r1"]
    state.apply(2, *message(1, VirtualKeyIssued(KEY)))
    assert state.tenants["acme"].table is table
    state.apply(3, *message(1, RouteCreated(Route(id="r2", tenant="acme")), "route", "r2"))
    assert [route.id for route in state.tenants["acme"].table.routes] == ["r1", "r2"]
    state.apply(4, *message(2, RouteRemoved(), "route", "r1"))
    assert [route.id for route in state.tenants["acme"].table.routes] == ["r2"]


def test_budgets_follow_their_own_changes() -> None:
    state = LiveState()
    budget = Budget(id="b1", tenant="acme", limit_micros=5)
    state.apply(1, *message(1, BudgetCreated(budget), "budget", "b1"))
    assert state.tenants["acme"].budgets == (budget,)
    larger = msgspec.structs.replace(budget, limit_micros=9)
    state.apply(2, *message(2, BudgetChanged(larger), "budget", "b1"))
    assert state.tenants["acme"].budgets == (larger,)
