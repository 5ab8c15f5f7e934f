"""The spool against a real server: facts outlive the log's absence and the process that wrote them."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from projections.log.connection import LogConnection
from projections.log.verify import verify_chains
from schemas.errors import Unavailable
from tests.integration.log_fixture import (
    connection,
    fact,
    forgotten,
    marks,
    shorten_memory,
    spool_files,
    stored,
    until,
    writer_on,
)
from tests.integration.nats_fixture import NatsServer, nats_server

__all__ = ["connection", "nats_server"]

ROOT = Path(__file__).resolve().parents[2]


async def _gone(connection: LogConnection, server: NatsServer) -> None:
    server.kill()
    await until(lambda: not connection.connected, "the loss is noticed")


async def test_facts_are_safe_without_a_log_and_reach_it_in_order(
    connection: LogConnection, nats_server: NatsServer, tmp_path: Path
) -> None:
    directory = tmp_path / "spool"
    writer = writer_on(connection, spool_dir=directory, spool_after_s=0.1)
    await writer.start()
    assert await writer.append("traffic.0", [fact("0")], spool=True) == 1
    await _gone(connection, nats_server)
    strict = writer.append("traffic.0", [fact("1")])
    assert await asyncio.wait_for(writer.append("traffic.0", [fact("2")], spool=True), 10) == 0
    for n in range(3, 30):
        assert await asyncio.wait_for(writer.append("traffic.0", [fact(str(n))], spool=True), 10) == 0
    # whoever did not ask for the spool waits for the log itself
    assert not strict.done()
    assert len(spool_files(directory)) == 1 and writer.spooled_bytes > 0 and writer.queued_bytes == 0
    assert not writer.healthy or writer.oldest_wait_s < 2
    nats_server.start()
    assert await asyncio.wait_for(strict, 20) > 1
    assert await asyncio.wait_for(writer.append("traffic.0", [fact("30")]), 20) > 1
    await until(lambda: spool_files(directory) == [], "the spool is cleared away")
    assert writer.healthy and writer.spooled_bytes == 0
    # a second outage finds all as it was
    await _gone(connection, nats_server)
    assert await asyncio.wait_for(writer.append("traffic.0", [fact("31")], spool=True), 10) == 0
    nats_server.start()
    await writer.close(wait_s=20)
    assert spool_files(directory) == []
    assert marks(await stored(connection)) == [str(n) for n in range(32)]
    assert (await verify_chains(connection)).ok


async def test_the_spool_is_drained_while_more_comes(
    connection: LogConnection, nats_server: NatsServer, tmp_path: Path
) -> None:
    writer = writer_on(connection, spool_dir=tmp_path / "spool", spool_after_s=0.05)
    await writer.start()
    await _gone(connection, nats_server)
    futures = []
    for n in range(300):
        futures.append(writer.append("traffic.0", [fact(str(n))], spool=True))
        if n % 10 == 0:
            await asyncio.wait_for(futures[-1], 10)
    nats_server.start()
    n = 300
    while spool_files(tmp_path / "spool") or n < 400:
        futures.append(writer.append("traffic.0", [fact(str(n))], spool=True))
        await asyncio.wait_for(futures[-1], 20)
        n += 1
        assert n < 20_000, "the spool does not empty under a steady load"
    await writer.close()
    assert marks(await stored(connection)) == [str(k) for k in range(n)]
    assert (await verify_chains(connection)).ok


async def test_what_a_killed_process_spooled_is_not_lost(
    connection: LogConnection, nats_server: NatsServer, tmp_path: Path
) -> None:
    directory = tmp_path / "spool"
    child = subprocess.Popen(  # noqa: ASYNC220  its pipes are read line by line in threads below
        [sys.executable, "-m", "tests.integration.spooling_child", nats_server.url, str(directory)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert child.stdin is not None and child.stdout is not None
    try:
        assert await asyncio.wait_for(asyncio.to_thread(child.stdout.readline), 20) == b"ready\n"
        await _gone(connection, nats_server)
        child.stdin.write(b"\n")
        child.stdin.flush()
        assert await asyncio.wait_for(asyncio.to_thread(child.stdout.readline), 20) == b"spooled\n"
        assert spool_files(directory) != []
    finally:
        os.kill(child.pid, signal.SIGKILL)
        child.wait(10)
        child.stdin.close()
        child.stdout.close()
    nats_server.start()
    writer = writer_on(connection, boot="next", spool_dir=directory)
    await writer.start()
    await asyncio.wait_for(writer.append("traffic.0", [fact("next")]), 20)
    await writer.close()
    assert marks(await stored(connection)) == [*(str(n) for n in range(60)), "next"]
    report = await verify_chains(connection)
    assert report.ok and report.chains == 2
    assert spool_files(directory) == []


async def test_a_spool_that_was_drained_before_is_not_written_twice(
    connection: LogConnection, nats_server: NatsServer, tmp_path: Path
) -> None:
    """A crash after the log had taken (some of) a spool, and so long ago that the server has forgotten the ids."""
    await shorten_memory(connection, "TRAFFIC")
    directory, aside = tmp_path / "spool", tmp_path / "aside"
    writer = writer_on(connection, spool_dir=directory, spool_after_s=0.05)
    await writer.start()
    await writer.append("traffic.0", [fact("0")])
    await _gone(connection, nats_server)
    for n in range(1, 20):
        await asyncio.wait_for(writer.append("traffic.0", [fact(str(n))], spool=True), 10)
    shutil.copytree(directory, aside)
    nats_server.start()
    await writer.close(wait_s=20)
    await forgotten(connection, "traffic.9")

    shutil.rmtree(directory)
    shutil.copytree(aside, directory)
    again = writer_on(connection, boot="b2", spool_dir=directory)
    await again.start()
    await asyncio.wait_for(again.append("traffic.0", [fact("20")]), 20)
    await again.close()
    own = [message for message in await stored(connection) if message.msg_id.startswith("w/")]
    assert marks(own) == [str(n) for n in range(21)]
    assert spool_files(directory) == []


async def test_a_full_spool_refuses(connection: LogConnection, nats_server: NatsServer, tmp_path: Path) -> None:
    writer = writer_on(connection, spool_dir=tmp_path, spool_after_s=0.05, spool_bytes=10_000)
    await writer.start()
    await _gone(connection, nats_server)
    count = 0
    with pytest.raises(Unavailable, match="spool is full"):
        while count < 1000:
            await asyncio.wait_for(writer.append("traffic.0", [fact(str(count))], spool=True), 10)
            count += 1
    assert 10 < count < 100 and writer.spooled_bytes <= 10_000
    assert await asyncio.wait_for(writer.append("traffic.0", [fact("must")], spool=True, must=True), 10) == 0
    nats_server.start()
    await writer.close(wait_s=20)
    assert marks(await stored(connection)) == [*(str(n) for n in range(count)), "must"]


async def test_close_without_a_log_spools_everything(
    connection: LogConnection, nats_server: NatsServer, tmp_path: Path
) -> None:
    writer = writer_on(connection, spool_dir=tmp_path / "spool")
    await writer.start()
    await _gone(connection, nats_server)
    waiting = writer.append("traffic.0", [fact("strict")])
    await writer.close(wait_s=0.1)
    with pytest.raises(Unavailable):
        waiting.result()
    nats_server.start()
    again = writer_on(connection, boot="b2", spool_dir=tmp_path / "spool")
    await again.start()
    await again.close(wait_s=20)
    assert marks(await stored(connection)) == ["strict"]
    report = await verify_chains(connection)
    assert report.ok and report.chains == 2


async def test_a_disk_that_refuses_leaves_all_in_memory(
    connection: LogConnection, nats_server: NatsServer, tmp_path: Path
) -> None:
    directory = tmp_path / "spool"
    writer = writer_on(connection, spool_dir=directory, spool_after_s=0.05)
    await writer.start()
    await _gone(connection, nats_server)
    directory.rmdir()
    directory.write_text("no directory any more")
    first = writer.append("traffic.0", [fact("0")], spool=True)
    second: list[asyncio.Future[int]] = []

    def refused() -> bool:
        try:
            second.append(writer.append("traffic.0", [fact(str(len(second) + 1))], spool=True))
        except Unavailable:
            return True
        return False

    await until(refused, "the writer refuses what it cannot make safe")
    assert not first.done()
    nats_server.start()
    assert await asyncio.wait_for(first, 20) > 0
    await writer.close()
    assert marks(await stored(connection)) == [str(n) for n in range(len(second) + 1)]


async def test_a_spool_that_cannot_be_made_is_said_at_the_start(connection: LogConnection, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no directory")
    writer = writer_on(connection, spool_dir=tmp_path / "file" / "spool")
    with pytest.raises(OSError):
        await writer.start()
