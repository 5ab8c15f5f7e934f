"""Clocks that disagree and one that is set back, by libfaketime, each process with its own.

The gateway's clock is an hour ahead and the workers' an hour behind; in mid-run the gateway's is set back by two hours
and the workers' forward by two. The log's server keeps the time. Monotonic clocks are left alone. What is asserted:

- every caller is answered all the while: a budget's window is open for both clocks, and no lease runs out of turn;
- ids of requests (UUIDv7) that the gateway gives one after another increase, over the step as well;
- order: on the log each request's accepted-fact stands before its terminal fact, and within a request neither the ids
  nor the times of facts written by one process go back;
- one terminal fact for each request: the sweeper takes no living gateway for dead;
- a budget is not overshot, and who meets its end is told a `Retry-After` between a second and a day;
- money: LEDGER has what terminal facts cost;
- retention is the log server's: nothing is aged away, the first segment is where it was;
- chains verify.
"""

from __future__ import annotations

import argparse
import asyncio
import secrets
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.chaos.apart import Apart
from benchmarks.chaos.crowd import CONFIGURATION, Crowd
from benchmarks.chaos.oracle import Promise, Seen, read_log
from benchmarks.chaos.small_site import SmallSite
from projections.log import api
from projections.log.connection import LogConnection
from projections.log.reader import StreamReader
from projections.log.verify import verify_chains
from schemas.codec import decode_segment
from schemas.envelope import Fact
from schemas.facts.traffic import WriterBeat
from schemas.registry import NAME_OF

LIMIT = 40_000
"""Micro-dollars: a handful of requests."""
_LIBRARIES = ("/usr/lib/*/faketime/libfaketimeMT.so.1", "/usr/lib/faketime/libfaketimeMT.so.1")
_PHASE_S = 3.0
_QUIET_S = 30.0
_DAY_S = 86_400

BUDGET = """
[[budgets]]
id = "day"
tenant = "{tenant}"
window = "day"
limit_micros = {limit}
"""


def library() -> str:
    """Path of libfaketime; empty when it is not there."""
    return next((str(found) for place in _LIBRARIES for found in Path("/").glob(place[1:])), "")


def why_not() -> str:
    """Why this cannot be run here; empty when it can."""
    return "" if library() else "it needs libfaketime (Debian: faketime)"


class Shift:
    """The clock of a process that has this environment; may be set while it runs."""

    def __init__(self, path: Path, seconds: int) -> None:
        self._path = path
        self.set(seconds)
        self.environment = {
            "LD_PRELOAD": library(),
            "FAKETIME_TIMESTAMP_FILE": str(path),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",
        }

    def set(self, seconds: int) -> None:
        """From now on the clock shows so much more than the machine's."""
        beside = self._path.with_suffix(".new")
        beside.write_text(f"{seconds:+d}\n")
        beside.replace(self._path)


@dataclass
class Course:
    ids: list[str] = field(default_factory=list)
    """Of requests asked one after another."""
    refusals: list[dict[str, str]] = field(default_factory=list)
    """Headers of the answers 429."""
    unexpected: list[int] = field(default_factory=list)


async def ask_on(crowd: Crowd, poor: Crowd, course: Course, seconds: float) -> None:
    """One caller asks in turn with either key."""
    give_up = time.monotonic() + seconds
    while time.monotonic() < give_up:
        for one in (crowd, poor):
            status, headers = await one.ask()
            course.ids.append(headers["x-nexus-request-id"])
            if status == 429 and one is poor:
                course.refusals.append(headers)
            elif status != 200:
                course.unexpected.append(status)


async def facts_of(connection: LogConnection, stream: str) -> list[tuple[str, Fact, int]]:
    """Every fact of a stream in its order: the process that wrote it, and by how many µs its clock was ahead."""
    found = []
    async for batch in StreamReader(connection, stream).batches(follow=False):
        for message in batch:
            segment = decode_segment(message.payload)
            writer = f"{segment.writer}/{segment.boot}"
            found += [(writer, fact, fact.time - message.time_us) for fact in segment.facts]
    return found


BEAT = NAME_OF[WriterBeat]


def out_of_order(facts: list[tuple[str, Fact, int]]) -> list[str]:
    """Requests whose facts of one writer go back in id or time, or whose terminal fact is not the last of them."""
    last: dict[tuple[str, str], Fact] = {}
    wrong = []
    for writer, fact, _ in facts:
        if fact.type == BEAT:
            # of no request; the one that ends a long silence (a slow start, say) goes before whatever waits
            continue
        before = last.get((writer, fact.correlation))
        if before is not None and (fact.id <= before.id or fact.time < before.time):
            wrong.append(
                f"{fact.correlation}: {fact.type} {fact.id} {fact.time} after {before.type} {before.id} {before.time}"
            )
        last[writer, fact.correlation] = fact
    return wrong


