"""What a writer holds: facts that gather, the segments they became, the head of their chain. No sockets, no files."""

from __future__ import annotations

import asyncio
from collections import deque
from itertools import islice
from typing import Any

from projections.log.chain import Chain
from projections.log.spool import SpoolFile
from schemas.codec import decode_written, encode_segment, segment_hash
from schemas.envelope import GENESIS


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
        "acknowledged", "attempts", "chain", "dropped", "file", "first_sent", "futures", "hash", "herald", "length",
        "number", "offset", "payload", "sent", "since", "size", "spool", "subject",
    )  # fmt: skip

    def __init__(self, subject: str, chain: Chain, number: int, size: int, draft: Draft | None = None) -> None:
        """
        Args:
            draft: what it was formed of, and who waits for that.
        """
        self.subject = subject
        self.chain = chain
        self.number = number
        self.size = size
        self.hash = b""
        """Of its bytes; empty for one that was left, until it is its turn."""
        self.payload: bytes | None = None
        """None while the bytes are only in `file`, `length` of them at `offset`."""
        self.file: SpoolFile | None = None
        self.offset = self.length = 0
        self.futures: list[asyncio.Future[int]] = [] if draft is None else draft.futures
        self.spool: list[asyncio.Future[int]] = [] if draft is None else draft.spool
        self.sent: list[asyncio.Future[None]] = [] if draft is None else draft.sent
        self.since = 0.0 if draft is None else draft.since
        self.attempts = 0
        self.first_sent = 0.0
        self.acknowledged = False
        self.herald = False
        """A sign of life after a long silence, which goes before whatever waits."""
        self.dropped: set[str] = set()
        """Requests whose ends were taken out of it."""

    @property
    def msg_id(self) -> str:
        return self.chain.msg_id(self.number)

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
        self.chain = Chain(writer, boot)
        self.herald: Formed | None = None
        """Goes before `pending`, and never into a file."""
        self.pending: deque[Formed] = deque()
        self.size = 0
        """Bytes in memory, of drafts and of formed segments."""
        self.spool_waits = 0
        """Futures that the spool may satisfy and that nothing has satisfied yet."""
        self.on_disk = 0
        """How many of `pending`, from its front, are in files."""
        self.urgent = False
        """Whether somebody waits for one of the drafts. While nobody does, they may wait for company."""
        self._number = 0
        self._hash = GENESIS
        """Of the last segment formed, as is `_number`."""
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
        if self.herald is not None:
            return self.herald
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
        """The segment whose turn it is is stored."""
        segment, self.herald = self.herald or self.pending.popleft(), None
        segment.acknowledged = True
        segment.left()
        chain = segment.chain
        if segment.hash:
            chain.number, chain.hash = segment.number, segment.hash
        if segment.herald:
            return segment
        if segment.file is None:
            self.size -= segment.size
        else:
            self.on_disk -= 1
        self.spool_waits -= len(segment.spool)
        for future in segment.futures:
            if not future.done():
                future.set_result(sequence)
        if chain.anew:
            chain.ended -= segment.dropped
            if not self.pending and chain is self.chain:
                self._number, self._hash, chain.anew = chain.number, chain.hash, False
        return segment

    def spooled(self, segment: Formed, file: SpoolFile, offset: int, length: int) -> None:
        """The bytes of a segment are safe in a file; it may have been acknowledged in the meantime, or changed, which
        is done once more then."""
        if segment.acknowledged:
            return
        segment.file, segment.offset, segment.length = file, offset, length
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

    def announce(self, waiting: Formed, facts: list[bytes]) -> None:
        """Puts a herald before what waits, none of which is on the log."""
        chain = waiting.chain
        number = chain.number + 1
        payload = encode_segment(waiting.subject, chain.writer, chain.boot, number, chain.hash, facts)
        self.herald = herald = Formed(waiting.subject, chain, number, len(payload))
        herald.payload, herald.hash, herald.herald = payload, segment_hash(payload), True
        chain.anew = True

    def end_no_more(self, chain: Chain, requests: set[str]) -> None:
        """Takes the ends of some requests out of what waits, and keeps them out."""
        chain.ended |= requests
        chain.anew = True
        if chain is self.chain:
            for draft in self._drafts:
                kept = self.still_wanted(draft.facts)
                less = sum(map(len, draft.facts)) - sum(map(len, kept))
                draft.facts, draft.size, self.size = kept, draft.size - less, self.size - less

    def still_wanted(self, facts: list[bytes]) -> list[bytes]:
        """Facts without the ends of requests that others have ended; each of those comes once."""
        kept, dropped = self.chain.wanted(facts)
        self.chain.ended -= dropped
        return kept

    def follow(self, segment: Formed, payload: bytes) -> bytes:
        """The bytes of the segment whose turn it is, as they follow what is stored.

        Args:
            payload: as they were formed.
        """
        chain = segment.chain
        if not chain.anew or segment.herald:
            return payload
        facts, dropped = chain.wanted(decode_written(payload).facts)
        segment.dropped |= dropped
        segment.number, segment.attempts = chain.number + 1, 0
        payload = encode_segment(segment.subject, chain.writer, chain.boot, segment.number, chain.hash, facts)
        segment.hash = segment_hash(payload)
        if segment.payload is not None:
            self.size += len(payload) - segment.size
            segment.payload, segment.size = payload, len(payload)
        return payload

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
        self.herald = None
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
        chain = self.chain
        self._number = number = self._number + 1
        payload = encode_segment(draft.subject, chain.writer, chain.boot, number, self._hash, draft.facts)
        segment = Formed(draft.subject, chain, number, len(payload), draft)
        self._hash = segment.hash = segment_hash(payload)
        segment.payload = payload
        self.size += segment.size - draft.size
        self.pending.append(segment)
        return segment
