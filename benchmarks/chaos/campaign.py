"""The campaign: a Nexus under a bounded load, faults by a seeded schedule, then what its witnesses say is compared."""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import secrets
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

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
from benchmarks.chaos.scenarios import SCENARIOS, Scenario, add_options
from benchmarks.chaos.schedule import KINDS, Schedule
from benchmarks.chaos.site import NotUp, Site
from benchmarks.chaos.stalls import Stalls
from benchmarks.report import aligned
from ops.up.options import PROCESSORS
from projections.log.connection import LogConnection
from schemas.errors import Unavailable

QUIET_S = 180.0
"""Bound for everything to be closed and copied after the last answer."""
PROGRESS_S = 5.0
LONG_MINUTES = 10.0
"""From so many minutes on, a campaign has long outages too."""


async def run(given: argparse.Namespace) -> list[Promise]:
    """One campaign. `given.told` is set to what the tables are made of.

    Raises:
        NotUp: something could not be started.
    """
    with tempfile.TemporaryDirectory(prefix="nexus-chaos-") as directory:
        site = Site(Path(directory), workers=given.workers)
        try:
            await asyncio.to_thread(site.start)
            promises = await campaign(site, given)
        finally:
            await asyncio.to_thread(site.stop)
            if given.keep and (given.told is None or not given.told["held"]):
                say(f"kept: {site.keep()}")
    return promises


async def campaign(site: Site, given: argparse.Namespace) -> list[Promise]:
    """Loads, breaks, waits until all is quiet, judges."""
    begun = time.monotonic()
    balancer = Balancer(site.gateways)
    ledger = Ledger(site.directory / "callers.ndjson")
    callers = Callers(await balancer.start(), site.key, given.seed, ledger)
    connection = await LogConnection.open(site.endpoints["nats"], "chaos")
    lag, stalls = Lag(connection, site), Stalls(connection)
    await stalls.start()
    faults = Faults(site, callers, lag, random.Random(given.seed))
    injector = Injector(lag, random.Random(given.seed + 1))
    schedule = Schedule(faults, injector, random.Random(given.seed + 2), kinds=given.kinds, brief=given.brief)
    tending = asyncio.create_task(site.tend_forever())
    stop = asyncio.Event()
    loading = asyncio.create_task(callers.run(given.rate, given.in_flight, stop))
    breaking = asyncio.create_task(
        schedule.run(lambda: time.monotonic() - begun > given.minutes * 60, given.minutes >= LONG_MINUTES)
    )
    broken = ""
    try:
        while not breaking.done():
            await asyncio.wait({breaking, loading, tending}, timeout=PROGRESS_S, return_when=asyncio.FIRST_COMPLETED)
            say(
                f"{time.monotonic() - begun:4.0f} s  {callers.done} answered  {len(callers.failures)} tried again  "
                f"{len(faults.done)} faults  now: {schedule.now}"
            )
            if loading.done() or tending.done():
                break
        try:
            breaking.result()
        except (NotBack, asyncio.InvalidStateError) as error:
            broken = str(error)
        stop.set()
        await loading
        await ledger.close()
        say("the load is over; waiting until all is quiet")
        promises = await settle(site, callers, injector, faults)
    finally:
        for task in (breaking, loading, tending):
            task.cancel()
        await asyncio.gather(breaking, loading, tending, return_exceptions=True)
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


def shown(told: dict[str, Any]) -> str:
    """The tables for people."""
    rows = [("promise", "", "what was compared")]
    rows += [(each["name"], each["verdict"], each["detail"]) for each in told["promises"]]
    faults = [("fault", "what", "times", "recovered p50 s", "max s")]
    faults += [
        (each["kind"], each["target"], str(each["times"]), f"{each['p50_s']:.2f}", f"{each['max_s']:.2f}")
        for each in told["faults"]
    ]
    load = f"{told['requests']} requests in {told['seconds']} s" if "requests" in told else ""
    stalls = f"; the log itself stalled {len(told['stalls'])} times" if told.get("stalls") else ""
    return f"{aligned(rows, right=set())}\n\n{aligned(faults, right={2, 3, 4})}\n{load}{stalls}".rstrip()


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks chaos", description=__doc__)
    parser.add_argument("--minutes", type=float, default=2.0, help="how long it lasts, one whole round at least")
    parser.add_argument("--rate", type=float, default=60.0, help="requests begun a second")
    parser.add_argument("--in-flight", type=int, default=64, help="most of them under way")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**31))
    parser.add_argument("--scenario", choices=sorted(SCENARIOS), help="one fault on a Nexus of its own instead")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS, help="of faults (all of them)")
    parser.add_argument("--together", dest="workers", action="store_const", const=("workers",), default=PROCESSORS,
                        help="all workers in one process")  # fmt: skip
    parser.add_argument("--keep", action="store_true", help="keep the data directory when a promise was broken")
    parser.add_argument("--output", choices=("text", "json"), default="text")
    add_options(parser)
    parser.set_defaults(told=None, brief=False)
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    given = options(arguments)
    say(f"seed {given.seed}")
    chosen: Scenario = SCENARIOS[given.scenario] if given.scenario else run
    try:
        promises = asyncio.run(chosen(given))
    except NotUp as error:
        say(str(error))
        return 2
    told = given.told or {"seed": given.seed, "promises": rows_of(promises), "faults": []}
    print(json.dumps(told) if given.output == "json" else shown(told))
    say(f"seed {given.seed}")
    return 0 if all(promise.held for promise in promises) else 1
