"""Spend is recorded exactly once: whatever the batches, whoever crashes, however many work on the same traffic."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.quota.ledger import Ledger
from processors.quota.worker import QuotaWorker
from projections.log.reader import Message
from schemas.aggregates.budget import Budget
from schemas.codec import encode_segment
from schemas.envelope import GENESIS
from schemas.errors import Invalid
from schemas.facts.ledger import SpendLine
from schemas.facts.traffic import RequestRefused, Terminal
from schemas.ids import Ids, SystemClock
from tests.unit.processors.quota.traffic_made import NOON, MemoryLedger, Trouble, completed, segment

TENANTS = ("acme", "beta", "gamma.co")


def worker(log: MemoryLedger, budgets: tuple[Budget, ...] = (), ledger: Ledger | None = None) -> QuotaWorker:
    clock = SystemClock()
    return QuotaWorker(log, ledger or Ledger(), clock, Ids(clock), boot="b", budgets=lambda tenant: budgets)


def total(log: MemoryLedger) -> Counter[tuple[str, str]]:
    sums: Counter[tuple[str, str]] = Counter()
    for tenant, recorded in log.recorded():
        for line in recorded.lines:
            sums[tenant, line.key_id] += line.cost_micros
    return sums


async def test_a_batch_becomes_one_segment_for_each_tenant() -> None:
    log = MemoryLedger()
    quota = worker(log)
    await quota.handle(
        [
            segment(1, [("acme", completed(5)), ("acme", completed(7))]),
            segment(2, [("beta", completed(1, key="other"))]),
            segment(3, [("acme", completed(0, account="", model=""))]),
        ]
    )
    assert log.recorded()[0][1].lines == (SpendLine("k", "east", "east/m", "2026-11-20", 2, 20, 10, 12),)
    assert [(tenant, data.from_sequence, data.through_sequence) for tenant, data in log.recorded()] == [
        ("acme", 1, 3),
        ("beta", 1, 3),
    ]
    assert quota.position() == 3


async def test_redelivery_changes_nothing() -> None:
    log = MemoryLedger()
    batch = [segment(1, [("acme", completed(5))]), segment(2, [("beta", completed(6))])]
    quota = worker(log)
    for _ in range(2):
        await quota.handle(batch)
    await worker(log).handle(batch)
    assert total(log) == {("acme", "k"): 5, ("beta", "k"): 6}
    assert len(log.messages) == 2


async def test_refusals_before_any_provider_cost_no_message() -> None:
    log = MemoryLedger()
    quota = worker(log)
    await quota.handle([segment(1, [("system", RequestRefused(stage="authenticate", status=401))])])
    assert (log.messages, quota.position()) == ([], 1)


async def test_what_was_set_aside_is_settled_by_writer_budget_and_day() -> None:
    log = MemoryLedger()
    yesterday = NOON - 86_400_000_000
    await worker(log).handle(
        [
            segment(
                1,
                [
                    ("acme", completed(5, budgets=("a", "b"))),
                    ("acme", completed(7, budgets=("a",), boot="2")),
                    ("acme", completed(1, budgets=("a",), at=yesterday)),
                    ("acme", completed(0, budgets=("a",))),
                ],
            )
        ]
    )
    settled = [(one.boot, one.budget, one.day, one.cost_micros) for one in log.recorded()[0][1].settled]
    assert settled == [
        ("g/1", "a", "2026-11-19", 1),
        ("g/1", "a", "2026-11-20", 5),
        ("g/1", "b", "2026-11-20", 5),
        ("g/2", "a", "2026-11-20", 7),
    ]


async def test_thresholds_are_told_once_in_a_window() -> None:
    log = MemoryLedger()
    day = Budget(id="d", tenant="acme", window="day", limit_micros=100, thresholds=(50, 100))
    key = Budget(id="k", tenant="acme", scope="key", target="k", window="month", limit_micros=1000, thresholds=(10,))
    quota = worker(log, (day, key))
    for sequence, cost in enumerate((49, 1, 30, 20, 5), start=1):
        await quota.handle([segment(sequence, [("acme", completed(cost))])])
    # another process, another day
    other = worker(log, (day, key))
    await other.handle([segment(6, [("acme", completed(60, at=NOON + 86_400_000_000))])])
    assert [(told.budget, told.window, told.percent, told.spent_micros) for told in log.crossed()] == [
        ("d", "2026-11-20", 50, 50),
        ("d", "2026-11-20", 100, 100),
        ("k", "2026-11", 10, 100),
        ("d", "2026-11-21", 50, 60),
    ]


async def test_bytes_that_are_no_segment_are_invalid_and_nothing_is_recorded() -> None:
    log = MemoryLedger()
    broken = Message("TRAFFIC", 2, "traffic.0", b"\x00nonsense", NOON, "")
    with pytest.raises(Invalid, match="TRAFFIC:2"):
        await worker(log).handle([segment(1, [("acme", completed(5))]), broken])
    empty = Message("TRAFFIC", 2, "traffic.0", encode_segment("traffic.0", "g", "1", 2, GENESIS, []), NOON, "")
    quota = worker(log)
    await quota.handle([segment(1, [("acme", completed(5))])])
    await quota.skip(2)
    assert quota.position() == 2
    await quota.handle([empty, segment(3, [("acme", completed(1))])])
    assert total(log) == {("acme", "k"): 6}


traffic = st.lists(
    st.lists(st.tuples(st.sampled_from(TENANTS), st.integers(0, 50)), max_size=4), min_size=1, max_size=25
)


@given(traffic, st.data())
async def test_spend_is_exact_whatever_happens(made: list[list[tuple[str, int]]], data: st.DataObject) -> None:
    """Three workers in any order, with any batches, failing before and after appends, starting anew at any time."""
    messages = [
        segment(sequence, [(tenant, completed(cost, budgets=("a",))) for tenant, cost in entries])
        for sequence, entries in enumerate(made, start=1)
    ]
    log = MemoryLedger()
    log.trouble = lambda: data.draw(st.sampled_from(["", "", "", "before", "after"]))
    workers = [worker(log) for _ in range(3)]
    for _ in range(data.draw(st.integers(0, 12))):
        number = data.draw(st.integers(0, 2))
        if data.draw(st.booleans()) and data.draw(st.booleans()):
            workers[number] = worker(log)
        start = workers[number].position()
        batch = messages[start : start + data.draw(st.integers(1, 10))]
        try:
            await workers[number].handle(batch)
        except Trouble:
            continue
    log.trouble = lambda: ""
    last = worker(log)
    await last.refresh()
    await last.handle(messages[last.position() :])
    check(log, [(tenant, completed(cost)) for entries in made for tenant, cost in entries])
    # the fold of what is on the log says the same to everybody
    for one in workers:
        await one.refresh()
        await one.handle(messages[one.position() :])
    check(log, [(tenant, completed(cost)) for entries in made for tenant, cost in entries])


def check(log: MemoryLedger, ended: list[tuple[str, Terminal]]) -> None:
    log.check_chains()
    expected: Counter[tuple[str, str]] = Counter()
    requests: Counter[str] = Counter()
    for tenant, terminal in ended:
        expected[tenant, terminal.key_id] += terminal.cost_micros
        requests[tenant] += 1
    assert +total(log) == +expected
    counted: Counter[str] = Counter()
    settled: Counter[str] = Counter()
    through: dict[str, int] = {}
    for tenant, recorded in log.recorded():
        counted[tenant] += sum(line.requests for line in recorded.lines)
        settled[tenant] += sum(one.cost_micros for one in recorded.settled)
        assert through.get(tenant, 0) < recorded.from_sequence <= recorded.through_sequence
        through[tenant] = recorded.through_sequence
    assert counted == requests
    assert +settled == +Counter({tenant: cost for (tenant, _), cost in expected.items()})


async def test_what_somebody_else_put_on_the_ledger_stops_nobody() -> None:
    log = MemoryLedger()
    quota = worker(log)
    await quota.handle([segment(1, [("acme", completed(5))])])
    log.messages.append(Message("LEDGER", 2, "ledger.acme", b"\xc1", NOON, ""))
    ledger = Ledger()
    again = worker(log, ledger=ledger)
    await again.handle([segment(2, [("acme", completed(7))])])
    assert again.position() == 2
    assert ledger.tenant("acme").sums["tenant", "", "total"] == 12
    assert len(log.messages) == 3
