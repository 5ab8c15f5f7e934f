"""When the log itself did not answer, by a witness of the campaign's own: a small message, stored and synced again and
again in a stream that nobody else uses. What follows from that is judged elsewhere."""

from __future__ import annotations

import asyncio
import time
from itertools import count

from projections.log import api
from projections.log.connection import LogConnection
from projections.log.ending import end
from schemas.errors import Unavailable

STALL_S = 2.0
"""An answer that takes longer is a stall: less than half of what a caller is kept waiting for the log."""
_EVERY_S = 0.25
STREAM = "CHAOS"
_SUBJECT = "chaos.witness"


class Stalls:
    """Looks until `close`."""

    def __init__(self, connection: LogConnection) -> None:
        self.seen: list[tuple[float, float]] = []
        """Monotonic times of the beginning and the end of each."""
        self._connection = connection
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        wanted = {"name": STREAM, "subjects": [_SUBJECT], "storage": "file", "max_msgs": 1, "num_replicas": 1}
        await api.call(self._connection, f"STREAM.CREATE.{STREAM}", wanted)
        self._task = asyncio.create_task(self._look(), name="stalls")

    async def close(self) -> None:
        if self._task is not None:
            await end({self._task})

    async def _look(self) -> None:
        for number in count():
            begun = time.monotonic()
            await self._stored(f"{STREAM}/{number}")
            ended = time.monotonic()
            if ended - begun > STALL_S:
                self.seen.append((begun, ended))
            await asyncio.sleep(_EVERY_S)

    async def _stored(self, msg_id: str) -> None:
        while True:
            try:
                await api.publish(self._connection, _SUBJECT, b"", {"Nats-Msg-Id": msg_id})
                return
            except (Unavailable, api.ApiError):
                await asyncio.sleep(_EVERY_S)
