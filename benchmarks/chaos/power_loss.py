"""Pulls the plug under load: what the log, the spool and the positions have confirmed is there when power comes back.

The disk is an ext4 image that is shut down without a flush (EXT4_IOC_SHUTDOWN, as in the kernel's own tests): what
nobody synced is gone, the journal is replayed at the next mount. What was confirmed is noted in this process,
which keeps its power, and is closed before the plug is pulled. What is asserted, after every cut:

- every fact whose append was answered with a sequence is on TRAFFIC;
- every fact whose append was answered by the spool reaches TRAFFIC once its writer is started again;
- no fact stands there twice, and all chains verify;
- a position of a SIEM target that was saved is not behind what it was (else events would be sent twice);
- writing goes on by itself, within `BACK_S` seconds of the mount.

Then a whole Nexus with callers, all its files on such a disk, is cut once and started again: what callers were answered
before the cut, and what PostgreSQL, the SIEM file and LEDGER say, is held against the log (`power_whole`).

The control: the same with `sync_interval: 10s` has to lose acknowledged facts, and the check of the server's durability
has to have said so before. A run in which the control loses nothing proves nothing and counts as broken.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import random
import signal
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.chaos import disks
from benchmarks.chaos.disks import MEGABYTE, Disk
from benchmarks.chaos.fact_load import FactLoad, marks_on
from benchmarks.chaos.log_server import LogServer
from benchmarks.chaos.oracle import Promise
from benchmarks.chaos.power_whole import cut_whole
from processors.siem.positions import Positions
from processors.siem.sink import Stored
from projections.log import topology
from projections.log.connection import LogConnection
from projections.log.durability import look
from projections.log.ending import end
from projections.log.verify import verify_chains
from projections.log.writer import SegmentWriter
from schemas.ids import Ids, SystemClock
from schemas.topology import EMBEDDED

ROUNDS = 6
BACK_S = 30.0
_DISK = 256 * MEGABYTE
_IN_FLIGHT = 24
_TARGET = "chaos.file"
_LIFE = "one"


@dataclass
class Seen:
    """What was confirmed before the cuts and what was found after them."""

    acknowledged: set[str] = field(default_factory=set)
    spooled: set[str] = field(default_factory=set)
    lost: set[str] = field(default_factory=set)
    lost_spooled: set[str] = field(default_factory=set)
    doubles: int = 0
    faults: list[str] = field(default_factory=list)
    position: int = 0
    """The last one that was saved."""
    behind: int = 0
    """Cuts after which the position was behind that."""
    back_s: list[float] = field(default_factory=list)
    cuts: int = 0
    called_durable: bool = True


class Machine:
    """A disk, a log server and one writer on it: all that has to remember."""

    def __init__(self, directory: Path, sync: str) -> None:
        self._logs = directory / "nats.log"
        self.disk = Disk(directory, _DISK)
        self.server = LogServer(self.disk.place / "nats", sync)
        self._clock = SystemClock()
        self._ids = Ids(self._clock)
        self.connection: LogConnection
        self.writer: SegmentWriter
        self.positions: Positions

    async def boot(self) -> None:
        await self.server.start(self._logs)
        self.connection = await LogConnection.open(self.server.url, "chaos", wait_s=10)
        await topology.apply(self.connection, EMBEDDED, replicas=1, partitions=1)
        self.positions = Positions(self.connection)
        self.writer = SegmentWriter(
            self.connection,
            self._clock,
            self._ids,
            stream="TRAFFIC",
            writer="gateway",
            boot=self._ids.new(),
            queue_bytes=8 * MEGABYTE,
            segment_bytes=MEGABYTE,
            spool_dir=self.disk.place / "data" / "spool" / "gateway",
            spool_after_s=0.1,
        )
        await self.writer.start()

    async def fall(self) -> None:
        """After the plug: ends what had been running, none of which can write any more."""
        self.server.kill()
        await self.writer.close(wait_s=0)
        await self.connection.close()
        await asyncio.to_thread(self.disk.unmount)

    async def drained(self) -> None:
        """Returns when the log has all that the spool held, and one new fact. Raises TimeoutError."""
        async with asyncio.timeout(BACK_S):
            probe = FactLoad(self.writer, f"probe-{self._ids.new()}")
            probe.start(1)
            while self.writer.spooled_bytes or not probe.acknowledged:  # noqa: ASYNC110  # nobody tells
                await asyncio.sleep(0.01)
            await probe.stop()


async def cut_once(
    machine: Machine, seen: Seen, dice: random.Random, number: int, *, logs_away: bool, in_flight: int = _IN_FLIGHT
) -> None:
    """Load, the plug, power again, and the look at what is there.

    Args:
        logs_away: the server stops to answer before the plug is pulled, so that the spool is at work.
    """
    await machine.boot()
    plain = FactLoad(machine.writer, f"p{number}", size=dice.choice((0, 200, 2_000)))
    spooling = FactLoad(machine.writer, f"s{number}", spool=True)
    for load in (plain, spooling):
        load.start(in_flight // 2)
    saving = asyncio.create_task(_save_positions(machine.positions, seen))
    await asyncio.sleep(dice.uniform(0.2, 1.2))
    if logs_away:
        machine.server.signal(signal.SIGSTOP)
        async with asyncio.timeout(BACK_S):
            while not spooling.spooled:  # noqa: ASYNC110  # nobody tells
                await asyncio.sleep(0.01)
        await asyncio.sleep(dice.uniform(0.0, 0.5))
    # from here to the plug nothing else runs: what is noted has been confirmed before
    seen.acknowledged |= plain.acknowledged | spooling.acknowledged
    seen.spooled |= spooling.spooled
    position = seen.position
    machine.disk.cut()
    seen.cuts += 1
    await end((saving,))
    await machine.fall()
    for load in (plain, spooling):
        await load.stop(0)
    machine.disk.mount()
    began = time.monotonic()
    await machine.boot()
    seen.called_durable &= (await look(machine.connection, machine.server.monitor)).durable
    try:
        await machine.drained()
        seen.back_s.append(time.monotonic() - began)
    except TimeoutError:
        seen.back_s.append(float("inf"))
    await _judge_cut(machine, seen, position)
    await machine.writer.close()
    await machine.connection.close()
    machine.server.kill()


async def _judge_cut(machine: Machine, seen: Seen, position: int) -> None:
    there = await marks_on(machine.connection)
    seen.lost |= seen.acknowledged - there.keys()
    seen.lost_spooled |= seen.spooled - there.keys()
    seen.doubles += sum(count > 1 for count in there.values())
    report = await verify_chains(machine.connection)
    seen.faults += [f"{fault.kind} at {fault.stream}:{fault.sequence}" for fault in report.faults]
    stored = await machine.positions.load(_TARGET)
    seen.behind += stored is None or stored.place[0] < position


async def _save_positions(positions: Positions, seen: Seen) -> None:
    while True:
        await positions.save(_TARGET, Stored(life=_LIFE, place=(seen.position + 1, 0)))
        seen.position += 1


async def cuts(
    directory: Path, sync: str, rounds: int, seed: int, logs_away: int = 0, in_flight: int = _IN_FLIGHT
) -> Seen:
    """So many cuts of one machine, every second one while the log is away; a few seconds each.

    Args:
        logs_away: 1 to begin with the log away, 0 with the log there.
        in_flight: facts that wait for an answer at a time; all that was answered is read back after the cut.
    """
    seen, dice = Seen(), random.Random(seed)
    machine = Machine(directory, sync)
    with machine.disk:
        try:
            for number in range(rounds):
                away = (number + logs_away) % 2 == 1
                await cut_once(machine, seen, dice, number, logs_away=away, in_flight=in_flight)
        finally:
            machine.server.kill()
    return seen


def judge(seen: Seen, control: Seen) -> list[Promise]:
    slowest = max(seen.back_s, default=float("inf"))
    return [
        Promise(
            "what the log acknowledged survives a power cut",
            not seen.lost and bool(seen.acknowledged),
            f"cuts={seen.cuts} acknowledged={len(seen.acknowledged)} lost={len(seen.lost)}",
        ),
        Promise(
            "what the spool took survives a power cut and reaches the log",
            not seen.lost_spooled and bool(seen.spooled),
            f"spooled={len(seen.spooled)} lost={len(seen.lost_spooled)}",
        ),
        Promise("nothing stands on the log twice", not seen.doubles, f"double={seen.doubles}"),
        Promise("chains verify after every cut", not seen.faults, f"faults={len(seen.faults)} {seen.faults[:3]}"),
        Promise(
            "positions of SIEM targets do not go back",
            not seen.behind and seen.position > 0,
            f"saved={seen.position} behind={seen.behind}",
        ),
        Promise("writing goes on by itself", slowest < BACK_S, f"slowest_s={slowest:.1f} after mount"),
        Promise("a log that syncs is called durable", seen.called_durable, "sync_interval=always"),
        Promise(
            "control: without a sync at each write the same cut loses facts",
            bool(control.lost),
            f"sync_interval=10s acknowledged={len(control.acknowledged)} lost={len(control.lost)}",
        ),
        Promise("control: a log that does not sync is not called durable", not control.called_durable, ""),
    ]


async def run(given: argparse.Namespace) -> list[Promise]:
    """The scenario: `given.rounds` cuts with `given.seed`, then the control."""
    if why := disks.why_not():
        return [Promise("power loss", True, f"SKIPPED: {why}", decided=False)]
    logging.getLogger("projections.log").setLevel(logging.CRITICAL)  # a cut is a flood of errors, all of them wanted
    with tempfile.TemporaryDirectory(prefix="nexus-power-") as directory:
        place = Path(directory)
        seen = await cuts(place / "always", "always", given.rounds or ROUNDS, given.seed)
        control = await cuts(place / "control", "10s", 1, given.seed)
        whole = place / "whole"
        whole.mkdir()
        return judge(seen, control) + await cut_whole(whole, given.seed)
