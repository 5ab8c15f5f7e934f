"""Traffic as operators see it: rows from Postgres, trails from the log, and waiting until a view has got there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from projections.log.connection import LogConnection
from projections.log.reader import StreamReader
from projections.log.writer import SegmentWriter
from projections.postgres.migrate import migrate
from projections.postgres.traffic import findings_sink, traffic_sink
from projections.rows import TRAFFIC
from schemas import subjects
from schemas.envelope import Fact
from schemas.ids import SystemClock
from tests.integration.admin_process import AdminProcess
from tests.integration.log_fixture import connection, writer_on
from tests.integration.nats_fixture import NatsServer, nats_server
from tests.integration.sample_log import Traffic
from tests.integration.views_fixture import database, module_database, pool
from tests.stack_fixture import StackThread

__all__ = ["connection", "database", "module_database", "nats_server", "pool"]

if TYPE_CHECKING:
    Pool = asyncpg.Pool[Any]

NAMES = {column.name for column in TRAFFIC}


class TickingClock(SystemClock):
    """Starts now, and moves by a tenth of a millisecond whenever it is asked: no two requests end at the same time."""

    def __init__(self) -> None:
        super().__init__()
        self._us = super().now_us()

    def now_us(self) -> int:
        self._us += 100
        return self._us


class Town:
    """An admin plane beside a log and a Postgres that this test writes itself."""

    def __init__(self, admin: AdminProcess, connection: LogConnection, pool: Pool, writer: SegmentWriter) -> None:
        self.admin = admin
        self.source = Traffic(clock=TickingClock())
        self.connection = connection
        self._writer = writer
        self._sinks = (("TRAFFIC", traffic_sink(pool)), ("DECISIONS", findings_sink(pool)))

    async def write(self, facts: Sequence[Fact], subject: str = "traffic.0") -> int:
        """Puts facts on the log, in a segment of their own, and returns its sequence."""
        return await asyncio.wait_for(self._writer.append(subject, facts), 10)

    async def copy(self) -> None:
        """Does what the worker `audit` does."""
        for stream, sink in self._sinks:
            await sink.refresh()
            async for batch in StreamReader(self.connection, stream).batches(follow=False):
                await sink.handle(batch)

    async def get(self, path: str, position: str = "") -> Any:
        reply = await self.admin.call("GET", path, headers={"X-Nexus-Position": position} if position else {})
        assert reply.status == 200, reply.raw
        return reply.json


@pytest.fixture
async def town(
    nats_server: NatsServer, connection: LogConnection, database: str, pool: Pool, stack: StackThread, tmp_path: Path
) -> AsyncIterator[Town]:
    await migrate(pool)
    writer = writer_on(connection)
    await writer.start()
    urls = {"clickhouse_url": stack.endpoints["clickhouse"], "valkey_url": stack.endpoints["valkey"]}
    admin = AdminProcess(tmp_path / "data", nats_url=nats_server.url, postgres_url=database, **urls)
    await admin.start()
    yield Town(admin, connection, pool, writer)
    assert await admin.stop() == 0, admin.log.read_text()[-3000:]
    await writer.close()


async def test_a_finished_request_has_its_row_its_findings_and_its_whole_trail(town: Town) -> None:
    facts = town.source.request(tenant="acme", hits=2)
    sequences = [await town.write([fact]) for fact in facts]
    await town.write(town.source.request(tenant="acme"))
    await town.copy()
    seen = await town.get(f"traffic/{facts[0].correlation}", f"TRAFFIC:{sequences[-1]}")
    assert (seen["id"], seen["open"]) == (facts[0].correlation, False)
    assert set(seen["row"]) == NAMES
    assert (seen["row"]["tenant"], seen["row"]["cost_micros"], seen["row"]["sequence"]) == ("acme", 1000, sequences[-1])
    assert [finding["hit_rule"] for finding in seen["findings"]] == ["pii.email", "pii.email"]
    assert [entry["position"] for entry in seen["trail"]] == [f"TRAFFIC:{at}" for at in sequences]
    assert [(entry["id"], entry["type"]) for entry in seen["trail"]] == [(fact.id, fact.type) for fact in facts]
    assert seen["trail"][0]["data"]["model"] == "mock/gpt-4o"
    assert seen["trail"][2]["data"]["usage"]["input_tokens"] == seen["row"]["input_tokens"]


async def test_an_open_request_and_one_that_the_view_has_not_seen_are_found_on_the_log(town: Town) -> None:
    accepted, screened, end = town.source.request(tenant="acme")
    await town.write([accepted, screened])
    path = f"traffic/{accepted.correlation}"
    seen = await town.get(path)
    assert (seen["open"], seen["row"], len(seen["trail"])) == (True, None, 2)
    await town.write([end])
    seen = await town.get(path)
    assert (seen["open"], seen["row"], len(seen["trail"])) == (False, None, 3)
    await town.copy()
    seen = await town.get(path)
    assert (seen["open"], seen["row"]["request_id"], len(seen["trail"])) == (False, accepted.correlation, 3)


async def test_what_workers_decided_is_part_of_the_trail(town: Town) -> None:
    accepted, screened, end = town.source.request(tenant="acme", hits=1)
    await town.write([accepted, end])
    decisions = writer_on(town.connection, boot="b2", stream="DECISIONS", writer="compliance")
    await decisions.start()
    subject = subjects.decisions("compliance", "acme")
    at = await asyncio.wait_for(decisions.append(subject, [screened]), 10)
    await decisions.close()
    await town.copy()
    seen = await town.get(f"traffic/{accepted.correlation}")
    assert [entry["type"] for entry in seen["trail"]] == [
        "request.accepted.v1",
        "request.completed.v1",
        "request.screened.v1",
    ]
    assert seen["trail"][2]["position"] == f"DECISIONS:{at}"
    assert [finding["log"] for finding in seen["findings"]] == ["DECISIONS"]


async def test_what_there_is_not_is_404(town: Town) -> None:
    await town.write(town.source.request(tenant="acme"))
    for identifier in (town.source.ids.new(), "nothing", "../../etc", "00000000-0000-4000-8000-000000000000"):
        reply = await town.admin.call("GET", f"traffic/{identifier}")
        assert (reply.status, reply.json["error"]["code"]) == (404, "not_found")


async def test_a_query_waits_for_its_position_and_says_when_it_is_not_reached(town: Town) -> None:
    at = await town.write(town.source.request(tenant="acme"))
    waiting = asyncio.create_task(town.get("traffic", f"TRAFFIC:{at}"))
    await town.copy()
    (row,) = (await waiting)["data"]
    assert row["sequence"] == at
    reply = await town.admin.call("GET", "traffic", headers={"X-Nexus-Position": f"TRAFFIC:{at + 1}"})
    assert (reply.status, reply.json["error"]["code"]) == (503, "view_behind")


async def test_filters_pages_and_usage_agree_with_what_was_written(town: Town) -> None:
    written = [town.source.request() for _ in range(30)]
    for facts in written:
        await town.write(facts)
    await town.copy()
    everything = (await town.get("traffic?limit=1000"))["data"]
    assert [row["request_id"] for row in everything] == [facts[0].correlation for facts in reversed(written)]
    paged: list[Any] = []
    cursor = ""
    while True:
        page = await town.get(f"traffic?tenant=tenant-1&limit=3&cursor={cursor}")
        paged += page["data"]
        if (cursor := page["next_cursor"]) is None:
            break
    assert paged == [row for row in everything if row["tenant"] == "tenant-1"]
    first = everything[-1]
    cases: dict[str, Callable[[Any], bool]] = {
        "key=key-2": lambda row: row["key_id"] == "key-2",
        "provider=mock&model=gpt-4o": lambda row: row["model"] == "gpt-4o",
        "account=other": lambda row: False,
        "kind=refused": lambda row: row["kind"] == "refused",
        "status=503": lambda row: row["status"] == 503,
        "code=no_provider_available": lambda row: row["code"] != "",
        f"since={first['time_us'] + 1}": lambda row: row is not first,
        f"until={first['time_us'] + 1}": lambda row: row is first,
        f"request_id={first['request_id']}": lambda row: row is first,
    }
    for query, matches in cases.items():
        assert (await town.get(f"traffic?{query}"))["data"] == [row for row in everything if matches(row)], query
    for group, column in {"key": "key_id", "model": "model", "provider": "account", "day": "day"}.items():
        usage = (await town.get(f"usage?group_by={group}"))["data"]
        assert {line["group"] for line in usage} == {row[column] for row in everything}
        assert sum(line["requests"] for line in usage) == 30
        assert sum(line["cost_micros"] for line in usage) == sum(row["cost_micros"] for row in everything)
        assert sum(line["input_tokens"] for line in usage) == sum(row["input_tokens"] for row in everything)
    for query, param in {
        "traffic?status=7": "status",
        "traffic?kind=x": "kind",
        "traffic?since=x": "since",
        "traffic?cursor=x": "cursor",
        "traffic?provider=a&account=b": "account",
        "usage?group_by=x": "group_by",
        "traffic?other=1": "other",
    }.items():
        reply = await town.admin.call("GET", query)
        assert (reply.status, reply.json["error"]["param"]) == (400, param), query


async def test_health_tells_every_dependency_and_how_far_the_views_are(town: Town) -> None:
    at = await town.write(town.source.request(tenant="acme"))
    await town.copy()
    behind = await town.write(town.source.request(tenant="acme"))
    report = await town.get("health")
    assert {name: part["ok"] for name, part in report["dependencies"].items()} == {
        "log": True,
        "postgres": True,
        "valkey": True,
        "clickhouse": True,
    }
    assert report["log"]["TRAFFIC"] == behind
    views = {(view["name"], view["stream"]): view for view in report["projections"]}
    audit = dict(views["audit", "TRAFFIC"])
    assert audit.pop("lag_s") >= 0
    assert audit == {"name": "audit", "stream": "TRAFFIC", "sequence": at, "lag": behind - at, "answers": True}


async def test_without_postgres_configuration_is_served_all_the_same(
    nats_server: NatsServer, connection: LogConnection, tmp_path: Path
) -> None:
    dead = "postgres://nobody:secret@127.0.0.1:1/none"
    for number, url in enumerate(("", dead)):
        # one installation, and so one master key, for both
        admin = AdminProcess(tmp_path / "data", nats_url=nats_server.url, postgres_url=url)
        await admin.start()
        made = await admin.call("POST", "tenants", {"id": f"t{number}"})
        assert made.status == 201
        for path in ("traffic", "usage"):
            reply = await admin.call("GET", path)
            assert reply.status == 503
            assert b"secret" not in reply.raw
        health = (await admin.call("GET", "health")).json
        assert ("postgres" in health["dependencies"]) == bool(url)
        assert health["status"] == ("degraded" if url else "ok")
        assert await admin.stop() == 0
        assert "secret" not in admin.log.read_text()
