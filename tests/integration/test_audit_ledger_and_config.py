"""Spend and configuration in Postgres: sums count each range once, configuration shows no secret."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import asyncpg
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from projections.log.reader import Message
from projections.postgres.configuration import config_sink
from projections.postgres.migrate import migrate
from projections.postgres.spending import spend_sink
from schemas import subjects
from schemas.aggregates.credential import (
    Credential,
    CredentialChanged,
    CredentialCreated,
    CredentialRemoved,
    SealedSecret,
)
from schemas.aggregates.virtual_key import VirtualKey, VirtualKeyIssued, VirtualKeyRevoked
from schemas.codec import encode_fact, encode_segment, fact
from schemas.envelope import GENESIS
from schemas.errors import Invalid
from schemas.facts.ledger import SpendLine, SpendRecorded, ThresholdCrossed
from schemas.ids import Ids
from tests.integration.sample_log import START_US, SteadyClock
from tests.integration.views_fixture import database, module_database, pool

__all__ = ["database", "module_database", "pool"]

if TYPE_CHECKING:
    Pool = asyncpg.Pool[Any]

IDS = Ids(SteadyClock())


def stored(stream: str, sequence: int, subject: str, tenant: str, number: int, *data: msgspec.Struct) -> Message:
    facts = [
        encode_fact(fact(one, id=IDS.new(), time=START_US + sequence, tenant=tenant, actor="admin:a", correlation="c"))
        for one in data
    ]
    return Message(stream, sequence, subject, encode_segment(subject, "w", "b", number, GENESIS, facts), START_US, "")


def spend(
    sequence: int, tenant: str, first: int, last: int, cost: int, *, key: str = "k", partition: int = 0
) -> Message:
    line = SpendLine(key, "mock", "gpt-4o", "2026-11-18", 1, 10, 20, cost)
    recorded = SpendRecorded(first, last, (line,), partition=partition)
    crossed = ThresholdCrossed("b", "2026-11", 50, 1, 2)
    return stored("LEDGER", sequence, subjects.ledger(tenant), tenant, sequence, recorded, crossed)


async def sums(pool: Pool) -> dict[tuple[str, str], tuple[int, int, int, int]]:
    rows = await pool.fetch(
        "SELECT tenant, key_id, requests, input_tokens, output_tokens, cost_micros FROM nexus.spend"
    )
    return {(row[0], row[1]): tuple(row)[2:] for row in rows}


async def test_spend_is_added_up(pool: Pool) -> None:
    await migrate(pool)
    sink = spend_sink(pool)
    await sink.handle([spend(1, "a", 1, 10, 5), spend(2, "b", 1, 10, 7), spend(3, "a", 11, 12, 100)])
    await sink.handle([spend(4, "a", 13, 13, 1, key="other"), spend(5, "a", 5, 9, 1000, partition=1)])
    assert await sums(pool) == {
        ("a", "k"): (3, 30, 60, 1105),
        ("b", "k"): (1, 10, 20, 7),
        ("a", "other"): (1, 10, 20, 1),
    }


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    copies=st.lists(st.integers(0, 9), max_size=12),
    sizes=st.lists(st.integers(1, 4), min_size=1, max_size=30),
)
async def test_a_range_that_stands_on_the_ledger_twice_counts_once(
    pool: Pool, copies: list[int], sizes: list[int]
) -> None:
    await pool.execute("DROP SCHEMA IF EXISTS nexus CASCADE")
    await migrate(pool)
    ranges = [(f"t{number % 2}", number + 1, number + 1, 10**number) for number in range(10)]
    order = [*range(10)]
    for copy in copies:  # a copy may stand anywhere behind its original
        order.insert(order.index(copy) + 1 + (copy * 7) % (len(order) - order.index(copy)), copy)
    log = [spend(place + 1, *ranges[number]) for place, number in enumerate(order)]
    sink = spend_sink(pool)
    at = 0
    for size in sizes * len(log):
        await sink.handle(log[at : at + size])
        at += size
        if at >= len(log):
            break
    assert {place[0]: total[3] for place, total in (await sums(pool)).items()} == {"t0": 101010101, "t1": 1010101010}


async def test_a_day_that_is_none_is_invalid(pool: Pool) -> None:
    await migrate(pool)
    line = SpendLine("k", "mock", "gpt-4o", "yesterday", 1, 1, 1, 1)
    with pytest.raises(Invalid, match="LEDGER:1"):
        await spend_sink(pool).handle([stored("LEDGER", 1, "ledger.a", "a", 1, SpendRecorded(1, 1, (line,)))])


SECRET = SealedSecret("m1", b"n" * 12, b"sealed-bytes-of-the-secret")


def credential(sequence: int, number: int, *data: msgspec.Struct) -> Message:
    return stored("CONFIG", sequence, subjects.config("acme", "credential", "open.ai"), "acme", number, *data)


async def current(pool: Pool) -> list[tuple[Any, ...]]:
    rows = await pool.fetch(
        "SELECT tenant, aggregate, id, version, sequence, removed, spec FROM nexus.config_current ORDER BY aggregate"
    )
    return [(*tuple(row)[:6], json.loads(row["spec"])) for row in rows]


async def test_configuration_as_it_is_now_without_its_secrets(pool: Pool) -> None:
    await migrate(pool)
    first = Credential(id="open.ai", tenant="acme", sealed=SECRET, description="one")
    second = Credential(id="open.ai", tenant="acme", sealed=SECRET, description="t\x00wo")
    key = VirtualKey(id="k1", tenant="acme", hash="ab" * 32, prefix="nvk_01234567", models=("a", "b"))
    key_subject = subjects.config("acme", "virtual-key", "k1")
    log = [
        credential(1, 1, CredentialCreated(first)),
        credential(2, 2, CredentialChanged(second)),
        stored("CONFIG", 3, key_subject, "acme", 1, VirtualKeyIssued(key)),
        stored("CONFIG", 4, key_subject, "acme", 2, VirtualKeyRevoked("lost")),
    ]
    sink = config_sink(pool)
    await sink.handle(log[:3])
    await sink.handle(log[2:])
    found = await current(pool)
    assert [row[:6] for row in found] == [
        ("acme", "credential", "open.ai", 2, 2, False),
        ("acme", "virtual-key", "k1", 2, 4, True),
    ]
    assert found[0][6] == {"id": "open.ai", "tenant": "acme", "sealed": None, "description": "t\ufffdwo"}
    assert found[1][6]["prefix"] == "nvk_01234567" and "hash" not in found[1][6]
    everything = str(await pool.fetch("SELECT * FROM nexus.config_current"))
    assert "sealed-bytes" not in everything and "abab" not in everything


async def test_applied_again_from_the_beginning_it_is_the_same(pool: Pool) -> None:
    await migrate(pool)
    spec = Credential(id="open.ai", tenant="acme", sealed=SECRET)
    log = [
        credential(1, 1, CredentialCreated(spec)),
        credential(2, 2, CredentialRemoved("gone")),
        credential(3, 3, CredentialCreated(msgspec.structs.replace(spec, description="back"))),
    ]
    sink = config_sink(pool)
    await sink.handle(log)
    before = await current(pool)
    await pool.execute("DELETE FROM nexus.position")
    again = config_sink(pool)
    for one in log:
        await again.handle([one])
        assert await current(pool) == before
    assert before[0][5] is False and before[0][6]["description"] == "back"
