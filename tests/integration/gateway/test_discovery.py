"""Models that nobody configured: found by the admin plane, served by the gateway, kept while their provider is away."""

from __future__ import annotations

import asyncio
import urllib.request
from pathlib import Path
from typing import Any

import openai
import pytest

from projections.log.connection import LogConnection
from projections.log.reader import StreamReader
from schemas.aggregates.provider import Provider
from schemas.codec import decode_segment, open_fact
from schemas.facts.ops import ModelListFailed
from tests.integration.admin_process import AdminProcess
from tests.integration.gateway.test_usage import spent
from tests.integration.gateway.town import MASTER_KEY, House, Town
from tests.waiting import until_sync

DEAD = "http://127.0.0.1:9/v1"


def test_models_are_found_served_kept_and_let_go(town: Town, tmp_path: Path) -> None:
    house = town.house(models=("gpt-4o",), accounts=("alpha", "beta"), budget={"limit_micros": 10**9})
    spent(town, house.tenant, "b1", 0)
    admin = AdminProcess(tmp_path / "admin", nats_url=town.settings.nats_url, master_key=MASTER_KEY, writer="admin-d")
    asyncio.run(admin.start())
    try:
        until_sync(lambda: {"alpha/mock-echo", "beta/mock-echo"} <= names(town, house), "both accounts are listed")
        served(town, house)
        kept(town, house, admin)
        let_go(town, house)
    finally:
        assert asyncio.run(admin.stop()) == 0, admin.log.read_text()[-3000:]


def served(town: Town, house: House) -> None:
    client = town.client(house)
    hello: Any = [{"role": "user", "content": "hello"}]
    for name, account in (("gpt-4o-mini", "alpha"), ("beta/gpt-4o-mini", "beta")):
        raw = client.chat.completions.with_raw_response.create(model=name, messages=hello)
        end = town.closed(raw.headers["x-nexus-request-id"])[-1][1]
        assert (end.account, end.model) == (account, f"{account}/gpt-4o-mini")
        # the catalogue's price, by which the budget counts
        assert end.cost_micros > 0
    with pytest.raises(openai.PermissionDeniedError) as unpriced:
        client.chat.completions.create(model="mock-echo", messages=hello)
    assert unpriced.value.code == "model_unpriced"
    with pytest.raises(openai.NotFoundError, match="mock-fixed"):
        client.chat.completions.create(model="mock-fixd", messages=hello)


def kept(town: Town, house: House, admin: AdminProcess) -> None:
    account = Provider(id="beta", tenant=house.tenant, base_url=DEAD, credential="beta")
    town.put(house.tenant, ("provider", "beta", account))
    path = f"model-lists/beta?tenant={house.tenant}"
    until_sync(lambda: asyncio.run(admin.call("GET", path)).json["failed"] == "connect", "the failure is known")
    assert "beta/mock-echo" in names(town, house)
    assert asyncio.run(admin.call("POST", path)).json["failed"] == "connect"
    assert asyncio.run(alerts(town, house)) == [ModelListFailed("beta", "connect", 4)]
    scrape = urllib.request.Request(
        f"http://127.0.0.1:{admin.port}/metrics", headers={"authorization": f"Bearer {admin.key}"}
    )
    with urllib.request.urlopen(scrape, timeout=10) as scraped:
        samples = dict(line.rsplit(b" ", 1) for line in scraped.read().splitlines() if line[:1] != b"#")
    # other tests' accounts may have failed too
    assert float(samples[b"nexus_model_lists_failing"]) >= 1
    assert float(samples[b'nexus_model_lists_total{outcome="failed"}']) >= 2
    town.put(house.tenant, ("provider", "beta", Provider(**{**fields(account), "base_url": town.mock_url})))
    until_sync(lambda: asyncio.run(admin.call("POST", path)).json["failed"] == "", "it is listed again")


def let_go(town: Town, house: House) -> None:
    account = Provider(id="beta", tenant=house.tenant, base_url=town.mock_url, credential="beta", discover=False)
    town.put(house.tenant, ("provider", "beta", account))
    until_sync(lambda: not {"beta/mock-echo"} & names(town, house), "its list is gone")
    assert "beta/gpt-4o" in names(town, house)


def names(town: Town, house: House) -> set[str]:
    _, told = town.get("/v1/models", {"authorization": f"Bearer {house.key}"})
    return {each["id"] for each in told["data"]}


def fields(spec: Provider) -> dict[str, Any]:
    return {name: getattr(spec, name) for name in spec.__struct_fields__}


async def alerts(town: Town, house: House) -> list[ModelListFailed]:
    connection = await LogConnection.open(town.settings.nats_url, "alerts-of-a-test")
    try:
        found = []
        async for batch in StreamReader(connection, "OPS", subjects=("ops.alerts",)).batches(follow=False):
            for message in batch:
                facts = [fact for fact in decode_segment(message.payload).facts if fact.tenant == house.tenant]
                found += [data for fact in facts if isinstance(data := open_fact(fact), ModelListFailed)]
        return found
    finally:
        await connection.close()
