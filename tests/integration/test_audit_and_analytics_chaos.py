"""Workers, stores and the log are killed while requests arrive: both stores end up with exactly what the log says."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

from projections.log.reader import StreamReader
from projections.rows import TRAFFIC, rows_of
from schemas.settings import environment_of
from tests.architecture.source import ROOT
from tests.integration.nats_fixture import NatsServer, nats_server
from tests.integration.views_fixture import clickhouse_url, database, module_database
from tests.integration.views_rig import Rig, rig
from tests.stack_fixture import StackThread
from tests.waiting import until

__all__ = ["clickhouse_url", "database", "module_database", "nats_server"]


COST = [column.name for column in TRAFFIC].index("cost_micros")


async def start_worker(made: Rig, log: Path) -> asyncio.subprocess.Process:
    with log.open("ab") as output:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            *["-m", "processors", "audit", "analytics"],
            cwd=ROOT,
            env={**os.environ, **environment_of(made.settings)},
            stdout=output,
            stderr=output,
        )


async def test_killed_in_every_way_the_stores_hold_exactly_the_log(
    nats_server: NatsServer, stack: StackThread, database: str, clickhouse_url: str, tmp_path: Path
) -> None:
    output = tmp_path / "worker.log"
    async with rig(nats_server, database, clickhouse_url, tmp_path) as made:
        stop = asyncio.Event()

        async def write() -> None:
            while not stop.is_set():
                await made.write(20)
                await asyncio.sleep(0.005)

        writing = asyncio.create_task(write())
        worker = await start_worker(made, output)
        try:
            for victim in ("worker", "worker", "postgres", "clickhouse", "nats", "worker"):
                seen = made.requests

                await made.reach(max(seen // 2, 1))
                if victim == "worker":
                    worker.kill()
                    assert await worker.wait() == -signal.SIGKILL
                    worker = await start_worker(made, output)
                elif victim == "nats":
                    nats_server.kill()
                    nats_server.start()
                else:
                    pid = stack.pid(victim)
                    assert pid is not None
                    os.kill(pid, signal.SIGKILL)
                    await until(lambda v=victim, p=pid: stack.pid(v) not in (None, p), f"another {victim}")  # type: ignore[misc]
            stop.set()
            await asyncio.wait_for(writing, 60)
            await made.settle()
            worker.terminate()
            assert await asyncio.wait_for(worker.wait(), 30) == 0, output.read_text()[-3000:]
        finally:
            stop.set()
            if worker.returncode is None:
                worker.kill()
                await worker.wait()
        log = [message async for batch in StreamReader(made.connection, "TRAFFIC").batches(follow=False)
               for message in batch]  # fmt: skip
        rows = rows_of(log).traffic
        assert len({row[2] for row in rows}) == len(rows) == made.requests
        postgres, clickhouse = await made.contents()
        cost = sum(row[COST] for row in rows)
        for rollup in ("traffic_5m", "traffic_hour", "traffic_day"):
            found = await made.store.query(f"SELECT sum(requests), sum(cost_micros) FROM {rollup}")
            assert found == [(len(rows), cost)], rollup
        assert postgres["traffic_event"].rows == clickhouse["traffic_events"].rows == len(rows)
