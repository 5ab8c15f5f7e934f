"""The sink of kind `stream`: EXPORT, one message an event, for SIEMs that read JetStream themselves."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from processors.siem.lines import Line, Place
from processors.siem.sink import Opened, Stored
from projections.log.api import publish
from projections.log.connection import LogConnection
from projections.log.reader import StreamReader
from schemas import subjects
from schemas.errors import Unavailable
from schemas.ocsf.lines import place_of

log = logging.getLogger(__name__)

_FIRST_RETRY_S, _LAST_RETRY_S = 0.1, 5.0


class ExportSink:
    """Publishes on `export.<tenant of the target>`; `Nats-Msg-Id` is target and fact.

    The target is part of the message's id because the stream recognises duplicates over all its subjects: two targets
    with the same event would swallow each other's.
    """

    most_lines = 256
    most_bytes = 4 * 1024 * 1024
    linger_s = 0.0
    repeats = False
    durable = False

    def __init__(self, connection: LogConnection, tenant: str, target: str) -> None:
        self._connection = connection
        self._subject = subjects.export(tenant)
        self._prefix = f"{tenant}/{target}/"

    async def open(self, stored: Stored | None) -> Opened:
        """Looks up what of the last batch got through, since the server recognises duplicates for minutes only."""
        skip: set[Place] = set()
        if stored is not None:
            reader = StreamReader(
                self._connection, "EXPORT", subjects=(self._subject,), start=stored.export + 1, batch=256
            )
            async for batch in reader.batches(follow=False):
                for message in batch:
                    place = place_of(message.payload) if message.msg_id.startswith(self._prefix) else None
                    if place is not None:
                        skip.add(place)
        return Opened(skip=frozenset(skip))

    async def send(self, lines: Sequence[Line]) -> int:
        """The highest sequence in EXPORT that the lines got."""
        waiting, highest, delay = list(lines), 0, _FIRST_RETRY_S
        while waiting:
            results = await asyncio.gather(*(self._publish(line) for line in waiting), return_exceptions=True)
            failed = []
            for line, result in zip(waiting, results, strict=True):
                if isinstance(result, Unavailable):
                    failed.append(line)
                elif isinstance(result, BaseException):
                    raise result
                else:
                    highest = max(highest, result)
            if failed:
                log.warning("event=siem_export_waits target=%s lines=%d", self._prefix, len(failed))
                await asyncio.sleep(delay)
                delay = min(delay * 2, _LAST_RETRY_S)
            waiting = failed
        return highest

    async def close(self) -> None:
        return None

    async def _publish(self, line: Line) -> int:
        headers = {"Nats-Msg-Id": self._prefix + line.uid}
        ack = await publish(self._connection, self._subject, line.data[:-1], headers)
        if ack.error is not None:
            raise Unavailable(f"EXPORT refuses: {ack.error.description}")
        return ack.seq
