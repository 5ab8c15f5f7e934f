"""What each store says of the traffic, read from the store itself, and the promises held against one another."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
import clickhouse_connect

from projections.log.checkpoints import read_checkpoints
from projections.log.connection import LogConnection
from projections.log.reader import StreamReader
from projections.log.verify import faults_of, verify_chains
from schemas.codec import decode_segment, open_fact
from schemas.facts.ledger import SpendRecorded
from schemas.facts.traffic import TERMINALS, RequestAccepted, Terminal
from schemas.ocsf.mapping import CLASS_UID as REQUESTS

Summary = tuple[str, str, int, int, int]
"""Tenant, kind, input tokens, output tokens, micro-dollars: what all stores must agree on."""


@dataclass
class Seen:
    """The log, folded by the checker itself."""

    accepted: set[str] = field(default_factory=set)
    terminals: dict[str, list[Summary]] = field(default_factory=dict)
    spent: Counter[str] = field(default_factory=Counter)
    """By tenant, from LEDGER."""

    @property
    def open(self) -> set[str]:
        return self.accepted - self.terminals.keys()

    def summaries(self) -> dict[str, Summary]:
        return {request: found[0] for request, found in self.terminals.items()}

    def cost(self) -> Counter[str]:
        total: Counter[str] = Counter()
        for found in self.terminals.values():
            for tenant, _, _, _, cost in found:
                total[tenant] += cost
        return total


async def read_log(connection: LogConnection) -> Seen:
    seen = Seen()
    async for batch in StreamReader(connection, "TRAFFIC").batches(follow=False):
        for message in batch:
            for fact in decode_segment(message.payload).facts:
                if fact.type in TERMINALS:
                    data = open_fact(fact)
                    assert isinstance(data, Terminal)
                    summary = (
                        fact.tenant,
                        fact.type.split(".")[1],
                        data.usage.input_tokens,
                        data.usage.output_tokens,
                        data.cost_micros,
                    )
                    seen.terminals.setdefault(fact.correlation, []).append(summary)
                elif isinstance(open_fact(fact), RequestAccepted):
                    seen.accepted.add(fact.correlation)
    async for batch in StreamReader(connection, "LEDGER").batches(follow=False):
        for message in batch:
            for fact in decode_segment(message.payload).facts:
                data = open_fact(fact)
                if isinstance(data, SpendRecorded):
                    seen.spent[fact.tenant] += sum(line.cost_micros for line in data.lines)
    return seen


_COLUMNS = "request_id, tenant, kind, input_tokens, output_tokens, cost_micros"


async def read_postgres(url: str) -> list[tuple[str, Summary]]:
    connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch(f"SELECT {_COLUMNS} FROM traffic_event")
    finally:
        await connection.close()
    return [(row[0], (row[1], row[2], row[3], row[4], row[5])) for row in rows]


def read_clickhouse(url: str) -> list[tuple[str, Summary]]:
    client = clickhouse_connect.get_client(dsn=url, compress=False)
    try:
        rows = client.query(f"SELECT {_COLUMNS} FROM traffic_events").result_rows
    finally:
        client.close()
    return [(row[0], (row[1], row[2], row[3], row[4], row[5])) for row in rows]


def read_siem(path: Path) -> list[str]:
    """Request ids in the order of the file, without the checkpoints; a line that is no JSON is an error here."""
    if not path.exists():
        return []
    events = [json.loads(line) for line in path.read_text().splitlines()]
    return [event["metadata"]["correlation_uid"] for event in events if event["class_uid"] == REQUESTS]


def read_mock(path: Path) -> set[str]:
    """Ids of the requests that the provider saw."""
    if not path.exists():
        return set()
    entries = (json.loads(line) for line in path.read_text().splitlines())
    return {entry["id"] for entry in entries if not entry["aborted"]}


@dataclass
class Promise:
    name: str
    held: bool
    detail: str


def _same(rows: list[tuple[str, Summary]], wanted: dict[str, Summary]) -> tuple[bool, str]:
    found = dict(rows)
    doubles = len(rows) - len(found)
    missing = wanted.keys() - found.keys()
    extra = found.keys() - wanted.keys()
    different = [request for request in found.keys() & wanted.keys() if found[request] != wanted[request]]
    held = not (doubles or missing or extra or different)
    return (
        held,
        f"rows={len(rows)} missing={len(missing)} extra={len(extra)} double={doubles} different={len(different)}",
    )


async def judge(
    connection: LogConnection,
    seen: Seen,
    mock: set[str],
    answered: dict[str, tuple[str, int]],
    given_up: list[str],
    postgres: list[tuple[str, Summary]],
    clickhouse: list[tuple[str, Summary]],
    siem: list[str],
) -> list[Promise]:
    """Every promise with what was seen."""
    wanted = seen.summaries()
    unknown = mock - seen.accepted
    several = [request for request, found in seen.terminals.items() if len(found) != 1]
    unrecorded = [
        request for request, (_, status) in answered.items() if status < 500 and request not in seen.terminals
    ]
    held_postgres, postgres_detail = _same(postgres, wanted)
    held_clickhouse, clickhouse_detail = _same(clickhouse, wanted)
    sent = Counter(siem)
    checkpoints = await read_checkpoints(connection)
    report = await verify_chains(connection, checkpoints=checkpoints)
    faults = len(faults_of(checkpoints)) + len(report.faults)
    return [
        Promise("what the provider saw is on the log", not unknown, f"saw={len(mock)} unknown={len(unknown)}"),
        Promise(
            "what callers were told is on the log",
            not unrecorded,
            f"answers={len(answered)} unrecorded={len(unrecorded)}",
        ),
        Promise(
            "one terminal fact for each request",
            not several and not seen.open,
            f"terminals={len(seen.terminals)} several={len(several)} open={len(seen.open)}",
        ),
        Promise("PostgreSQL = log", held_postgres, postgres_detail),
        Promise("ClickHouse = log", held_clickhouse, clickhouse_detail),
        Promise(
            "SIEM file = log, each once",
            sent.keys() == wanted.keys() and len(siem) == len(sent),
            f"lines={len(siem)} missing={len(wanted.keys() - sent.keys())} double={len(siem) - len(sent)}",
        ),
        Promise("LEDGER = cost of terminal facts", +seen.spent == +seen.cost(), f"spent={dict(seen.spent)}"),
        Promise(
            "chains and checkpoints verify",
            not faults,
            f"segments={report.segments} checkpoints={len(checkpoints.valid)} faults={faults}",
        ),
        Promise("every caller got an answer", not given_up, f"given up={len(given_up)} {given_up[:3]}"),
    ]
