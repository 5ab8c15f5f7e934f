"""Views dropped by hand are built anew from the log while traffic goes on, and nothing is sent to a SIEM twice."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter

import asyncpg
import clickhouse_connect

from benchmarks.chaos.oracle import Seen, read_clickhouse, read_log, read_postgres
from projections.log.connection import LogConnection
from tests.e2e.test_acceptance import HELLO, agreed
from tests.e2e.views import siem_lines
from tests.nexus_fixture import RunningNexus
from tests.waiting import until_sync


def on_the_log(nexus: RunningNexus) -> Seen:
    async def read() -> Seen:
        connection = await LogConnection.open(nexus.endpoints["nats"], "test")
        try:
            return await read_log(connection)
        finally:
            await connection.close()

    return asyncio.run(read())


def drop_everything(nexus: RunningNexus) -> None:
    async def drop() -> None:
        connection = await asyncpg.connect(nexus.endpoints["postgres_admin"])
        try:
            await connection.execute("DROP SCHEMA nexus CASCADE")
        finally:
            await connection.close()

    asyncio.run(drop())
    client = clickhouse_connect.get_client(dsn=nexus.endpoints["clickhouse"], compress=False)
    try:
        rows = client.query("SELECT name, engine FROM system.tables WHERE database = currentDatabase()").result_rows
        for name, engine in sorted(rows, key=lambda row: "View" not in row[1]):
            client.command(f"DROP {'VIEW' if 'View' in engine else 'TABLE'} IF EXISTS `{name}`")
    finally:
        client.close()


def test_dropped_views_come_back_whole_while_traffic_goes_on(nexus: RunningNexus) -> None:
    client = nexus.client()
    stop = threading.Event()
    sent: list[str] = []

    def load() -> None:
        while not stop.is_set():
            answer = client.chat.completions.with_raw_response.create(model="gpt-4o-mini", messages=HELLO)
            sent.append(answer.headers["x-nexus-request-id"])

    callers = [threading.Thread(target=load) for _ in range(3)]
    for caller in callers:
        caller.start()
    try:
        until_sync(lambda: len(sent) > 100, "some traffic")
        drop_everything(nexus)
        for store in ("postgres", "clickhouse"):
            done = nexus.command("rebuild", store, "--output", "json")
            assert done.returncode == 0, done.stderr
    finally:
        stop.set()
        for caller in callers:
            caller.join(30)
    agreed(nexus, sent[-1])
    wanted = on_the_log(nexus).summaries()
    until_sync(
        lambda: dict(asyncio.run(read_postgres(nexus.endpoints["postgres_admin"]))) == wanted,
        "PostgreSQL says the same",
    )
    until_sync(lambda: dict(read_clickhouse(nexus.endpoints["clickhouse"])) == wanted, "ClickHouse says the same")
    assert len(read_clickhouse(nexus.endpoints["clickhouse"])) == len(wanted)
    lines = Counter(line["metadata"]["uid"] for line in siem_lines(nexus))
    assert set(lines.values()) == {1} and len(lines) >= len(wanted)
