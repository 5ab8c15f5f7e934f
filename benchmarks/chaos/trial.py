"""One trial: a Nexus under a bounded load while a script breaks it; then its witnesses are asked until all is quiet."""

from __future__ import annotations

import argparse
import asyncio
import random
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from asyncpg import InterfaceError, PostgresError
from clickhouse_connect.driver.exceptions import ClickHouseError

from benchmarks.chaos import conduct
from benchmarks.chaos.balancer import Balancer
from benchmarks.chaos.callers import Callers
from benchmarks.chaos.faults import Faults, NotBack
from benchmarks.chaos.injections import Injector
from benchmarks.chaos.judge import Evidence, chains, records
from benchmarks.chaos.lag import Lag
from benchmarks.chaos.ledger import Ledger, entries
from benchmarks.chaos.oracle import (
    Promise,
    read_clickhouse,
    read_dead,
    read_log,
    read_mock,
    read_postgres,
    read_receiver,
    read_siem,
)
from benchmarks.chaos.site import Site
from benchmarks.chaos.stalls import Stalls
from benchmarks.report import say
from projections.log.connection import LogConnection
from projections.log.ending import end
from schemas.errors import Unavailable

QUIET_S = 180.0
"""Bound for everything to be closed and copied after the last answer."""
PROGRESS_S = 5.0
WARM_S = 120.0


class Script(Protocol):
    """What is done to the site, and when."""

    now: str
    """For the progress line."""

    async def run(self, over: Callable[[], bool]) -> None:
        """Begins when enough callers were answered. Raises NotBack.

        Args:
            over: whether the time of the trial is up.
        """


async def warm(callers: Callers) -> None:
    """Returns when enough callers were answered for a fault to be told from a start. Raises NotBack."""
    try:
        async with asyncio.timeout(WARM_S):
            await callers.warm.wait()
    except TimeoutError:
        raise NotBack(f"hardly anybody was answered in the first {WARM_S:g} s") from None


async def on_a_site(given: argparse.Namespace, broken: Callable[[Site], Awaitable[list[Promise]]]) -> list[Promise]:
    """What `broken` says of a whole Nexus in a directory of its own; that is kept, if wished, when a promise broke.

    Raises:
        NotUp: something could not be started.
    """
    with tempfile.TemporaryDirectory(prefix="nexus-chaos-") as directory:
        site = Site(Path(directory), workers=given.workers)
        starting = asyncio.create_task(asyncio.to_thread(site.start))
        try:
            await asyncio.shield(starting)
            promises = await broken(site)
        except asyncio.CancelledError:
            say("stopping what was started, which may take a minute")
            raise
        finally:
            # a start that goes on cannot be stopped
            await asyncio.wait({starting})
            await asyncio.to_thread(site.stop)
            if given.keep and (given.told is None or not given.told["held"]):
                say(f"kept: {site.keep()}")
    return promises


async def trial(site: Site, given: argparse.Namespace, written: Callable[[Faults, Injector], Script]) -> list[Promise]:
    """Loads, breaks, waits until all is quiet, judges. `given.told` is set to what the tables are made of.

    Args:
        written: the script, from what can be done to the site and to its log.
    """
    begun = time.monotonic()
    balancer = Balancer(site.gateways)
    ledger = Ledger(site.directory / "callers.ndjson")
    callers = Callers(await balancer.start(), site.key, given.seed, ledger)
    connection = await LogConnection.open(site.endpoints["nats"], "chaos")
    lag, stalls = Lag(connection, site), Stalls(connection)
    await stalls.start()
    faults = Faults(site, callers, lag, random.Random(given.seed))
    injector = Injector(lag, random.Random(given.seed + 1))
    script = written(faults, injector)
    tending = asyncio.create_task(site.tend_forever())
    stop = asyncio.Event()
    loading = asyncio.create_task(callers.run(given.rate, given.in_flight, stop))
    breaking = asyncio.create_task(_warmed(script, callers, lambda: time.monotonic() - begun > given.minutes * 60))
    broken = ""
    try:
        while not breaking.done():
            await asyncio.wait({breaking, loading, tending}, timeout=PROGRESS_S, return_when=asyncio.FIRST_COMPLETED)
            say(
                f"{time.monotonic() - begun:4.0f} s  {callers.done} answered  {len(callers.failures)} tried again  "
                f"{len(faults.done)} faults  now: {script.now}"
            )
            if loading.done() or tending.done():
                break
        try:
            breaking.result()
        except (NotBack, asyncio.InvalidStateError) as error:
            broken = str(error)
        stop.set()
        callers.going.set()
        await loading
        await ledger.close()
        say("the load is over; waiting until all is quiet")
        promises = await settle(site, callers, injector, faults)
    finally:
        await end({breaking, loading, tending})
        await balancer.close()
        await stalls.close()
        await lag.close()
        await connection.close()
    measured = [kind for kind in given.kinds if kind != "hang" or not given.brief]
    promises += conduct.promises(
        measured, faults.done, callers.latencies, callers.failures, stalls.seen, callers.attempts_failed
    )
    down = site.down()
    detail = f"faults={len(faults.done)} down={down} {broken}".rstrip()
    promises.append(Promise("everything came back by itself", not (broken or down), detail))
    given.told = {
        "seed": given.seed, "held": all(promise.held for promise in promises),
        "promises": rows_of(promises), "faults": conduct.recoveries(faults.done),
        "seconds": round(time.monotonic() - begun), "requests": callers.done,
        "stalls": [round(ended - since, 1) for since, ended in stalls.seen],
    }  # fmt: skip
    return promises


async def _warmed(script: Script, callers: Callers, over: Callable[[], bool]) -> None:
    await warm(callers)
    await script.run(over)


async def settle(site: Site, callers: Callers, injector: Injector, faults: Faults) -> list[Promise]:
    """Looks until every promise holds, or the bound is over; the last look is the judgement."""
    give_up = time.monotonic() + QUIET_S
    while True:
        try:
            promises = await look(site, callers, injector, faults)
        except (OSError, PostgresError, InterfaceError, ClickHouseError, Unavailable) as error:
            # a store that is still coming back is not judged, unless it never does
            promises = [Promise("every store can be read", False, type(error).__name__)]
        if all(promise.held for promise in promises) or time.monotonic() > give_up:
            return promises
        await asyncio.sleep(2)


async def look(site: Site, callers: Callers, injector: Injector, faults: Faults) -> list[Promise]:
    """What all witnesses say now."""
    foreign = {*injector.injected.poison, *injector.injected.copies}
    connection = await LogConnection.open(site.endpoints["nats"], "chaos-oracle")
    try:
        evidence = Evidence(
            seen=await read_log(connection, foreign),
            provider=read_mock(site.provider_ledger),
            answers=entries(site.directory / "callers.ndjson"),
            given_up=callers.given_up,
            postgres=await read_postgres(site.endpoints["postgres_admin"]),
            clickhouse=await asyncio.to_thread(read_clickhouse, site.endpoints["clickhouse"]),
            siem_file=read_siem(Path(site.endpoints["siem_file"]), foreign),
            siem_http=read_receiver(site.siem_ledger, foreign),
            dead=await read_dead(connection),
            injected=injector.injected,
            deaths=faults.deaths,
        )
        found = records(evidence)
        # to read and hash everything is not worth it before the rest holds
        return [*found, await chains(connection, injector.injected)]
    finally:
        await connection.close()


def rows_of(promises: Sequence[Promise]) -> list[dict[str, Any]]:
    """For `shown`, and for programs."""
    return [{**vars(promise), "verdict": promise.verdict} for promise in promises]
