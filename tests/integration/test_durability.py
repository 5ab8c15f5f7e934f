"""A real server is asked how it syncs; what cannot be learnt is not claimed."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from benchmarks.chaos.log_server import LogServer
from projections.log import topology
from projections.log.connection import LogConnection
from projections.log.durability import DurabilityWatch, look
from schemas.topology import EMBEDDED
from tests.waiting import until


@asynccontextmanager
async def log_on(directory: Path, sync: str) -> AsyncIterator[tuple[LogServer, LogConnection]]:
    server = LogServer(directory / "nats", sync)
    await server.start(directory / "log")
    connection = await LogConnection.open(server.url, "test", wait_s=10)
    try:
        await topology.apply(connection, EMBEDDED, replicas=1, partitions=1)
        yield server, connection
    finally:
        await connection.close()
        server.kill()


async def test_a_log_that_syncs_may_be_called_durable(tmp_path: Path) -> None:
    async with log_on(tmp_path, "always") as (server, connection):
        assert await look(connection, server.monitor) == await look(connection, f" {server.monitor}/ ,")
        standing = await look(connection, server.monitor)
        assert (standing.durable, standing.reason) == (True, "")
        unknown = await look(connection, "")
        assert not unknown.durable and "NEXUS_NATS_MONITOR" in unknown.reason
        for address in ("http://127.0.0.1:1", "ftp://127.0.0.1", "nonsense"):
            assert "gives no answer" in (await look(connection, address)).reason
        other = LogServer(tmp_path / "other")
        await other.start(tmp_path / "log")
        try:
            assert "another server" in (await look(connection, other.monitor)).reason
            # all servers of the log have to sync, and one of them is the one we talk to
            assert (await look(connection, f"{server.monitor},{other.monitor}")).durable
        finally:
            other.kill()


async def test_a_log_that_does_not_sync_is_told_and_one_that_comes_back_changed_is_noticed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with log_on(tmp_path, "10s") as (server, connection):
        watch = await DurabilityWatch(connection, server.monitor).start()
        try:
            assert not watch.standing.durable
            assert "which it does every 10 s" in watch.standing.reason
            told = [record for record in caplog.records if record.levelno == logging.WARNING]
            assert any("not durable" in record.getMessage() for record in told)
            server.kill()
            server.sync = "always"
            await server.start(tmp_path / "log")
            await until(lambda: watch.standing.durable, "the watch has looked again")
        finally:
            await watch.close()


async def test_a_stream_in_memory_makes_the_log_not_durable(tmp_path: Path) -> None:
    server = LogServer(tmp_path / "nats")
    await server.start(tmp_path / "log")
    connection = await LogConnection.open(server.url, "test", wait_s=10)
    try:
        assert "CONFIG is stored cannot be learnt" in (await look(connection, server.monitor)).reason
        await connection.js.add_stream(name="OPS", subjects=["ops.*"], storage="memory")
        with pytest.raises(Exception, match="storage"):
            await topology.apply(connection, EMBEDDED, replicas=1, partitions=1)
        assert not (await look(connection, server.monitor)).durable
    finally:
        await connection.close()
        server.kill()
