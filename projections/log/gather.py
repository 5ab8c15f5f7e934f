"""Facts that wait, and the segments they become: the writer's head of its chain. No sockets, no files."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import NamedTuple

from schemas.codec import encode_segment, segment_hash
from schemas.envelope import GENESIS


class Entry(NamedTuple):
    """One call of `append`: its facts stay together in one segment."""

    facts: list[bytes]
    size: int
    future: asyncio.Future[int]
    spool: bool
    since: float
    """Monotonic time of the call."""


class Formed:
    """A segment with its place in the chain, until it is acknowledged."""

    __slots__ = ("attempts", "entries", "first_sent", "msg_id", "offset", "payload", "since", "size", "subject")

    def __init__(self, subject: str, msg_id: str, payload: bytes, entries: list[Entry], since: float) -> None:
        self.subject = subject
        self.msg_id = msg_id
        self.payload: bytes | None = payload
        """None while the bytes are only in the spool, at `offset`."""
        self.size = len(payload)
        self.entries = entries
        self.since = since
        self.offset = -1
        self.attempts = 0
        self.first_sent = 0.0

    @property
    def on_disk(self) -> bool:
        return self.offset >= 0


class Gathering:
    """Queues by subject, and the head of the chain that their segments extend."""

    def __init__(self, writer: str, boot: str, segment_bytes: int) -> None:
        self.writer = writer
        self.boot = boot
        self.number = 0
        self.facts = 0
        self.size = 0
        """Bytes of encoded facts that wait."""
        self.wanting_spool = 0
        """How many waiting entries may be satisfied by the spool."""
        self._hash = GENESIS
        self._segment_bytes = segment_bytes
        self._queues: dict[str, deque[Entry]] = {}

    def __bool__(self) -> bool:
        return bool(self._queues)

    @property
    def oldest(self) -> float:
        """Monotonic time since when the oldest entry waits; infinite when none does."""
        return min((queue[0].since for queue in self._queues.values()), default=float("inf"))

    def add(self, subject: str, entry: Entry) -> None:
        queue = self._queues.get(subject)
        if queue is None:
            queue = self._queues[subject] = deque()
        queue.append(entry)
        self.size += entry.size
        self.wanting_spool += entry.spool

    def form(self) -> Formed:
        """The next segment: as much as fits of the subject that has not had its turn for longest."""
        subject, queue = next(iter(self._queues.items()))
        facts: list[bytes] = []
        entries: list[Entry] = []
        size = 0
        while queue:
            entry = queue[0]
            size += entry.size
            if entries and size > self._segment_bytes:
                size -= entry.size
                break
            entries.append(queue.popleft())
            facts += entry.facts
            self.wanting_spool -= entry.spool
        del self._queues[subject]
        if queue:
            self._queues[subject] = queue
        self.size -= size
        self.facts += len(facts)
        self.number += 1
        payload = encode_segment(subject, self.writer, self.boot, self.number, self._hash, facts)
        self._hash = segment_hash(payload)
        return Formed(subject, f"{self.writer}/{self.boot}/{self.number}", payload, entries, entries[0].since)

    def take_all(self) -> list[Entry]:
        """Empties the queues; for giving up."""
        entries = [entry for queue in self._queues.values() for entry in queue]
        self._queues.clear()
        self.size = self.wanting_spool = 0
        return entries
