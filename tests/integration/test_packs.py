"""A tenant's rule on its way: compiled by the worker, shipped through the log, swapped in by whoever follows."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest

from ingress.gateway.screening import Screening
from projections.live.config import LiveConfig, OnChange
from projections.live.state import Changed
from projections.log.connection import LogConnection
from projections.log.store import ConfigStore
from projections.screening import CompiledPack, PackError, Screener, shipped, tenants
from projections.screening.shipped import Shipped, obtain_built_in
from projections.screening.tenants import TenantPacks
from schemas.aggregates import rule
from schemas.aggregates.decider import Put, Remove
from schemas.aggregates.rule import CustomRule
from schemas.ids import Ids, SystemClock
from schemas.screening.model import ScreeningPolicy
from schemas.topology import PACKS
from tests.integration.compliance_rig import Rig
from tests.integration.log_fixture import connection, until
from tests.integration.nats_fixture import NatsServer, nats_server

__all__ = ["connection", "nats_server"]

BADGE = CustomRule(
    id="secret.acme-badge",
    tenant="a",
    title="Number of a badge",
    action="block",
    patterns=("ACME-[0-9]{6}",),
    hits=("ACME-104729", "ACME-000001", "ACME-999999"),
    misses=("ACME-1", "ACME", "104729"),
)
TEXT = "the badge is ACME-104729"


async def test_a_rule_is_in_force_in_both_placements_and_compiled_once(
    connection: LogConnection, nats_server: NatsServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nobody(*_: object) -> CompiledPack:
        raise PackError("only the worker is to compile")

    rig = await Rig.open(connection, nats_server.url, tmp_path / "data")
    clock = SystemClock()
    store = ConfigStore(connection, clock, Ids(clock), writer="test")
    told: list[Changed] = []
    followers: list[OnChange] = [told.append]

    def follow(change: Changed) -> None:
        for each in followers:
            each(change)

    async with rig.worker():
        configuration = await LiveConfig.start(connection, follow)
        await until(lambda: any(change.aggregate == "pack" for change in told), "the worker's first pack")
        monkeypatch.setattr(tenants, "compile_custom", nobody)
        monkeypatch.setattr(shipped, "compile_apart", nobody)
        monkeypatch.setattr(shipped, "cached", lambda _: None)
        ours = Shipped(connection, configuration)
        built_in = await obtain_built_in(tmp_path / "packs", ours)
        packs = TenantPacks(built_in, configuration, ours, grace_s=20)
        followers.append(packs.changed)
        screening = Screening(Screener(built_in), connection, packs=packs)

        async def verdict(placement: str, tenant: str) -> tuple[str, str, str]:
            found = await screening.verdict(placement, tenant, "r", "request", [TEXT], ScreeningPolicy())
            assert found is not None
            return found.action, found.rule, found.pack

        assert await verdict("inline", "a") == ("approve", "", built_in.version)
        await store.handle(rule.DECIDER, "a", BADGE.id, Put(BADGE), actor="admin:test", correlation="c")
        await until(lambda: "a" in packs.own, "the rule")
        now = await verdict("inline", "a")
        assert now[:2] == ("block", BADGE.id)
        async with asyncio.timeout(20):
            while True:
                if await verdict("stream", "a") == now:
                    break
                await asyncio.sleep(0.01)
        assert await verdict("inline", "b") == ("approve", "", built_in.version)

        (first,) = configuration.all_of("pack", "a")
        longer = msgspec.structs.replace(BADGE, title="Number of an employee's badge")
        await store.handle(rule.DECIDER, "a", BADGE.id, Put(longer), actor="admin:test", correlation="c")
        await until(lambda: packs.own["a"] is not None and packs.own["a"].version != now[2], "the changed rule")
        objects = await connection.js.object_store(PACKS)
        async with asyncio.timeout(20):
            while True:
                if first.sha256 not in {each.name for each in await objects.list(ignore_deletes=True)}:
                    break
                await asyncio.sleep(0.01)

        await store.handle(rule.DECIDER, "a", BADGE.id, Remove(), actor="admin:test", correlation="c")
        await until(lambda: "a" not in packs.own, "the rule's end")
        assert await verdict("inline", "a") == ("approve", "", built_in.version)
        await packs.close()
        await configuration.close()