async def _settled(connection: LogConnection, wanted: set[str]) -> Seen:
    give_up = time.monotonic() + _QUIET_S
    while True:
        seen = await read_log(connection)
        closed = wanted <= seen.terminals.keys() and +seen.spent == +seen.cost()
        if closed or time.monotonic() > give_up:
            return seen
        await asyncio.sleep(0.2)


async def scenario(directory: Path, seconds: float = _PHASE_S) -> list[Promise]:
    """In a directory of its own; each phase lasts so many seconds."""
    keys = {tenant: "nvk_" + secrets.token_hex(32) for tenant in ("rich", "poor")}
    limits = {"rich": 10**12, "poor": LIMIT}

    def configuration(url: str) -> str:
        return "".join(
            CONFIGURATION.format(tenant=tenant, policy="refuse", key=key, url=url)
            + BUDGET.format(tenant=tenant, limit=limits[tenant])
            for tenant, key in keys.items()
        )

    site, course = SmallSite(directory, processes="admin"), Course()
    await asyncio.to_thread(site.start, configuration)
    try:
        with Apart(site) as apart:
            gateway, workers = Shift(directory / "gateway.clock", 3_600), Shift(directory / "workers.clock", -3_600)
            apart.start_workers(environment=workers.environment)
            await asyncio.to_thread(apart.start_gateway, environment=gateway.environment)
            crowd, rich, poor = (Crowd(apart.gateway, keys[name]) for name in ("rich", "rich", "poor"))
            await _first_answer(rich)
            crowd.start()
            await ask_on(rich, poor, course, seconds)
            gateway.set(-3_600)
            workers.set(3_600)
            await ask_on(rich, poor, course, seconds)
            await crowd.stop()
            connection = await LogConnection.open(site.endpoints["nats"], "chaos")
            try:
                return await judge(connection, course, crowd, alive=apart.alive("workers"))
            finally:
                await connection.close()
    finally:
        await asyncio.to_thread(site.stop)


async def _first_answer(crowd: Crowd) -> None:
    """Waits, with a bound, until the workers have filled the budgets."""
    give_up = time.monotonic() + _QUIET_S
    while time.monotonic() < give_up:
        if (await crowd.ask())[0] == 200:
            return
        await asyncio.sleep(0.1)


async def judge(connection: LogConnection, course: Course, crowd: Crowd, *, alive: bool) -> list[Promise]:
    wanted = crowd.told.answered | set(course.ids)
    seen = await _settled(connection, wanted)
    facts = await facts_of(connection, "TRAFFIC")
    ahead = [shift for _, _, shift in facts]
    behind = [shift for _, _, shift in await facts_of(connection, "LEDGER")]
    report = await verify_chains(connection)
    info: dict[str, Any] = await api.call(connection, "STREAM.INFO.TRAFFIC")
    several = [request for request in wanted if len(seen.terminals.get(request, ())) != 1]
    wrong = out_of_order(facts)
    afters = [int(headers.get("retry-after", "0")) for headers in course.refusals]
    strange = {status: count for status, count in crowd.told.statuses.items() if status != "200"}
    spent = seen.cost()["poor"]
    return [
        Promise(
            "clocks were apart",
            max(ahead) > 3_000_000_000 and min(behind) < -3_000_000_000,
            f"gateway_ahead_s={max(ahead) / 1e6:.0f} workers_ahead_s={min(behind) / 1e6:.0f}",
        ),
        Promise(
            "every caller is answered",
            not strange and not course.unexpected and not crowd.told.hung and alive,
            f"answered={len(wanted)} else={strange or course.unexpected} {dict(crowd.told.codes)} "
            f"hung={crowd.told.hung}",
        ),
        Promise("ids increase", course.ids == sorted(set(course.ids)), f"ids={len(course.ids)}"),
        Promise(
            "facts of a request are in order", not wrong, f"facts={len(facts)} out_of_order={len(wrong)} {wrong[:2]}"
        ),
        Promise("one terminal fact for each request", not several, f"not_one={len(several)}"),
        Promise(
            "a budget is not overshot and its end is told sanely",
            spent <= LIMIT and bool(afters) and all(1 <= after <= _DAY_S for after in afters),
            f"limit={LIMIT} spent={spent} refused={len(afters)} retry_after={min(afters, default=0)}.."
            f"{max(afters, default=0)}",
        ),
        Promise("LEDGER = cost of terminal facts", +seen.spent == +seen.cost(), f"spent={dict(seen.spent)}"),
        Promise("nothing is aged away", info["state"]["first_seq"] == 1, f"first={info['state']['first_seq']}"),
        Promise("chains verify", not report.faults, f"segments={report.segments} faults={len(report.faults)}"),
    ]


async def run(given: argparse.Namespace) -> list[Promise]:
    """The scenario."""
    if why := why_not():
        return [Promise("clock", True, f"SKIPPED: {why}", decided=False)]
    with tempfile.TemporaryDirectory(prefix="nexus-clock-") as directory:
        return await scenario(Path(directory), max(_PHASE_S, given.minutes * 10))
