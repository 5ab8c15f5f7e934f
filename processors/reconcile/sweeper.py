"""Follows TRAFFIC and closes what is due. Several may run: an append only succeeds on what its writer has seen."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence

from processors.reconcile.due import Closing, abandoned, due
from processors.reconcile.state import OpenRequest, State
from processors.stopping import pause
from projections.log import api
from projections.log.api import publish
from projections.log.connection import LogConnection
from projections.log.opened import segment_of
from projections.log.tail import Tails
from schemas.codec import Malformed, encode_fact, encode_segment, fact
from schemas.errors import Unavailable
from schemas.ids import Clock, Ids

log = logging.getLogger(__name__)

STREAM = "TRAFFIC"
WRITER = "reconcile"
TICK_S = 0.5
_FRESH_S = 5.0
"""How long being at the end of the stream counts: under load the end keeps moving."""
_AT_ONCE = 1_000
"""Requests closed in one segment."""
_SEEN_S = 10.0


class Sweeper:
    """One reconciler. `follow` and `sweep_forever` run side by side.

    Who closes the requests of a writer does so under the message id of that writer's next segment. The log stores one
    message of an id: either that segment, and its writer lives, or the end of its requests, and what of that writer was
    still on its way, held up wherever, is dropped. For as long as the log remembers ids; after a longer silence writers
    look for themselves, see `projections.log.sending`.
    """

    def __init__(
        self, connection: LogConnection, clock: Clock, ids: Ids, *, start: int = 1, tails: Tails | None = None
    ) -> None:
        """
        Args:
            start: the first position of TRAFFIC that matters.
            tails: what the workers of a process read together; None to read alone.
        """
        self._connection = connection
        self._clock = clock
        self._ids = ids
        self._boot = ids.new()
        self._own = Tails("", connection)
        self._reader = (tails or self._own).follow(STREAM, start=start)
        self._moved = asyncio.Condition()
        self._caught_up_at = float("-inf")
        self._connected_since = 0.0
        self.state = State(WRITER, self._boot)
        self.state.sequence = start - 1
        self._used: set[str] = set()
        """Ids under which something else is stored than was expected."""
        self.caught_up_since: float | None = None
        """Monotonic time; None while disconnected or behind."""
        self.closed = 0
        """Requests closed by this process."""

    async def follow(self) -> None:
        """Folds TRAFFIC; ends only when cancelled or when the stream is gone for good."""
        try:
            await self._follow()
        finally:
            await self._reader.close()
            await self._own.close()

    async def _follow(self) -> None:
        async for batch in self._reader.batches():
            now = self._clock.monotonic()
            for message in batch:
                self.state.passed(message.sequence, message.subject)
                try:
                    self.state.apply(message.sequence, message.subject, message.payload, now, message.once(segment_of))
                except Malformed as error:
                    log.error("event=unreadable position=%s:%d reason=%s", STREAM, message.sequence, error)
            async with self._moved:
                self._moved.notify_all()
            # a history of many batches must not keep the rest of the process waiting
            await asyncio.sleep(0)

    async def sweep_forever(self, stop: asyncio.Event) -> None:
        """Looks twice a second until `stop` is set."""
        while not stop.is_set():
            try:
                await self.sweep()
            except Unavailable as error:
                log.warning("event=sweep_failed error=%s", error)
            await pause(stop, TICK_S)

    async def sweep(self) -> None:
        """One look; returns when everything due is closed, by this process or by another.

        Raises:
            Unavailable: the log does not answer; what is not closed will be with the next look.
        """
        now = self._clock.monotonic()
        self._check_caught_up(now)
        self.state.forget_dead(now)
        while closings := due(self.state, now, self.caught_up_since):
            first = closings[0].request
            place = (first.subject, first.writer, first.boot)
            same = [one for one in closings if (one.request.subject, one.request.writer, one.request.boot) == place]
            await self._close(first, same[:_AT_ONCE])

    def _check_caught_up(self, now: float) -> None:
        """The reader and the connection know the machine's time only; decisions go by the clock that was given."""
        reader, connection, machine = self._reader, self._connection, time.monotonic()
        if reader.caught_up:
            self._caught_up_at = machine
        fresh = min(reader.last_contact, self._caught_up_at)
        if not connection.connected or machine - fresh > _FRESH_S:
            self.caught_up_since = None
        elif self.caught_up_since is None or self._connected_since != connection.connected_since:
            # the second: a connection that was lost and came back between two looks
            self.caught_up_since = now
        self._connected_since = connection.connected_since

    async def _close(self, first: OpenRequest, closings: Sequence[Closing]) -> None:
        """Appends the terminal facts of one writer's requests right after the last message that was seen of their
        subject, or not at all.

        An answer that got lost does no harm: with the same place and number the segment is either stored already, and
        then read, or it can no longer be stored.
        """
        subject = first.subject
        number, expected = self.state.number + 1, self.state.last_of[subject]
        payload = self._segment(subject, number, closings)
        fence = self.state.fence(first)
        headers = {
            "Nats-Msg-Id": fence if fence not in {"", *self._used} else f"{WRITER}/{self._boot}/{number}.{expected}",
            "Nats-Expected-Last-Subject-Sequence": str(expected),
        }
        ack = await publish(self._connection, subject, payload, headers)
        if ack.duplicate:
            # a segment of the writer, which lives, or what another process closed; both are on the log and will be read
            self._used.add(headers["Nats-Msg-Id"])
            await self._see(lambda: self.state.sequence >= ack.seq)
        elif ack.error is None:
            await self._see(lambda: self.state.sequence >= ack.seq)
            self.closed += len(closings)
            for closing in closings:
                request = closing.request
                log.warning(
                    "event=abandoned request=%s tenant=%s writer=%s/%s reason=%s",
                    request.request, request.tenant, request.writer, request.boot, closing.reason,
                )  # fmt: skip
        elif ack.error.err_code == api.WRONG_LAST_SEQUENCE:
            await self._see(lambda: self.state.last_of[subject] > expected)
        else:
            raise Unavailable(f"the log refuses to close requests: {ack.error.description}", retry_after=1)

    async def _see(self, seen: Callable[[], bool]) -> None:
        """Waits until the fold has come so far.

        Raises:
            Unavailable: it does not.
        """
        try:
            async with asyncio.timeout(_SEEN_S), self._moved:
                await self._moved.wait_for(seen)
        except TimeoutError:
            raise Unavailable(f"{STREAM} cannot be read at the moment", retry_after=1) from None

    def _segment(self, subject: str, number: int, closings: Sequence[Closing]) -> bytes:
        now_us = self._clock.now_us()
        facts = [
            encode_fact(
                fact(
                    abandoned(closing.request, now_us),
                    id=self._ids.new(),
                    time=now_us,
                    tenant=closing.request.tenant,
                    actor=f"worker:{WRITER}",
                    correlation=closing.request.request,
                    causation=closing.request.fact,
                )
            )
            for closing in closings
        ]
        return encode_segment(subject, WRITER, self._boot, number, self.state.hash, facts)
