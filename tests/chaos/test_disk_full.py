"""A short full disk under log and spool: refusals say when to come back, and with room again it goes on by itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.chaos import disks
from benchmarks.chaos.disks import MEGABYTE, Disk
from benchmarks.chaos.fact_load import FactLoad, marks_on
from ops.stack import nats, supervised
from ops.stack.ports import free_port
from ops.stack.process import Backoff
from ops.stack.supervisor import Supervisor
from projections.log import topology
from projections.log.connection import LogConnection
from projections.log.verify import verify_chains
from projections.log.writer import SegmentWriter
from schemas.ids import Ids, SystemClock
from schemas.topology import EMBEDDED
from tests.waiting import until

why = disks.why_not()
pytestmark = pytest.mark.skipif(bool(why), reason=why)


async def test_a_full_disk_loses_nothing_and_heals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervised, "SICK_POLL", 0.1)
    clock = SystemClock()
    ids = Ids(clock)
    port, monitor = free_port(), free_port()
    supervisor = Supervisor(tmp_path / "data", Backoff(first=0.05, longest=0.2))
    with Disk(tmp_path / "disk", 96 * MEGABYTE) as disk:
        try:
            await supervisor.start([nats.spec(disk.place / "nats", port, "chaos", monitor)])
            connection = await LogConnection.open(nats.url(port, "chaos"), "test")
            await topology.apply(connection, EMBEDDED, replicas=1, partitions=1)
            writer = SegmentWriter(
                connection,
                clock,
                ids,
                stream="TRAFFIC",
                writer="gateway",
                boot=ids.new(),
                queue_bytes=MEGABYTE // 4,
                segment_bytes=MEGABYTE,
                spool_dir=disk.place / "spool",
                spool_after_s=0.1,
            )
            await writer.start()
            plain = FactLoad(writer, "p", size=20_000)
            plain.start(4)
            await until(lambda: len(plain.acknowledged) > 20, "the log takes facts")
            filler = disk.fill(leave=MEGABYTE)
            await until(lambda: writer.retries, "the log is full")
            load = FactLoad(writer, "s", size=20_000, spool=True)
            load.start(16)
            await until(lambda: load.refused, "the spool is full")
            assert writer.queued_bytes < MEGABYTE
            filler.unlink()
            before = len(load.acknowledged)
            await until(lambda: len(load.acknowledged) > before + 20, "the log takes facts again")
            for one in (plain, load):
                await one.stop()
            await until(lambda: not writer.spooled_bytes, "the spool is empty")
            assert not load.failed and not load.without_retry_after
            there = await marks_on(connection)
            assert (plain.acknowledged | load.acknowledged | load.spooled) - there.keys() == set()
            assert set(there.values()) == {1}
            assert (await verify_chains(connection)).ok
            assert any("stopped writing" in (status.last_exit or "") for status in supervisor.status())
            await writer.close()
            await connection.close()
        finally:
            await supervisor.stop()
