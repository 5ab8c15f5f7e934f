"""A snapshot is the fold or nothing."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.quota import snapshot
from processors.quota.ledger import Ledger
from processors.quota.worker import QuotaWorker
from schemas.aggregates.budget import Budget
from schemas.ids import Ids, SystemClock
from tests.unit.processors.quota.traffic_made import MemoryLedger, completed, segment


async def folded() -> tuple[MemoryLedger, Ledger]:
    clock, log, ledger = SystemClock(), MemoryLedger(), Ledger()
    budgets = (Budget(id="a", tenant="acme", limit_micros=10),)
    quota = QuotaWorker(log, ledger, clock, Ids(clock), boot="b", budgets=lambda tenant: budgets)
    await quota.handle([segment(1, [("acme", completed(5, budgets=("a",))), ("beta", completed(7))])])
    return log, ledger


async def test_what_was_saved_is_the_fold_and_goes_on(tmp_path: Path) -> None:
    log, ledger = await folded()
    snapshot.save(tmp_path, snapshot.encode(ledger, "one"))
    found = snapshot.load(tmp_path, "one", 2)
    assert found == ledger
    clock = SystemClock()
    quota = QuotaWorker(log, found, clock, Ids(clock), boot="c")
    await quota.refresh()
    await quota.handle([segment(2, [("acme", completed(1))])])
    log.check_chains()
    again = Ledger()
    for message in log.messages:
        again.apply(message.sequence, message.subject, message.payload)
    assert again.tenants == found.tenants


async def test_another_log_a_later_one_and_no_file_give_an_empty_fold(tmp_path: Path) -> None:
    assert snapshot.load(tmp_path, "one", 2) == Ledger()
    _, ledger = await folded()
    snapshot.save(tmp_path, snapshot.encode(ledger, "one"))
    assert snapshot.load(tmp_path, "two", 2) == Ledger()
    assert snapshot.load(tmp_path, "one", 1) == Ledger()


@given(st.data())
async def test_damage_is_noticed(data: st.DataObject) -> None:
    _, ledger = await folded()
    whole = snapshot.encode(ledger, "one")
    at = data.draw(st.integers(0, len(whole) - 1))
    changed = whole[:at] + bytes([whole[at] ^ data.draw(st.integers(1, 255))]) + whole[at + 1 :]
    assert snapshot.decode(whole, "one", 2) == ledger
    assert snapshot.decode(changed, "one", 2) is None
    assert snapshot.decode(whole[:at], "one", 2) is None


async def test_enough_that_is_new_is_saved_at_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot, "WORTH", 2)
    stop = asyncio.Event()
    ledger = Ledger()
    keeping = asyncio.create_task(snapshot.keep(ledger, tmp_path, "one", stop))
    await asyncio.sleep(0)
    ledger.read_through(2)
    stop.set()
    await keeping
    assert snapshot.load(tmp_path, "one", 2).sequence == 2
