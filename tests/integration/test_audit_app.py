"""The audit worker as a whole: four streams, four positions, one Postgres."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from projections.log.api import publish
from projections.postgres import queries
from schemas import subjects
from schemas.aggregates.model import Model, ModelCreated
from schemas.codec import encode_fact, encode_segment, fact
from schemas.envelope import GENESIS
from schemas.errors import Rejected
from schemas.facts.ledger import SpendLine, SpendRecorded
from schemas.facts.traffic import RequestScreened
from schemas.ids import Ids, SystemClock
from schemas.screening.model import Hit
from schemas.settings import BadSettings, Settings
from tests.integration.nats_fixture import NatsServer, nats_server
from tests.integration.views_fixture import clickhouse_url, database, module_database
from tests.integration.views_rig import WORKERS, Rig, rig, workers
from tests.waiting import BOUND

__all__ = ["clickhouse_url", "database", "module_database", "nats_server"]

IDS = Ids(SystemClock())


async def tell(made: Rig, subject: str, request: str, data: object) -> None:
    told = fact(
        data,  # type: ignore[arg-type]
        id=IDS.new(),
        time=SystemClock().now_us(),
        tenant="acme",
        actor="worker:test",
        correlation=request,
    )
    payload = encode_segment(subject, "w", "b", 1, GENESIS, [encode_fact(told)])
    assert (await publish(made.connection, subject, payload, {})).error is None


async def reached(made: Rig, stream: str) -> int:
    try:
        return await queries.position(made.pool, stream)
    except Rejected:  # the worker has not made the tables yet
        return 0


async def test_every_stream_ends_in_its_table(
    nats_server: NatsServer, database: str, clickhouse_url: str, tmp_path: Path
) -> None:
    async with rig(nats_server, database, clickhouse_url, tmp_path) as made, workers(made.settings, "audit"):
        request = IDS.new()
        screened = RequestScreened("request", "flag", "pii.iban", "core", (Hit("pii.iban", "flag", 0, 1, 2),), 9)
        line = SpendLine("k", "mock", "gpt-4o", "2026-11-20", 1, 2, 3, 4)
        model = Model(id="mock/gpt-4o", tenant="acme")
        await tell(made, subjects.decisions("compliance", "acme"), request, screened)
        await tell(made, subjects.ledger("acme"), "", SpendRecorded(1, 1, (line,)))
        await tell(made, subjects.config("acme", "model", "mock/gpt-4o"), "", ModelCreated(model))
        await made.write(1, hits=0)
        give_up = time.monotonic() + BOUND
        for stream in ("DECISIONS", "LEDGER", "CONFIG", "TRAFFIC"):
            while await reached(made, stream) < 1:
                assert time.monotonic() < give_up, f"{stream} does not reach Postgres"
                await asyncio.sleep(0.02)
        found: dict[str, int] = {}
        for table in ("traffic_event", "finding", "spend", "config_current"):
            found[table] = await made.pool.fetchval(f"SELECT count(*) FROM nexus.{table}")
        assert found == {"traffic_event": 1, "finding": 1, "spend": 1, "config_current": 1}
        (finding,) = await queries.findings_of(made.pool, request, tenant="acme")
        assert (finding["log"], finding["hit_rule"], finding["action"]) == ("DECISIONS", "pii.iban", "flag")


@pytest.mark.parametrize("name", ["audit", "analytics"])
async def test_a_worker_without_its_store_says_which_setting_is_missing(name: str) -> None:
    with pytest.raises(BadSettings, match=r"NEXUS_(POSTGRES|CLICKHOUSE)_URL"):
        await WORKERS[name](Settings(nats_url="nats://127.0.0.1:1"), asyncio.Event())
