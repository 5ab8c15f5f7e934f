"""What each witness says of the traffic, read from its store or its ledger. What that proves is judged in `judge`."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
import clickhouse_connect

from benchmarks.chaos.ledger import entries
from projections.log.connection import LogConnection
from projections.log.dead import DeadLetter, letters
from projections.log.reader import StreamReader
from schemas.codec import decode_segment, open_fact
from schemas.facts.ledger import SpendRecorded
from schemas.facts.traffic import TERMINALS, Terminal
from schemas.ocsf.mapping import CLASS_UID as REQUESTS

ACCEPTED = "request.accepted.v1"
Summary = tuple[str, str, int, int, int]
"""Tenant, kind, input tokens, output tokens, micro-dollars: what all stores must agree on."""


@dataclass
class Seen:
    """The log, folded by the checker itself."""

    accepted: set[str] = field(default_factory=set)
    terminals: dict[str, list[Summary]] = field(default_factory=dict)
    abandoned: list[tuple[str, float, float]] = field(default_factory=list)
    """Writer that had died, when the log first knew of the request, and when it was closed; seconds since the epoch."""
    spent: Counter[str] = field(default_factory=Counter)
    """By tenant, from LEDGER."""
    ended_us: dict[str, int] = field(default_factory=dict)
    """When each terminal fact was said, microseconds since the epoch."""

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


async def read_log(connection: LogConnection, foreign: Collection[int] = ()) -> Seen:
    """
    Args:
        foreign: sequences of TRAFFIC that the campaign wrote itself.
    """
    seen = Seen()
    known_us: dict[str, int] = {}
    async for batch in StreamReader(connection, "TRAFFIC").batches(follow=False):
        for message in batch:
            if message.sequence not in foreign:
                _add(seen, message.payload, message.time_us, known_us)
    async for batch in StreamReader(connection, "LEDGER").batches(follow=False):
        for message in batch:
            for fact in decode_segment(message.payload).facts:
                data = open_fact(fact)
                if isinstance(data, SpendRecorded):
                    seen.spent[fact.tenant] += sum(line.cost_micros for line in data.lines)
    return seen


def _add(seen: Seen, payload: bytes, time_us: int, known_us: dict[str, int]) -> None:
    for fact in decode_segment(payload).facts:
        if fact.type == ACCEPTED:
            seen.accepted.add(fact.correlation)
            known_us.setdefault(fact.correlation, time_us)
        if fact.type not in TERMINALS:
            continue
        data = open_fact(fact)
        assert isinstance(data, Terminal)
        usage = data.usage
        kind = fact.type.split(".")[1]
        summary = (fact.tenant, kind, usage.input_tokens, usage.output_tokens, data.cost_micros)
        seen.terminals.setdefault(fact.correlation, []).append(summary)
        seen.ended_us[fact.correlation] = fact.time
        if kind == "abandoned":
            seen.abandoned.append((data.writer, known_us.get(fact.correlation, 0) / 1e6, fact.time / 1e6))


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


def read_siem(path: Path, foreign: Collection[int] = ()) -> list[str]:
    """Request ids in the order of the file, without the checkpoints and without what tells of segments that the
    campaign wrote itself; a line that is no JSON is an error here."""
    if not path.exists():
        return []
    events = [json.loads(line) for line in path.read_text().splitlines()]
    return [
        event["metadata"]["correlation_uid"]
        for event in events
        if event["class_uid"] == REQUESTS and event["unmapped"]["log_sequence"] not in foreign
    ]


def read_receiver(path: Path, foreign: Collection[int] = ()) -> tuple[set[str], int]:
    """Request ids that the receiver's ledger has, and how many events came more than once with the same id."""
    told = [event for entry in entries(path) for event in entry["ids"] if event[2] not in foreign]
    return {request for _, request, _ in told}, len(told) - len({uid for uid, _, _ in told})


def read_mock(path: Path) -> set[str]:
    """Ids of the requests that the provider saw."""
    return {entry["id"] for entry in entries(path) if not entry["aborted"]}


async def read_dead(connection: LogConnection) -> list[DeadLetter]:
    return [letter async for letter in letters(connection)]


@dataclass
class Promise:
    name: str
    held: bool
    detail: str
    decided: bool = True
    """False when what was measured allows no judgement: nothing was found broken, and nothing proven."""

    @property
    def verdict(self) -> str:
        return ("held" if self.decided else "not decided") if self.held else "BROKEN"
