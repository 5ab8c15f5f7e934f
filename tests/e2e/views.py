"""What each view says of one request, asked the way its users ask."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import asyncpg
import clickhouse_connect

from tests.nexus_fixture import RunningNexus

SUMMARY = "tenant, kind, status, code, account, model, input_tokens, output_tokens, cost_micros"


def in_postgres(nexus: RunningNexus, request_id: str) -> tuple[Any, ...] | None:
    async def ask() -> Any:
        connection = await asyncpg.connect(nexus.endpoints["postgres_admin"])
        try:
            return await connection.fetch(f"SELECT {SUMMARY} FROM traffic_event WHERE request_id = $1", request_id)
        finally:
            await connection.close()

    rows = asyncio.run(ask())
    assert len(rows) <= 1
    return tuple(rows[0]) if rows else None


def in_clickhouse(nexus: RunningNexus, request_id: str) -> tuple[Any, ...] | None:
    client = clickhouse_connect.get_client(dsn=nexus.endpoints["clickhouse"], compress=False)
    try:
        rows = client.query(
            f"SELECT {SUMMARY} FROM traffic_events WHERE request_id = {{id:String}}", parameters={"id": request_id}
        ).result_rows
    finally:
        client.close()
    assert len(rows) <= 1
    return tuple(rows[0]) if rows else None


def siem_lines(nexus: RunningNexus) -> list[dict[str, Any]]:
    place = Path(nexus.endpoints["siem_file"])
    return [json.loads(line) for line in place.read_text().splitlines()] if place.exists() else []


def in_siem(nexus: RunningNexus, request_id: str) -> tuple[Any, ...] | None:
    lines = [
        line
        for line in siem_lines(nexus)
        if line["metadata"]["correlation_uid"] == request_id and line["class_uid"] == 6003
    ]
    assert len(lines) <= 1
    if not lines:
        return None
    own = lines[0]["unmapped"]
    return (lines[0]["metadata"]["tenant_uid"], own["input_tokens"], own["output_tokens"], own["cost_micros"])


def in_trail(nexus: RunningNexus, request_id: str) -> tuple[Any, ...] | None:
    """From `nexus traffic get`: the terminal fact of the trail, not the row."""
    done = nexus.command("traffic", "get", request_id, "--output", "json")
    if done.returncode == 5:
        return None
    assert done.returncode == 0, done.stderr
    ends = [fact for fact in json.loads(done.stdout)["trail"] if "latency_us" in fact["data"]]
    if not ends:
        return None
    assert len(ends) == 1
    fact, data = ends[0], ends[0]["data"]
    return (
        fact["tenant"],
        fact["type"].split(".")[1],
        data["status"],
        data["code"],
        data["account"],
        data["model"],
        data["usage"]["input_tokens"],
        data["usage"]["output_tokens"],
        data["cost_micros"],
    )
