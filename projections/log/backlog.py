"""What a writer holds: facts that gather, the segments they became, the head of their chain. No sockets, no files."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from itertools import islice
from typing import Any

import msgspec

from projections.log.spool import SpoolFile
from schemas.codec import decode_segment, encode_fact, encode_segment, segment_hash
from schemas.envelope import GENESIS, Fact
from schemas.facts.traffic import TERMINALS

_fact = msgspec.msgpack.Decoder(Fact)


class Draft:
    """Facts of one subject that will leave as one segment."""

    __slots__ = ("facts", "futures", "sent", "since", "size", "spool", "subject")

    def __init__(self, subject: str, since: float) -> None:
        self.subject = subject
        self.since = since
        """Monotonic time of its first fact."""
        self.facts: list[bytes] = []
        self.futures: list[asyncio.Future[int]] = []
        self.spool: list[asyncio.Future[int]] = []
        """Those of `futures` that the spool may satisfy."""
        self.sent: list[asyncio.Future[None]] = []
        """Who wants to know when the bytes have left this process."""
        self.size = 0


class Formed:
    """A segment with its place in a chain, until it is acknowledged."""

    __slots__ = (
        "acknowledged", "attempts", "boot", "file", "first_sent", "futures", "herald", "number", "offset", "payload",
        "sent", "since", "size", "spool", "subject", "writer",
    )  # fmt: skip

    def __init__(
        self, subject: str, writer: str, boot: str, number: int, size: int, draft: Draft | None = None
    ) -> None:
        """
        Args:
            draft: what it was formed of, and who waits for that.
        """
        self.subject = subject
        self.writer = writer
        self.boot = boot
        self.number = number
        self.size = size
        self.payload: bytes | None = None
        """None while the bytes are only in `file`, at `offset`."""
        self.file: SpoolFile | None = None
        self.offset = 0
        self.futures: list[asyncio.Future[int]] = [] if draft is None else draft.futures
        self.spool: list[asyncio.Future[int]] = [] if draft is None else draft.spool
        self.sent: list[asyncio.Future[None]] = [] if draft is None else draft.sent
        self.since = 0.0 if draft is None else draft.since
        self.attempts = 0
        self.first_sent = 0.0
        self.acknowledged = False
        self.herald = False
        """A sign of life after a long silence, which goes before whatever waits."""

    @property
    def msg_id(self) -> str:
        return f"{self.writer}/{self.boot}/{self.number}"

    def left(self) -> None:
        """The bytes are out of this process: on the wire to the log, or in a file. Its death cannot take them back."""
        if self.sent:
            for sent in self.sent:
                if not sent.done():
                    sent.set_result(None)
            self.sent = []


class Backlog:
    """Drafts in the order of their first facts, then `pending`: formed, in the order of the chain."""

    def __init__(self, writer: str, boot: str, segment_bytes: int) -> None:
        self.writer = writer
        self.boot = boot
        self.number = 0
        """Of the last segment formed."""
        self.pending: deque[Formed] = deque()
        self.size = 0
        """Bytes in memory, of drafts and of formed segments."""
        self.spool_waits = 0
        """Futures that the spool may satisfy and that nothing has satisfied yet."""
        self.on_disk = 0
        """How many of `pending`, from its front, are in files."""
        self.urgent = False
        """Whether somebody waits for one of the drafts. While nobody does, they may wait for company."""
        self.ended: set[str] = set()
        """Requests that somebody else has ended, taking this writer for dead: nothing may end them again."""
        self._hash = GENESIS
        self._segment_bytes = segment_bytes
        self._drafts: deque[Draft] = deque()
        self._open: dict[str, Draft] = {}

    def __bool__(self) -> bool:
        return bool(self.pending or self._drafts)

    @property
    def since(self) -> float:
        """Monotonic time since when the oldest fact waits; infinite when none does."""
        if self.pending:
            return self.pending[0].since
        return self._drafts[0].since if self._drafts else float("inf")

    @property
    def in_memory(self) -> bool:
        """Whether anything waits that no file holds."""
        return bool(self._drafts) or self.on_disk < len(self.pending)

    @property
    def memory_since(self) -> float:
        """As `since`, of what no file holds."""
        if self.on_disk < len(self.pending):
            return self.pending[self.on_disk].since
        return self._drafts[0].since if self._drafts else float("inf")

    def add(
        self,
        subject: str,
        facts: list[bytes],
        size: int,
        future: asyncio.Future[int] | None,
        spool: bool,
        now: float,
        sent: asyncio.Future[None] | None = None,
        linger: bool = False,
    ) -> None:
        """Facts of one call stay together.

        Args:
            future: set once they are stored; must be there for the spool.
        """
        if not linger:
            self.urgent = True
        draft = self._open.get(subject)
        if draft is None or draft.size + size > self._segment_bytes:
            draft = self._open[subject] = Draft(subject, now)
            self._drafts.append(draft)
        draft.facts += facts
        draft.size += size
        self.size += size
        if future is not None:
            draft.futures.append(future)
            if spool:
                draft.spool.append(future)
                self.spool_waits += 1
        if sent is not None:
            draft.sent.append(sent)

    def begin_anew(self) -> None:
        """What is added from now on stands in segments after all that was added before."""
        self._open.clear()

    def first(self) -> Formed | None:
        """The segment whose turn it is, formed if need be."""
        if self.pending:
            return self.pending[0]
        return self._form() if self._drafts else None

    def form_up_to(self, size: int) -> list[Formed]:
        """Segments of about so many bytes of drafts, for the spool."""
        formed: list[Formed] = []
        while self._drafts and size > 0:
            formed.append(self._form())
            size -= formed[-1].size
        return formed

    def unspooled(self) -> list[Formed]:
        """The pending segments that no file holds, in order."""
        return list(islice(self.pending, self.on_disk, None))

    def acknowledged(self, sequence: int) -> Formed:
        """The first pending segment is stored."""
        segment = self.pending.popleft()
        segment.acknowledged = True
        segment.left()
        if segment.file is None:
            self.size -= segment.size
        else:
            self.on_disk -= 1
        self.spool_waits -= len(segment.spool)
        for future in segment.futures:
            if not future.done():
                future.set_result(sequence)
        return segment

    def spooled(self, segment: Formed, file: SpoolFile, offset: int) -> None:
        """The bytes of a segment are safe in a file; it may have been acknowledged in the meantime."""
        if segment.acknowledged:
            return
        segment.file, segment.offset = file, offset
        segment.payload = None
        segment.left()
        file.unacknowledged += 1
        self.on_disk += 1
        self.size -= segment.size
        self.spool_waits -= len(segment.spool)
        for future in segment.spool:
            if not future.done():
                future.set_result(0)
        segment.spool = []

    def put_first(self, subject: str, facts: list[bytes], now: float) -> bool:
        """Puts a herald before all that waits, in the chain too; False when files hold some of that, whose bytes stay.

        What waits must not be on the log.
        """
        if self.on_disk:
            return False
        waiting = list(self.pending)
        number, previous = self.number + 1, self._hash
        if waiting and (payload := waiting[0].payload) is not None:
            number, previous = waiting[0].number, decode_segment(payload).previous
        payload = encode_segment(subject, self.writer, self.boot, number, previous, facts)
        herald = Formed(subject, self.writer, self.boot, number, len(payload))
        herald.payload, herald.since, herald.herald = payload, now, True
        self.size += herald.size
        self.pending.appendleft(herald)
        self._chain_anew(number, payload, waiting)
        return True

    def end_no_more(self, requests: set[str]) -> int:
        """Takes the ends of some requests out of what waits in memory, and keeps them out; how many were there."""
        self.ended |= requests
        before = len(self.ended)
        for draft in self._drafts:
            kept = self.still_wanted(draft.facts)
            less = sum(map(len, draft.facts)) - sum(map(len, kept))
            draft.facts, draft.size, self.size = kept, draft.size - less, self.size - less
        waiting = list(self.pending)
        if waiting and not self.on_disk and waiting[0].payload is not None:
            first = decode_segment(waiting[0].payload)
            self._chain_anew(first.number - 1, None, waiting, first.previous)
        return before - len(self.ended)

    def wanted(self, facts: Sequence[Fact]) -> list[Fact]:
        """Facts without the ends of requests that others have ended; each of those comes once."""
        kept = []
        for fact in facts:
            if fact.type in TERMINALS and fact.correlation in self.ended:
                self.ended.discard(fact.correlation)
            else:
                kept.append(fact)
        return kept

    def still_wanted(self, encoded: Sequence[bytes]) -> list[bytes]:
        """`wanted` of encoded facts."""
        return [fact for fact in encoded if self.wanted([_fact.decode(fact)])]

    def _chain_anew(self, number: int, payload: bytes | None, segments: list[Formed], previous: bytes = b"") -> None:
        """Lets segments, none of which is on the log or on disk, follow from `payload` or from a hash."""
        self._hash = previous if payload is None else segment_hash(payload)
        self.number = number
        for segment in segments:
            assert segment.payload is not None, "its bytes are in no file"
            self.number += 1
            facts = [encode_fact(fact) for fact in self.wanted(decode_segment(segment.payload).facts)]
            segment.payload = encode_segment(segment.subject, self.writer, self.boot, self.number, self._hash, facts)
            self._hash = segment_hash(segment.payload)
            self.size += len(segment.payload) - segment.size
            segment.number, segment.size, segment.attempts = self.number, len(segment.payload), 0

    def adopt(self, segments: list[Formed]) -> None:
        """Segments of a former boot, which are in a file, at the end of `pending`; before anything of this one."""
        self.pending.extend(segments)
        self.on_disk += len(segments)

    def abandon(self) -> list[asyncio.Future[Any]]:
        """Empties everything; the futures that nothing has satisfied."""
        futures: list[asyncio.Future[Any]] = []
        for segment in self.pending:
            futures += [*segment.futures, *segment.sent]
        for draft in self._drafts:
            futures += [*draft.futures, *draft.sent]
        self.pending.clear()
        self._drafts.clear()
        self._open.clear()
        self.size = self.spool_waits = self.on_disk = 0
        return [future for future in futures if not future.done()]

    def _form(self) -> Formed:
        draft = self._drafts.popleft()
        self.urgent = self.urgent and bool(self._drafts)
        if self._open.get(draft.subject) is draft:
            del self._open[draft.subject]
        self.number = number = self.number + 1
        payload = encode_segment(draft.subject, self.writer, self.boot, number, self._hash, draft.facts)
        self._hash = segment_hash(payload)
        segment = Formed(draft.subject, self.writer, self.boot, number, len(payload), draft)
        segment.payload = payload
        self.size += segment.size - draft.size
        self.pending.append(segment)
        return segment
