"""Fills the disk of the log, then that of the spool, under load, and gives the room back.

A Nexus of its own whose `nats` and `spool` directories are small ext4 disks. Half of the callers use a route that
refuses when the log takes nothing, half one that spools. What is asserted:

- log full: refusing callers get 503 with `Retry-After`, spooling ones go on being answered;
- spool full as well: these get 503 with `Retry-After` too; nobody gets anything else, and nobody hangs;
- the gateway's and the log server's memory stays within a bound throughout;
- with room again, both are answered within `BACK_S` seconds, without anybody's doing, and the spool empties;
- every request that was answered stands on TRAFFIC once, with one terminal fact, and all chains verify.
"""

from __future__ import annotations

import argparse
import asyncio
import secrets
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.chaos import disks
from benchmarks.chaos.crowd import CONFIGURATION, Crowd
from benchmarks.chaos.disks import MEGABYTE, Disk
from benchmarks.chaos.oracle import Promise, read_log
from benchmarks.chaos.small_site import SmallSite
from ops.stack import procfs
from projections.log.connection import LogConnection
from projections.log.verify import verify_chains

BACK_S = 60.0
_PHASE_S = 60.0
_MEMORY = 700 * MEGABYTE
"""Bound for the gateway and the log server each; idle they are at a fifth of it."""


@dataclass
class Course:
    """What was seen on the way."""

    seconds: dict[str, float] = field(default_factory=dict)
    never: list[str] = field(default_factory=list)
    """What did not come about."""
    most: Counter[str] = field(default_factory=Counter)
    """Most resident bytes by process."""
    spooling_went_on: bool = False


async def _until(course: Course, what: str, condition: Callable[[], bool], bound: float) -> None:
    began = time.monotonic()
    while not condition():  # a bounded wait for what nobody tells
        if time.monotonic() - began > bound:
            course.never.append(what)
            break
        await asyncio.sleep(0.05)
    course.seconds[what] = time.monotonic() - began


async def _watch_memory(site: SmallSite, course: Course) -> None:
    while True:
        pids = {row["name"]: row["pid"] for row in await asyncio.to_thread(site.processes) if row["pid"]}
        resident = procfs.resident_bytes(pids.values())
        for name in ("gateway", "nats"):
            course.most[name] = max(course.most[name], resident.get(pids.get(name, 0), 0))
        await asyncio.sleep(0.5)


async def fill_and_free(site: SmallSite, log_disk: Disk, spool_disk: Disk, crowds: dict[str, Crowd]) -> Course:
    """The course of events; returns once all is as it was, or should have been."""
    course = Course()
    refusing, spooling = crowds["refuse"].told, crowds["spool"].told
    watching = asyncio.create_task(_watch_memory(site, course))
    for crowd in crowds.values():
        crowd.start()
    await _until(course, "load", lambda: min(len(refusing.answered), len(spooling.answered)) > 50, _PHASE_S)
    log_filler = log_disk.fill(leave=2 * MEGABYTE)
    await _until(course, "log full: refused", lambda: refusing.statuses["503"] > 5, _PHASE_S)
    before = len(spooling.answered)
    await _until(course, "log full: spooled", lambda: len(spooling.answered) > before + 20, _PHASE_S)
    course.spooling_went_on = len(spooling.answered) > before + 20
    spool_filler = spool_disk.fill(leave=MEGABYTE)
    await _until(course, "spool full: refused", lambda: spooling.statuses["503"] > 5, _PHASE_S)
    log_filler.unlink()
    spool_filler.unlink()
    before, before_too = len(refusing.answered), len(spooling.answered)
    await _until(
        course,
        "room again: answered",
        lambda: len(refusing.answered) > before + 10 and len(spooling.answered) > before_too + 10,
        BACK_S,
    )
    await asyncio.gather(*(crowd.stop() for crowd in crowds.values()))
    await _until(course, "room again: spool empty", lambda: not list(spool_disk.place.rglob("*.spool")), BACK_S)
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    return course


async def judge(site: SmallSite, course: Course, crowds: dict[str, Crowd]) -> list[Promise]:
    connection = await LogConnection.open(site.endpoints["nats"], "chaos")
    try:
        seen = await read_log(connection)
        report = await verify_chains(connection)
    finally:
        await connection.close()
    refusing, spooling = crowds["refuse"].told, crowds["spool"].told
    answered = refusing.answered | spooling.answered
    lost = answered - seen.accepted
    unended = [request for request in answered if len(seen.terminals.get(request, ())) != 1]
    strange = [
        f"{status} x{count}"
        for told in (refusing, spooling)
        for status, count in told.statuses.items()
        if status not in ("200", "503")
    ]
    without = refusing.no_retry_after + spooling.no_retry_after
    back = max(course.seconds.get(name, 0.0) for name in ("room again: answered", "room again: spool empty"))
    most = {name: f"{size // MEGABYTE} MB" for name, size in course.most.items()}
    return [
        Promise(
            "log full: callers get 503 with Retry-After",
            "log full: refused" not in course.never and not without,
            f"refused={refusing.statuses['503']} without_retry_after={without}",
        ),
        Promise("log full: the spool takes over", course.spooling_went_on, f"answered={len(spooling.answered)}"),
        Promise(
            "spool full too: callers get 503 with Retry-After",
            "spool full: refused" not in course.never and not without,
            f"refused={spooling.statuses['503']}",
        ),
        Promise(
            "nobody gets anything else, nobody hangs",
            not strange and not refusing.hung + spooling.hung,
            f"{strange} hung={refusing.hung + spooling.hung} "
            f"slowest_s={max(refusing.slowest_s, spooling.slowest_s):.1f}",
        ),
        Promise("memory is bounded", all(0 < size < _MEMORY for size in course.most.values()), f"most={most}"),
        Promise("it heals by itself", not course.never, f"back_s={back:.1f} never={course.never}"),
        Promise("what was answered is on the log", not lost, f"answered={len(answered)} lost={len(lost)}"),
        Promise("one terminal fact for each answered request", not unended, f"not_one={len(unended)}"),
        Promise("chains verify", not report.faults, f"segments={report.segments} faults={len(report.faults)}"),
    ]


async def run(given: argparse.Namespace) -> list[Promise]:
    """The scenario."""
    if why := disks.why_not():
        return [Promise("disk full", True, f"SKIPPED: {why}", decided=False)]
    with tempfile.TemporaryDirectory(prefix="nexus-full-") as directory:
        return await scenario(Path(directory))


async def scenario(directory: Path) -> list[Promise]:
    """In a directory of its own."""
    site = SmallSite(directory)
    log_disk = Disk(directory / "log-disk", 128 * MEGABYTE, site.data / "nats")
    spool_disk = Disk(directory / "spool-disk", 48 * MEGABYTE, site.data / "spool")
    keys = {policy: "nvk_" + secrets.token_hex(32) for policy in ("refuse", "spool")}
    with log_disk, spool_disk:

        def configuration(url: str) -> str:
            return "".join(
                CONFIGURATION.format(tenant=policy, policy=policy, key=key, url=url) for policy, key in keys.items()
            )

        await asyncio.to_thread(site.start, configuration)
        try:
            crowds: dict[str, Any] = {policy: Crowd(site.endpoints["gateway"], key) for policy, key in keys.items()}
            course = await fill_and_free(site, log_disk, spool_disk, crowds)
            return await judge(site, course, crowds)
        finally:
            await asyncio.to_thread(site.stop)
