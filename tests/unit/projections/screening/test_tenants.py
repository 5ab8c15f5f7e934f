"""Packs of tenants with rules of their own: where they come from, what counts until then, and when there is none."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from projections.live.state import Changed, LiveState, TenantView
from projections.screening import tenants
from projections.screening.compiled import CompiledPack, PackError, compile_rules, extended
from projections.screening.screener import Screener
from projections.screening.tenants import Screeners, TenantPacks, rules_of
from schemas.errors import Unavailable
from schemas.screening.model import Rule
from schemas.screening.rules import version
from tests.unit.projections.screening.texts import RULES as SOME
from tests.unit.schemas.aggregates.test_rule import BADGE
from tests.unit.schemas.screening.sample import rule

BASE = compile_rules([rule()])
OWN = compile_rules([BADGE.rule()])
CHANGE = Changed("rule", "a", BADGE.id)
NAMED = Changed("pack", "a", "custom")


class Store:
    """The packs that have been shipped, by version."""

    def __init__(self) -> None:
        self.packs: dict[str, CompiledPack] = {}
        self.asked = asyncio.Event()

    async def load(self, tenant: str, kind: str, version: str) -> CompiledPack | None:
        self.asked.set()
        return self.packs.get(version)


@pytest.fixture
def state() -> LiveState:
    live = LiveState()
    live.tenants["a"] = TenantView("a")
    return live


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[Sequence[Rule]]:
    calls: list[Sequence[Rule]] = []

    async def compile_here(rules: Sequence[Rule]) -> CompiledPack:
        calls.append(rules)
        return compile_rules(rules)

    monkeypatch.setattr(tenants, "compile_custom", compile_here)
    return calls


def set_rules(state: LiveState, *rules: Any) -> None:
    for each in rules:
        state.tenants["a"].put("rule", each.id, each)


async def test_rules_that_are_there_at_the_start_are_in_force_before_anything_is_served(
    state: LiveState, compiled: list[Sequence[Rule]]
) -> None:
    set_rules(state, BADGE)
    packs = TenantPacks(BASE, state, Store())
    await packs.settle()
    assert Screener(packs.pack_of("a")).screen(["ACME-104729"], "request").rule == BADGE.id
    assert packs.pack_of("b") is BASE
    assert len(compiled) == 1


async def test_what_the_worker_ships_meanwhile_is_not_compiled_here(
    state: LiveState, compiled: list[Sequence[Rule]]
) -> None:
    store = Store()
    packs = TenantPacks(BASE, state, store, grace_s=60)
    set_rules(state, BADGE)
    packs.changed(CHANGE)
    await store.asked.wait()
    assert packs.pack_of("a") is BASE, "until then the rules of before are in force"
    store.packs[OWN.version] = OWN
    packs.changed(NAMED)
    await asyncio.gather(*packs._following.values())
    assert packs.pack_of("a") == extended(BASE, OWN)
    assert compiled == []


async def test_what_nobody_ships_is_compiled_here(state: LiveState, compiled: list[Sequence[Rule]]) -> None:
    packs = TenantPacks(BASE, state, Store(), grace_s=0)
    set_rules(state, BADGE)
    packs.changed(CHANGE)
    await asyncio.gather(*packs._following.values())
    assert packs.pack_of("a") == extended(BASE, OWN)
    set_rules(state, msgspec.structs.replace(BADGE, enabled=False))
    packs.changed(CHANGE)
    await asyncio.gather(*packs._following.values())
    assert packs.pack_of("a") is BASE


async def test_nothing_passes_while_a_tenant_s_rules_cannot_be_had(
    state: LiveState, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(_: Sequence[Rule]) -> CompiledPack:
        raise PackError("no")

    monkeypatch.setattr(tenants, "compile_custom", fail)
    set_rules(state, BADGE)
    packs = TenantPacks(BASE, state, Store())
    await packs.settle()
    with pytest.raises(Unavailable) as caught:
        packs.pack_of("a")
    assert caught.value.error_code == "screening_unavailable"
    await packs.close()


async def test_a_late_look_gets_the_rules_of_then(state: LiveState, compiled: list[Sequence[Rule]]) -> None:
    packs = TenantPacks(BASE, state, Store())
    assert await packs.pack_with("a", ()) is BASE
    for _ in range(2):
        assert (await packs.pack_with("a", rules_of([BADGE]))) == extended(BASE, OWN)
    assert len(compiled) == 1


def test_a_pack_that_is_extended_finds_what_both_find() -> None:
    some = sorted(SOME, key=lambda rule: rule.id)
    whole, base = compile_rules([*some, BADGE.rule()]), compile_rules(some)
    both = extended(base, OWN)
    assert both.version not in (base.version, OWN.version, version(whole.rules))
    screeners = Screeners(Screener(base))
    assert screeners.of(base) is screeners.built_in
    assert screeners.of(both) is screeners.of(both)
    texts = ["ACME-104729", *(example.replace("«", "").replace("»", "") for one in some for example in one.hits)]
    found, wanted = screeners.of(both).screen(texts, "request"), Screener(whole).screen(texts, "request")
    assert found.hits == wanted.hits
    assert len(found.hits) > len(some)


async def test_however_many_tenants_have_rules_few_are_compiled_at_a_time(
    state: LiveState, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = most = done = 0

    async def compile_here(rules: Sequence[Rule]) -> CompiledPack:
        nonlocal running, most, done
        running += 1
        most = max(most, running)
        for _ in range(5):
            await asyncio.sleep(0)
        running, done = running - 1, done + 1
        return OWN

    monkeypatch.setattr(tenants, "compile_custom", compile_here)
    for number in range(8):
        name = f"t{number}"
        state.tenants[name] = TenantView(name)
        own = msgspec.structs.replace(BADGE, tenant=name, title=f"Badge {number}")
        state.tenants[name].put("rule", BADGE.id, own)
    packs = TenantPacks(BASE, state, Store())
    await packs.settle()
    assert (done, most) == (8, tenants.TOGETHER)
