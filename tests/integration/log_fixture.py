"""A log for tests: server, connection, topology; facts to write and ways to look at what was written."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from projections.log import api, topology
from projections.log.connection import LogConnection
from projections.log.reader import Message, StreamReader
from projections.log.writer import SegmentWriter
from schemas import codec
from schemas.envelope import Fact
from schemas.facts.traffic import RequestAccepted
from schemas.ids import Ids, SystemClock
from schemas.topology import EMBEDDED
from tests.integration.nats_fixture import NatsServer

CLOCK = SystemClock()
IDS = Ids(CLOCK)


@pytest.fixture
async def connection(nats_server: NatsServer) -> AsyncIterator[LogConnection]:
    connection = await LogConnection.open(nats_server.url, "test", wait_s=10)
    await topology.apply(connection, EMBEDDED, replicas=1, partitions=1)
    yield connection
    await connection.close()


def writer_on(connection: LogConnection, boot: str = "b1", **other: Any) -> SegmentWriter:
    options: dict[str, Any] = {
        "stream": "TRAFFIC",
        "writer": "w",
        "boot": boot,
        "queue_bytes": 64 << 20,
        "segment_bytes": 1 << 20,
    }
    return SegmentWriter(connection, CLOCK, IDS, **(options | other))


def fact(mark: str, size: int = 0) -> Fact:
    """An accepted-fact that can be told by its correlation id."""
    data = RequestAccepted("key", "nvk_12345678", "x" * size, "chat", "m", False, 1, "overlapped", 1)
    return codec.fact(data, id=IDS.new(), time=CLOCK.now_us(), tenant="t", actor="key:key", correlation=mark)


async def stored(connection: LogConnection, stream: str = "TRAFFIC") -> list[Message]:
    return [message async for batch in StreamReader(connection, stream).batches(follow=False) for message in batch]


def marks(messages: list[Message]) -> list[str]:
    """Correlation ids of all accepted-facts, in the order of the log."""
    return [
        fact.correlation
        for message in messages
        for fact in codec.decode_segment(message.payload).facts
        if fact.type == "request.accepted.v1"
    ]


async def until(condition: Callable[[], bool], what: str, seconds: float = 60.0) -> None:
    """Waits for a condition; fails when it does not come about."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds} s for: {what}"
        await asyncio.sleep(0.005)


def spool_files(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.glob("*")) if directory.exists() else []


async def shorten_memory(connection: LogConnection, stream: str) -> None:
    """Makes the server forget message ids after the shortest time that it allows."""
    config = (await api.call(connection, f"STREAM.INFO.{stream}"))["config"]
    await api.call(connection, f"STREAM.UPDATE.{stream}", config | {"duplicate_window": 100_000_000})


async def forgotten(connection: LogConnection, subject: str) -> None:
    """Returns once the server has forgotten every id that was stored before this call; leaves probes behind."""
    headers = {"Nats-Msg-Id": "probe"}
    assert not (await api.publish(connection, subject, b"", headers)).duplicate
    for _ in range(10_000):
        if not (await api.publish(connection, subject, b"", headers)).duplicate:
            return
    raise AssertionError("the server does not forget")
