"""Both stores of views and the SIEM's receiver away for minutes, all at once, under load; then everything drained.

PostgreSQL hangs (it is there, with connections open, and answers nothing), ClickHouse and the receiver are gone
(connections are refused). Beside what a campaign compares, sums by stretches of time have to agree, also those of
rollups, and neither a gateway nor the workers may keep in memory what the absent do not take.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Callable, Sequence

from benchmarks.chaos.faults import Faults
from benchmarks.chaos.injections import Injector
from benchmarks.chaos.oracle import Promise, read_log
from benchmarks.chaos.site import SECOND, Site
from benchmarks.chaos.sums import clickhouse_sums, equal, postgres_sums
from benchmarks.chaos.trial import on_a_site, rows_of, trial
from benchmarks.soak import Held, held, sampled, table
from projections.log.connection import LogConnection

MINUTES = 10.0
RATE = 15.0
"""Unless it is told otherwise."""
SUMMED_S = 30.0
"""Bound for what is added up from LEDGER to be there too."""
GROWN_MB = 64.0
"""What a process may gain while the stores are away: the facts of ten minutes of this load, in memory, are more."""


class Absence:
    """The script: everything goes at one moment and comes back at one moment."""

    def __init__(self, faults: Faults, minutes: float) -> None:
        self.now = "warming up"
        self.memory: list[Held] = []
        self.restarted: list[str] = []
        self._faults = faults
        self._seconds = minutes * 60

    async def run(self, over: Callable[[], bool]) -> None:
        self.now = f"all stores of views away for {self._seconds:.0f} s"
        before = self._pids()
        samples, *_ = await asyncio.gather(
            sampled(before, time.monotonic() + self._seconds),
            self._faults.outage("postgres", self._seconds),
            self._faults.outage("clickhouse", self._seconds, gone=True),
            self._faults.receiver_outage(self._seconds),
        )
        self.now = "drained"
        self.memory = [held(name, seen) for name, seen in samples.items()]
        after = self._pids()
        self.restarted = [name for name, pid in before.items() if after[name] != pid]

    def _pids(self) -> dict[str, int]:
        site = self._faults.site
        return {name: site.pid(name) for name in ("gateway", SECOND, *site.workers)}


def bounded(memory: Sequence[Held], restarted: Sequence[str]) -> Promise:
    """Whether the processes that go on keep nothing of what the absent do not take."""
    grown = {one.name: one.most - one.first for one in memory}
    most = max(grown, key=grown.__getitem__, default="")
    return Promise(
        f"gateways and workers grow by less than {GROWN_MB:g} MB while the stores are away, and none ends",
        bool(memory) and not restarted and all(value < GROWN_MB for value in grown.values()),
        f"processes={len(memory)} most={grown.get(most, 0.0):.1f} MB ({most}) ended={list(restarted)}",
    )


async def run(given: argparse.Namespace) -> list[Promise]:
    """The scenario; `given.told` is set to what the tables are made of."""
    given.kinds = ("outages",)
    scripts: list[Absence] = []

    def written(faults: Faults, _: Injector) -> Absence:
        scripts.append(Absence(faults, given.minutes))
        return scripts[-1]

    async def broken(site: Site) -> list[Promise]:
        promises = await trial(site, given, written)
        (script,) = scripts
        promises += [*await _summed(site), bounded(script.memory, script.restarted)]
        given.told |= {
            "held": all(promise.held for promise in promises),
            "promises": rows_of(promises),
            "tables": [table(script.memory)],
        }
        return promises

    return await on_a_site(given, broken)


async def _summed(site: Site) -> list[Promise]:
    connection = await LogConnection.open(site.endpoints["nats"], "chaos-sums")
    try:
        seen = await read_log(connection)
    finally:
        await connection.close()
    give_up = time.monotonic() + SUMMED_S
    while True:
        views = await postgres_sums(site.endpoints["postgres_admin"])
        views += await asyncio.to_thread(clickhouse_sums, site.endpoints["clickhouse"])
        promises = equal(seen, views)
        if all(promise.held for promise in promises) or time.monotonic() > give_up:
            return promises
        await asyncio.sleep(1)
