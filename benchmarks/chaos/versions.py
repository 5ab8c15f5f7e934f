"""This version and an earlier one side by side on one log, forward and back again.

The earlier one is a working tree of a revision (`--with`, else the first of `EARLIER` that this repository has). It
makes the installation and shows that it serves by itself; then that gets stack and admin plane of this version. Gateway
and workers are exchanged after one another, with callers all the while a pair is up: new gateway and old workers, old
and old (a whole rollback), old gateway and new workers, new and new. Before the first exchange, facts from the future
are put on the log: one of an unknown kind, and one with fields that nobody knows yet. What is asserted:

- every caller is answered, by whichever pair;
- every answered request has one accepted-fact and one terminal fact, whoever wrote them;
- PostgreSQL has a row for each, and LEDGER what they cost: neither version's workers stop at facts of the other or of
  the future;
- every fact on the log that this version knows by name decodes; facts from the future are there byte for byte;
- `verify` of both versions finds every chain whole.
"""

from __future__ import annotations

import argparse
import asyncio
import secrets
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from benchmarks.chaos.apart import Apart
from benchmarks.chaos.crowd import CONFIGURATION, Crowd
from benchmarks.chaos.oracle import Promise, read_log, read_postgres
from benchmarks.chaos.small_site import ROOT, SmallSite
from projections.log import api
from projections.log.connection import LogConnection
from projections.log.reader import StreamReader
from projections.log.verify import verify_chains
from schemas import codec, subjects
from schemas.codec import Malformed, decode_segment, open_fact
from schemas.envelope import GENESIS, Fact
from schemas.facts.traffic import WriterBeat
from schemas.ids import Ids, SystemClock
from schemas.registry import BY_NAME

EARLIER = ("HEAD~50", "HEAD~45", "HEAD~40", "HEAD~20", "HEAD~5", "HEAD~1")
"""Which revision plays the earlier version, the first one that there is and that works by itself: between releases, a
revision may be half of a change."""
PHASE_S = 3.0
_QUIET_S = 60.0
_VERIFY = (
    "import asyncio, sys\n"
    "from projections.log.connection import LogConnection\n"
    "from projections.log.verify import verify_chains\n"
    "async def main():\n"
    "    connection = await LogConnection.open(sys.argv[1], 'verify')\n"
    "    report = await verify_chains(connection)\n"
    "    await connection.close()\n"
    "    print(report.segments, len(report.faults))\n"
    "asyncio.run(main())\n"
)


def why_not() -> str:
    """Why this cannot be run here; empty when it can."""
    return "" if (ROOT / ".git").exists() else "it needs the repository with its history"


class Unsound(Exception):
    """The revision does not work by itself, so that nothing can be told of it beside another."""


def revisions(asked: str) -> list[str]:
    """The hashes of those that may play the earlier version. Raises SystemExit when there is none."""
    names = (asked,) if asked else EARLIER
    found = [_git("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}", check=False) for name in names]
    if any(found):
        return list(dict.fromkeys(filter(None, found)))
    raise SystemExit(f"there is no revision {asked or EARLIER[-1]} here")


def _git(*words: str, check: bool = True) -> str:
    done = subprocess.run(["git", "-C", str(ROOT), *words], check=check, capture_output=True, text=True, timeout=60)
    return done.stdout.strip()


class Tree:
    """A working tree of another revision, for as long as the block lasts."""

    def __init__(self, directory: Path, revision: str) -> None:
        self.place = directory / "earlier"
        self._revision = revision

    def __enter__(self) -> Tree:
        _git("worktree", "add", "--quiet", "--detach", str(self.place), self._revision)
        return self

    def __exit__(self, *_: object) -> None:
        _git("worktree", "remove", "--force", str(self.place), check=False)


@dataclass
class Course:
    answered: set[str] = field(default_factory=set)
    strange: list[str] = field(default_factory=list)
    future: list[bytes] = field(default_factory=list)
    """Segments from the future, as they were put on the log."""


def future_segment() -> bytes:
    """A segment of a later version: a fact of an unknown kind, and a known one that says more than is known."""
    clock = SystemClock()
    ids = Ids(clock)

    def fact(type: str, data: object) -> bytes:
        raw = msgspec.Raw(msgspec.msgpack.encode(data))
        return codec.encode_fact(
            Fact(ids.new(), clock.now_us(), "later", "worker:later", "later/1", "", type, raw),
        )

    known = msgspec.msgpack.decode(msgspec.msgpack.encode(WriterBeat(0, 0)))
    beat = [*known, "said by nobody yet", {"more": [1, 2]}]
    facts = [fact("weather.observed.v9", ["sunny", {"degrees": 21}, b"\x00"]), fact("writer.beat.v1", beat)]
    return codec.encode_segment(subjects.traffic(0), "later", ids.new(), 1, GENESIS, facts)


async def serve(apart: Apart, key: str, course: Course, gateway: Path, workers: Path, seconds: float) -> None:
    """One pair of versions with callers; both are stopped in order afterwards."""
    apart.start_workers(workers)
    await asyncio.to_thread(apart.start_gateway, gateway)
    crowd = Crowd(apart.gateway, key)
    crowd.start()
    await asyncio.sleep(seconds)
    await crowd.stop()
    pair = f"gateway={gateway.name} workers={workers.name}"
    if not crowd.told.answered or not apart.alive("workers"):
        course.strange.append(f"{pair}: nobody was answered, or the workers ended")
    course.strange += [f"{pair}: {status} x{n}" for status, n in crowd.told.statuses.items() if status != "200"]
    course.answered |= crowd.told.answered
    for name in ("gateway", "workers"):
        await asyncio.to_thread(apart.stop, name)


