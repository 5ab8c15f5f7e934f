"""Writers' load without HTTP: facts appended to the log by many at a time, and a note of which were acknowledged."""

from __future__ import annotations

import asyncio
from collections import Counter

from projections.log.connection import LogConnection
from projections.log.ending import end
from projections.log.reader import StreamReader
from projections.log.writer import SegmentWriter
from schemas import codec, subjects
from schemas.errors import Unavailable
from schemas.facts.traffic import RequestAccepted

_ACCEPTED = "request.accepted.v1"


class FactLoad:
    """Appends accepted-facts until told to stop; each has a correlation id of its own."""

    def __init__(self, writer: SegmentWriter, name: str, *, size: int = 0, spool: bool = False) -> None:
        """
        Args:
            name: what all correlation ids begin with.
            size: bytes that each fact is made longer by.
            spool: whether the spool may take them.
        """
        self.acknowledged: set[str] = set()
        """By the log."""
        self.spooled: set[str] = set()
        """Told that the spool file has them."""
        self.refused: Counter[str] = Counter()
        """`Unavailable` by its text; that is what callers meet as 503."""
        self.without_retry_after = 0
        self.failed: Counter[str] = Counter()
        """Any other end, by its kind."""
        self.most_queued = 0
        self.longest_wait_s = 0.0
        """Between an append and its end, whichever it was."""
        self._writer = writer
        self._name = name
        self._filler = "x" * size
        self._spool = spool
        self._count = 0
        self._stopping = False
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, in_flight: int) -> None:
        self._tasks = [asyncio.create_task(self._work()) for _ in range(in_flight)]

    async def stop(self, wait_s: float = 30.0) -> None:
        """Returns when all that was appended has ended, at the latest after `wait_s` seconds."""
        self._stopping = True
        await asyncio.wait(self._tasks, timeout=wait_s)
        await end(self._tasks)
        for task in self._tasks:
            if task.done() and not task.cancelled():
                task.result()

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        while not self._stopping:
            self._count += 1
            mark = f"{self._name}-{self._count}"
            data = RequestAccepted("key", "nvk_12345678", self._filler, "chat", "m", False, 1, "overlapped", 1)
            fact = self._writer.new_fact(data, tenant="chaos", actor="key:key", correlation=mark)
            began = loop.time()
            try:
                sequence = await self._writer.append(subjects.traffic(0), [fact], spool=self._spool)
            except Unavailable as error:
                self.refused[error.message] += 1
                self.without_retry_after += error.retry_after is None
                await asyncio.sleep(0.02)
            except asyncio.CancelledError:
                raise
            except Exception as error:  # what no caller should meet is counted, and judged
                self.failed[type(error).__name__] += 1
            else:
                (self.acknowledged if sequence else self.spooled).add(mark)
            self.most_queued = max(self.most_queued, self._writer.queued_bytes)
            self.longest_wait_s = max(self.longest_wait_s, loop.time() - began)


async def marks_on(connection: LogConnection) -> Counter[str]:
    """Correlation ids of all accepted-facts on TRAFFIC, each with how often it stands there."""
    found: Counter[str] = Counter()
    async for batch in StreamReader(connection, "TRAFFIC").batches(follow=False):
        for message in batch:
            for fact in codec.decode_segment(message.payload).facts:
                if fact.type == _ACCEPTED:
                    found[fact.correlation] += 1
    return found
