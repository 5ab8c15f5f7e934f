"""What the workers of a process have together: one fold of the configuration, and no key in it."""

from __future__ import annotations

import asyncio

import msgspec

from processors.shared import Shared
from projections.live.state import Changed
from projections.log.connection import LogConnection
from projections.log.store import ConfigStore
from schemas.aggregates.catalogue import BY_NAME
from schemas.aggregates.decider import Create, Put
from schemas.ids import Ids, SystemClock
from tests.architecture.source import ROOT
from tests.golden.specs import BUDGET, KEY
from tests.integration.log_fixture import connection
from tests.integration.nats_fixture import nats_server

__all__ = ["connection", "nats_server"]

CLOCK = SystemClock()


async def test_the_configuration_is_folded_once_and_without_keys(connection: LogConnection) -> None:
    store = ConfigStore(connection, CLOCK, Ids(CLOCK), writer="test")
    shared, told, others = Shared("", connection), list[Changed](), list[Changed]()

    async def put(spec: object, aggregate: str, identifier: str) -> int:
        command = Create(spec) if aggregate == "virtual-key" else Put(spec)
        handled = await store.handle(BY_NAME[aggregate], "acme", identifier, command, actor="a", correlation="c")
        return handled.sequence

    try:
        await put(KEY, "virtual-key", KEY.id)
        live, same = await asyncio.gather(shared.configuration(told.append), shared.configuration(others.append))
        assert live is same
        last = await put(BUDGET, "budget", BUDGET.id)
        assert await live.wait_for(last, 10)
        shared.deaf(others.append)
        # positions of keys count, so that whoever waits for one does not wait for ever
        last = await put(msgspec.structs.replace(BUDGET, id="another"), "budget", "another")
        assert await live.wait_for(last, 10)
        assert ([changed.id for changed in told], len(others)) == ([BUDGET.id, "another"], 1)
        assert list(live.all_of("virtual-key")) == [] and not live.keys_by_hash
        assert live.state_of("virtual-key", "acme", KEY.id) is None
        # a fold that has ended is no answer any more
        await live.close()
        again = await shared.configuration()
        assert again is not live and again.sequence == last
    finally:
        await shared.close()


def test_no_worker_folds_the_configuration_for_itself() -> None:
    places = [place for place in (ROOT / "processors").rglob("*.py") if "Config.start(" in place.read_text("utf-8")]
    assert [place.name for place in places] == ["shared.py"]
