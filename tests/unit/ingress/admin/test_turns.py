"""Who asks for much waits for itself, and nobody else for long."""

from __future__ import annotations

import asyncio

from ingress.admin.proving import Proving
from ingress.admin.turns import Turns
from schemas.aggregates.rule import CustomRule
from schemas.screening.model import Rule
from tests.unit.ingress.admin.plane import MemoryLog, View


async def settled() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_one_turn_of_a_tenant_at_a_time_and_few_of_all() -> None:
    turns, now, most = Turns(2), set[str](), 0
    go = asyncio.Event()

    async def work(tenant: str) -> None:
        nonlocal most
        async with turns.of(tenant):
            assert tenant not in now
            now.add(tenant)
            most = max(most, len(now))
            await go.wait()
            now.remove(tenant)

    tasks = [asyncio.create_task(work(tenant)) for tenant in (*["much"] * 20, "b", "c")]
    await settled()
    assert now == {"much", "b"}
    tasks[1].cancel()
    go.set()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert (most, now, turns._own) == (2, set(), {})


async def test_who_comes_while_another_leaves_does_not_overtake() -> None:
    turns, inside = Turns(2), 0

    async def work() -> None:
        nonlocal inside
        async with turns.of("acme"):
            inside += 1
            assert inside == 1
            await asyncio.sleep(0)
            inside -= 1

    first = [asyncio.create_task(work()) for _ in range(3)]
    for _ in range(10):
        await asyncio.sleep(0)
        first.append(asyncio.create_task(work()))
    await asyncio.gather(*first)


async def test_a_tenant_with_many_rules_to_prove_keeps_no_other_waiting() -> None:
    begun: list[str] = []
    go = asyncio.Event()

    async def prove(rule: Rule, others: object) -> list[str]:
        begun.append(rule.id)
        await go.wait()
        return []

    proving = Proving(prove, View(MemoryLog()), ())

    def rule(tenant: str, identifier: str) -> CustomRule:
        return CustomRule(
            id=identifier, tenant=tenant, title="A gem", patterns=("Gem",), hits=("Gem",) * 3, misses=("g",) * 3
        )

    specs = [*(rule("much", f"name.m{number}") for number in range(10)), rule("beta", "name.b")]
    tasks = [asyncio.create_task(proving.check(spec)) for spec in specs]
    await settled()
    assert begun == ["name.m0", "name.b"]
    go.set()
    await asyncio.gather(*tasks)
    assert len(begun) == 11
