"""Where a worker that keeps its state in memory starts to read after a restart: a position on the log's server."""

from __future__ import annotations

import asyncio
import logging

from projections.log import api
from projections.log.connection import LogConnection
from schemas.errors import Unavailable
from schemas.topology import WORKER_MARKS

log = logging.getLogger(__name__)


class Mark:
    """One worker's mark. An old one only makes the next start read more."""

    def __init__(self, connection: LogConnection, worker: str) -> None:
        self._connection = connection
        self._subject = f"$KV.{WORKER_MARKS}.{worker}"
        self._saved = 0

    async def load(self) -> int:
        """The sequence to start at, 1 when nothing was saved; waits while the log cannot be reached."""
        while True:
            try:
                found = await api.get_message(self._connection, f"KV_{WORKER_MARKS}", last_of=self._subject)
            except Unavailable as error:
                log.info("event=mark_unread reason=%s", error)
                await asyncio.sleep(0.5)
            else:
                return max(1, int(found.payload)) if found is not None and found.payload.isdigit() else 1

    async def save(self, sequence: int) -> None:
        """Saves what moved; without the log, the mark stays where it was."""
        if sequence == self._saved:
            return
        try:
            await api.publish(self._connection, self._subject, str(sequence).encode(), {})
            self._saved = sequence
        except Unavailable as error:
            log.info("event=mark_unsaved reason=%s", error)
