"""Whether a process serves: asked over HTTP, or of the log's consumers. Each check returns or raises, after a pause."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from projections.log.api import call
from projections.log.connection import LogConnection
from projections.log.topology import durable_name
from schemas.topology import CONSUMERS

PAUSE_S = 0.05
"""Between two looks: a process that is still loading must not be kept from it by being asked."""
STILL_S = 1.0
"""After so long without a step forward, nothing more is to be expected of workers."""
ANSWER_S = 5.0
MAX_ANSWER = 64 * 1024


class NotYet(Exception):
    """It does not serve yet."""


async def check_http(host: str, port: int, path: str) -> None:
    """Returns when a GET is answered with 200."""
    try:
        status, _ = await get(host, port, path)
    except (OSError, TimeoutError, asyncio.IncompleteReadError):
        await asyncio.sleep(PAUSE_S)
        raise
    if status != 200:
        await asyncio.sleep(PAUSE_S)
        raise NotYet(f"{path} answers {status}")


async def get(host: str, port: int, path: str) -> tuple[int, Any]:
    """One GET of a server on this machine: the status, and the JSON of the answer (None when it is none).

    Raises:
        OSError, TimeoutError, IncompleteReadError: no answer.
    """
    async with asyncio.timeout(ANSWER_S):
        reader, writer = await asyncio.open_connection(host, port)
        try:
            writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n".encode("ascii"))
            head = await reader.readuntil(b"\r\n\r\n")
            body = await reader.read(MAX_ANSWER)
        finally:
            writer.close()
    try:
        decoded = json.loads(body)
    except ValueError:
        decoded = None
    return int(head.split(b" ", 2)[1]), decoded


def consumers_of(processors: Sequence[str], partitions: int) -> Iterator[tuple[str, str]]:
    """(stream, durable) of everything that some processors pull from."""
    for consumer in CONSUMERS:
        if consumer.name in processors or consumer.name.partition("-")[0] in processors:
            shares = partitions if consumer.stream == "TRAFFIC" else 1
            for partition in range(shares):
                yield consumer.stream, durable_name(consumer, partition, shares)


class Working:
    """The health of workers: the process beats, and somebody pulls from each of its consumers.

    A worker begins to pull once its store answered and it has caught up with what it had missed, so this says more
    than that the process lives. Between two pulls nobody waits, and under load nobody ever does: having been seen once,
    or having been given something, is enough.
    """

    def __init__(self, connection: LogConnection, beat_file: Path, processors: Sequence[str], partitions: int) -> None:
        self._connection = connection
        self._beat_file = beat_file
        self._consumers = frozenset(consumers_of(processors, partitions))
        self._unseen = set(self._consumers)
        self._delivered: dict[tuple[str, str], int] = {}
        """How many had been delivered at the first look."""

    async def forget(self) -> None:
        """Before another start."""
        self._beat_file.unlink(missing_ok=True)
        self._unseen = set(self._consumers)
        self._delivered.clear()

    async def check(self) -> None:
        """Returns once it beats and somebody was seen to pull from every consumer."""
        if not self._beat_file.exists():
            await asyncio.sleep(PAUSE_S)
            raise NotYet("it has not begun")
        for stream, durable in sorted(self._unseen):
            info = await call(self._connection, f"CONSUMER.INFO.{stream}.{durable}")
            delivered: int = info["delivered"]["consumer_seq"]
            if info["num_waiting"] > 0 or delivered > self._delivered.setdefault((stream, durable), delivered):
                self._unseen.discard((stream, durable))
        if self._unseen:
            await asyncio.sleep(PAUSE_S)
            raise NotYet(f"nobody pulls from {', '.join(durable for _, durable in sorted(self._unseen))}")


async def wait_drained(connection: LogConnection, processors: Sequence[str], partitions: int) -> None:
    """Returns once workers have acknowledged all that is on the log for them, or do not get any further.

    Raises:
        Unavailable, ApiError: the log does not say.
    """
    consumers = list(consumers_of(processors, partitions))
    before: list[tuple[int, int, int]] = []
    moved = time.monotonic()
    while True:
        now = [await _standing(connection, stream, durable) for stream, durable in consumers]
        if not any(pending or unacknowledged for pending, unacknowledged, _ in now):
            return
        if now != before:
            before, moved = now, time.monotonic()
        elif time.monotonic() - moved > STILL_S:
            # what a worker that died had in its hands is nobody's until its time is up; the next start reads it
            return
        await asyncio.sleep(PAUSE_S)


async def _standing(connection: LogConnection, stream: str, durable: str) -> tuple[int, int, int]:
    """Messages to be delivered, to be acknowledged, and how far all of them are."""
    info = await call(connection, f"CONSUMER.INFO.{stream}.{durable}")
    return info["num_pending"], info["num_ack_pending"], info["ack_floor"]["stream_seq"]
