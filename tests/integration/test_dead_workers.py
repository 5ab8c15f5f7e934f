"""Poison among a thousand: the rest is applied, it lies in DEAD, and once the worker can read it, it comes back."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from projections.log import opened
from projections.log.api import publish
from projections.log.dead import letters
from tests.integration.nats_fixture import NatsServer, nats_server
from tests.integration.sample_log import message
from tests.integration.test_cli_log import nexus
from tests.integration.views_fixture import clickhouse_url, database, module_database
from tests.integration.views_rig import rig, workers
from tests.waiting import BOUND

__all__ = ["clickhouse_url", "database", "module_database", "nats_server"]

BAD = b"nobody-reads-this"


async def test_one_bad_message_in_a_thousand_and_its_way_back(
    nats_server: NatsServer, database: str, clickhouse_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Older:
        """As if a worker of today met what a newer gateway wrote."""

        def decode(self, payload: bytes) -> Any:
            if BAD in payload:
                raise msgspec.ValidationError("of a newer version")
            return decoder.decode(payload)

    decoder = opened._decoder
    async with rig(nats_server, database, clickhouse_url, tmp_path) as made:
        (tmp_path / "endpoints.json").write_text(json.dumps({"nats": nats_server.url}))
        with monkeypatch.context() as old:
            old.setattr(opened, "_decoder", Older())
            async with workers(made.settings, "audit", "analytics"):
                await made.write(500)
                bad = message(0, made.source.request(tenant=BAD.decode())).payload
                await publish(made.connection, "traffic.0", bad, {})
                await made.write(499)
                await made.settle(999)
        dead = [one async for one in letters(made.connection)]
        assert sorted(one.consumer for one in dead) == ["analytics", "audit"]
        assert [one.message.payload for one in dead] == [bad, bad]

        async with workers(made.settings, "audit", "analytics"):
            give_up = time.monotonic() + BOUND
            # a worker that has just been started takes nothing back until its door is open
            while (await nexus("dead", "retry", "--all", "--data", str(tmp_path)))[0] != 0:
                assert time.monotonic() < give_up, "the workers do not take back what they gave up"
            await made.settle(1_000)
        assert [one async for one in letters(made.connection)] == []
        assert await made.pool.fetchval("SELECT count(*) FROM nexus.traffic_event WHERE tenant = $1", BAD.decode()) == 1
