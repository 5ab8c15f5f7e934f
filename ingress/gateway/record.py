"""The record of one request: gathers its facts, commits them to the log, and closes with exactly one terminal fact."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec

from ingress.gateway.authenticate import Caller
from ingress.gateway.meter import Meter
from projections.log.writer import SegmentWriter
from schemas import subjects
from schemas.codec import Noted, written_facts
from schemas.errors import Unavailable
from schemas.facts import traffic
from schemas.ids import Clock, Ids
from schemas.outside_words import fit_finish
from schemas.registry import NAME_OF

T = TypeVar("T")

ACK_TIMEOUT_S = 5.0
"""How long a caller waits for the log before being told to come back."""


def log_unavailable() -> Unavailable:
    return Unavailable("The audit log is not accepting records at the moment.", code="log_unavailable", retry_after=2)


class OpenRequests:
    """The requests of this process that are accepted and not yet closed, and under which name they are written."""

    def __init__(self, writer: str, boot: str) -> None:
        self.writer = writer
        self.boot = boot
        self.count = 0
        self.meter = Meter()
        self.idle = asyncio.Event()
        self.idle.set()

    def opened(self) -> None:
        self.count += 1
        self.idle.clear()

    def closed(self) -> None:
        self.count -= 1
        if self.count == 0:
            self.idle.set()


class Record:
    """Facts of one request, in order, and the summary that ends them."""

    tenant = traffic.SYSTEM
    actor = "anonymous"
    accepted = False
    closed = False
    spool = False
    """Whether a local file may stand in for the log while the log cannot take facts."""
    dropped: tuple[str, ...] = ()
    """What the provider's protocol had no word for."""

    def __init__(
        self, writers: Sequence[SegmentWriter], clock: Clock, opened: OpenRequests, ids: Ids, operation: str = ""
    ) -> None:
        self.started_us = now_us = clock.now_us()
        self.request_id = ids.new(now_us)
        self.summary = traffic.Summary(operation=operation, started_us=now_us, writer=opened.writer, boot=opened.boot)
        self._clock = clock
        self._ids = ids
        self._opened = opened
        self._writers = writers
        self._partition = 0
        self._pending: list[Noted] = []
        self._admitted = 0
        """Facts among the pending ones that accept the request."""
        self._last = ""
        self._commit: asyncio.Future[int] | None = None
        self._sent: asyncio.Future[None] | None = None

    @property
    def elapsed_us(self) -> int:
        return self._clock.now_us() - self.started_us

    @property
    def log_is_healthy(self) -> bool:
        """Whether the log takes facts at the moment."""
        return self._writers[self._partition].healthy

    def identify(self, caller: Caller) -> None:
        key, summary = caller.key, self.summary
        self.tenant = key.tenant
        self.actor = caller.actor
        summary.key_id = key.id
        summary.key_prefix = key.prefix
        self._partition = subjects.partition_of(self.tenant, self.request_id, len(self._writers))

    def note(self, data: msgspec.Struct, at_us: int = 0) -> None:
        """Adds a fact, caused by the one before; it leaves with the next `commit`.

        Args:
            at_us: what the clock has just said; 0 to ask it.
        """
        self._pending.append((NAME_OF[type(data)], data, at_us or self._clock.now_us()))

    def accept(self, data: traffic.RequestAccepted) -> None:
        """From here on the request is open, and a terminal fact is owed."""
        self.note(data)
        self.accepted = True
        self._admitted = 1
        self._opened.opened()

    def commit(self, *, must: bool = False, watched: bool = False, linger: bool = False) -> None:
        """Hands the facts gathered so far to the log, without waiting.

        Args:
            must: it is the end of something that was accepted, and may pass the limits of the queue.
            watched: `published` will be asked.
            linger: nobody is going to wait for it.

        Raises:
            Unavailable: the queue to the log is full; the facts stay gathered.
        """
        pending = self._pending
        if not pending:
            return
        writer = self._writers[self._partition]
        sent = writer.loop.create_future() if watched else None
        stored = None if linger else writer.loop.create_future()
        # all of a commit are named and written together, which takes less than one by one
        ids = self._ids.several(len(pending), pending[-1][2])
        writer.append_written(
            subjects.traffic(self._partition),
            written_facts(pending, ids, self.tenant, self.actor, self.request_id, self._last),
            self._admitted,
            stored,
            must=must,
            spool=self.spool,
            sent=sent,
            linger=linger,
        )
        self._commit, self._sent = stored, sent
        self._last = ids[-1]
        self._pending, self._admitted = [], 0

    @property
    def left(self) -> bool:
        """Whether what was committed has left already, so that `published` would return at once."""
        return self._sent is not None and self._sent.done() and self._sent.exception() is None

    async def published(self) -> None:
        """Waits until what was committed has left this process: a kill after that cannot make it unknown.

        Raises:
            Unavailable: it could not be sent in time. It stays queued, as with `acknowledged`.
        """
        if self._sent is not None and self._sent.done():
            self._sent.result()
        elif self._sent is not None:
            await _in_time(self._sent)

    async def acknowledged(self) -> int:
        """Waits until the log has what was committed last; its position in TRAFFIC, 0 when it is in the spool.

        Raises:
            Unavailable: the log did not take it in time. It stays queued, so whatever follows must be consistent
                with it having been written.
        """
        commit = self._commit
        if commit is None:
            return 0
        return commit.result() if commit.done() else await _in_time(commit)

    def close(
        self,
        kind: type[traffic.Terminal],
        *,
        status: int = 0,
        code: str = "",
        stage: str = "",
        awaited: bool = False,
    ) -> None:
        """Commits the terminal fact, once; later calls do nothing.

        Args:
            awaited: `acknowledged` follows, so that the fact should leave at once.

        Raises:
            Unavailable: the queue is full and the request had not been accepted, so that nothing is owed.
        """
        if self.closed:
            return
        commit = self._commit
        stored = commit is not None and commit.done() and not commit.cancelled() and commit.exception() is None
        now_us, summary = self._clock.now_us(), self.summary
        summary.stage, summary.status, summary.code = stage, status, code
        summary.finish_reason = fit_finish(summary.finish_reason)
        summary.latency_us = elapsed_us = now_us - self.started_us
        summary.accepted_sequence = commit.result() if commit is not None and stored else 0
        self._pending.append((NAME_OF[kind], summary, now_us))
        self.commit(must=self.accepted, linger=not awaited)
        self.closed = True
        self._opened.meter.ended(kind, status, code, elapsed_us, summary.usage, summary.cost_micros)
        if self.accepted:
            self._opened.closed()


async def _in_time(future: asyncio.Future[T]) -> T:
    """The result of a future that is this request's alone, so that it may end with a caller who leaves.

    Raises:
        Unavailable: it took too long.
    """
    # no task, no second future, no callback between: every request comes through here twice
    timer = future.get_loop().call_later(ACK_TIMEOUT_S, _too_late, future)
    try:
        return await future
    finally:
        timer.cancel()


def _too_late(future: asyncio.Future[Any]) -> None:
    if not future.done():
        future.set_exception(log_unavailable())