async def scenario(directory: Path, earlier: str, seconds: float = PHASE_S) -> list[Promise]:
    """In a directory of its own. Raises Unsound."""
    key = "nvk_" + secrets.token_hex(32)
    course = Course()
    with Tree(directory, earlier) as tree:
        site = SmallSite(directory, processes="admin", source=tree.place)
        await asyncio.to_thread(
            site.start, lambda url: CONFIGURATION.format(tenant="both", policy="refuse", key=key, url=url)
        )
        try:
            await _alone(site, key, course, tree.place, seconds)
        except BaseException:
            await asyncio.to_thread(site.stop)
            raise
        await asyncio.to_thread(site.move, ROOT)
        connection = await LogConnection.open(site.endpoints["nats"], "chaos")
        try:
            course.future.append(future_segment())
            await api.publish(connection, subjects.traffic(0), course.future[0], {"Nats-Msg-Id": "later/1"})
            with Apart(site) as apart:
                old, new = tree.place, ROOT
                for gateway, workers in ((new, old), (old, old), (old, new), (new, new)):
                    await serve(apart, key, course, gateway, workers, seconds)
                apart.start_workers(new)  # somebody has to finish
                return await judge(site, connection, course, tree.place, earlier)
        finally:
            await connection.close()
            await asyncio.to_thread(site.stop)


async def _alone(site: SmallSite, key: str, course: Course, earlier: Path, seconds: float) -> None:
    """The earlier version by itself, before anything of this one has run. Raises Unsound."""
    with Apart(site) as apart:
        try:
            await serve(apart, key, course, earlier, earlier, seconds)
        except RuntimeError as error:
            raise Unsound(str(error)) from error
    if course.strange:
        raise Unsound(course.strange[0])


async def judge(site: SmallSite, connection: LogConnection, course: Course, earlier: Path, name: str) -> list[Promise]:
    give_up = time.monotonic() + _QUIET_S
    while True:
        seen = await read_log(connection)
        rows = dict(await read_postgres(site.endpoints["postgres_admin"]))
        behind = seen.terminals.keys() - rows.keys()
        if (not behind and not seen.open and +seen.spent == +seen.cost()) or time.monotonic() > give_up:
            break
        await asyncio.sleep(0.2)
    unended = [request for request in course.answered if len(seen.terminals.get(request, ())) != 1]
    facts, unread, payloads = await _read_all(connection)
    report = await verify_chains(connection)
    theirs = await asyncio.to_thread(_verify_of, earlier, site.endpoints["nats"])
    faults = [f"{fault.kind}: {fault.detail}" for fault in report.faults]
    kept = all(segment in payloads for segment in course.future)
    return [
        Promise(
            f"callers are answered by every pair with {name[:12]}",
            not course.strange and bool(course.answered),
            f"answered={len(course.answered)} {course.strange[:4]}",
        ),
        Promise("one terminal fact for each request", not unended and not seen.open, f"not_one={len(unended)}"),
        Promise("PostgreSQL = log", not behind, f"rows={len(rows)} missing={len(behind)}"),
        Promise("LEDGER = cost of terminal facts", +seen.spent == +seen.cost(), f"spent={dict(seen.spent)}"),
        Promise("every fact of either version decodes", not unread, f"facts={facts} unread={unread[:3]}"),
        Promise("facts from the future are kept byte for byte", kept, f"segments={len(course.future)}"),
        Promise("this version verifies every chain", not report.faults, f"segments={report.segments} {faults[:2]}"),
        Promise("the earlier one does so too", theirs.endswith(" 0"), f"segments, faults = {theirs}"),
    ]


async def _read_all(connection: LogConnection) -> tuple[int, list[str], list[bytes]]:
    """(facts, names of those that this version should read and cannot, payloads)."""
    count, unread, payloads = 0, [], []
    async for batch in StreamReader(connection, "TRAFFIC").batches(follow=False):
        for message in batch:
            payloads.append(bytes(message.payload))
            for fact in decode_segment(message.payload).facts:
                count += 1
                try:
                    if open_fact(fact) is None and fact.type in BY_NAME:
                        unread.append(fact.type)
                except Malformed:
                    unread.append(fact.type)
    return count, unread, payloads


def _verify_of(source: Path, url: str) -> str:
    """What the verification of another version says: segments and faults."""
    done = subprocess.run(
        [sys.executable, "-P", "-c", _VERIFY, url],
        cwd=source,
        env={"PYTHONPATH": str(source)},
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    return done.stdout.strip() or done.stderr.strip()[-200:]


async def run(given: argparse.Namespace) -> list[Promise]:
    """The scenario with `given.revision`."""
    if why := why_not():
        return [Promise("versions", True, f"SKIPPED: {why}", decided=False)]
    broken = ""
    for earlier in revisions(given.revision or ""):
        with tempfile.TemporaryDirectory(prefix="nexus-versions-") as directory:
            try:
                return await scenario(Path(directory), earlier)
            except Unsound as error:
                broken = f"{earlier[:12]} does not work by itself: {error}"
    return [Promise("versions", True, broken, decided=False)]
