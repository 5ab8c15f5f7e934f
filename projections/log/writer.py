"""The segment writer: group commit of facts into one hash chain. It joins backlog, delivery and spool."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from projections.log.api import ApiError
from projections.log.backlog import Backlog, Formed
from projections.log.connection import LogConnection
from projections.log.delivery import RECHECK_AFTER_S, Delivery
from projections.log.ending import end
from projections.log.fence import SILENT_S
from projections.log.reader import last_sequence
from projections.log.sending import Sending
from projections.log.spooler import SPOOL_AFTER_S, Spooler
from schemas import codec, subjects
from schemas.envelope import Fact
from schemas.errors import TooLarge, Unavailable
from schemas.facts.traffic import SYSTEM, WriterBeat, WriterClosed
from schemas.ids import Clock, Ids

_log = logging.getLogger(__name__)

_TICK_S = 0.1
_STOPPED_S = 5.0
"""A tick that comes so late comes from a process that was stopped: what waited then did not wait for the log."""
_ROOM = 64 * 1024
"""What a message needs besides facts: the segment's own fields and the headers."""
_ACCEPTED = "request.accepted.v1"
LINGER_S = 0.002
"""So long facts that nobody waits for may stay, so that they leave with the next ones in one segment and one sync."""


class SegmentWriter:
    """Writes one chain of segments: (stream, writer, boot).

    One segment is under way at a time; its acknowledgement sends all that has gathered meanwhile as the next one.
    """

    def __init__(
        self,
        connection: LogConnection,
        clock: Clock,
        ids: Ids,
        *,
        stream: str,
        writer: str,
        boot: str,
        queue_bytes: int,
        segment_bytes: int,
        home: str = subjects.traffic(0),
        heartbeat_s: float = 10.0,
        open_requests: Callable[[], int] = lambda: 0,
        spool_dir: Path | None = None,
        spool_bytes: int = 1024 * 1024 * 1024,
        spool_after_s: float = SPOOL_AFTER_S,
        recheck_after_s: float = RECHECK_AFTER_S,
        linger_s: float = LINGER_S,
    ) -> None:
        """
        Args:
            writer: name of the chain; unique among running processes, kept over restarts.
            boot: never used before with this name.
            queue_bytes: most encoded bytes in memory that are not acknowledged.
            segment_bytes: most encoded facts in one segment, unless one append alone has more.
            home: on TRAFFIC, where it speaks of itself: where its requests are.
            heartbeat_s: on TRAFFIC, so often a WriterBeat: that this writer lives, and what it has accepted by then.
            open_requests: what the beat reports.
            spool_dir: where facts go that may when the log does not take them; None for nowhere.
            spool_bytes: most bytes there; facts that were in memory by then may pass it.
            spool_after_s: how long such facts wait for the log first.
            recheck_after_s: after so long, a segment of unknown fate is looked up in the stream before it is sent
                again, because the server may have forgotten its id; well below the stream's duplicate window.
            linger_s: so long facts that nobody waits for may stay.
        """
        self.admitted = 0
        """Accepted-facts appended since boot."""
        self.refused = 0
        """Calls of `append` that found the queue or the spool full."""
        self.segments = 0
        """Acknowledged since boot."""
        self._connection = connection
        self._clock = clock
        self._ids = ids
        self._stream = stream
        self._home = home
        self._queue_bytes = queue_bytes
        self._heartbeat_s = heartbeat_s
        self._open_requests = open_requests
        self._linger_s = linger_s
        self._largest = max(connection.nc.max_payload - _ROOM, _ROOM)
        self._backlog = Backlog(writer, boot, min(segment_bytes, self._largest))
        self._chain = self._backlog.chain
        self._chain.heard = clock.monotonic()
        self._delivery = Delivery(connection, clock, stream, recheck_after_s, self._stored)
        if stream == "TRAFFIC":
            self._delivery.silent_s = SILENT_S
        self._sending = Sending(connection, clock, stream, self._backlog, self._delivery, self._sign_of_life)
        self._spooler: Spooler | None = None
        if spool_dir is not None:
            self._spooler = Spooler(self._backlog, clock, spool_dir, stream, spool_bytes, spool_after_s)
        self.loop = asyncio.get_running_loop()
        """To ask for it each time takes a system call."""
        self._last_ack = clock.monotonic()
        self._counted_at = self._ticked_at = self._last_ack
        self.resumed_at = float("-inf")
        """When this process last went on after it had been stopped."""
        self._idle: asyncio.Future[None] | None = None
        self._begun: Formed | None = None
        """Sent, and not yet taken up by the task that awaits its acknowledgement."""
        self._linger: asyncio.TimerHandle | None = None
        self._empty: asyncio.Future[None] | None = None
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False
        """No more appends: the writer is closing, or it died."""

    async def start(self) -> None:
        """Begins to write; what a former boot left in the spool goes first.

        Raises:
            OSError: the spool's directory cannot be made or read.
        """
        await self._delivery.start()
        try:
            last = await last_sequence(self._connection, self._stream)
            self._chain.base_sequence = self._chain.clear_sequence = last
        except (Unavailable, ApiError) as error:
            _log.info("writer starts without knowing the stream's end stream=%s reason=%s", self._stream, error)
        if self._spooler is not None:
            self._spooler.base_sequence = self._chain.base_sequence
            try:
                await self._spooler.start()
            except OSError:
                await self._delivery.close()
                raise
        self._task = self.loop.create_task(self._run(), name=f"writer {self._stream}")
        self._task.add_done_callback(self._ended)
        self._tick()

    async def close(self, wait_s: float = 10.0) -> None:
        """Writes what waits, on TRAFFIC a last WriterClosed, and stops.

        What the log does not take within `wait_s` seconds goes to the spool; without one it is lost, and its futures
        get `Unavailable`.
        """
        task = self._task
        if task is None:
            return
        self._task = None
        alive = not self._closed
        if alive and self._stream == "TRAFFIC":
            self._backlog.begin_anew()
            self._say(WriterClosed(self.admitted))
        self._closed = True
        try:
            async with asyncio.timeout(wait_s if alive else 0):
                while self._backlog:
                    self._empty = self.loop.create_future()
                    await self._empty
        except TimeoutError:
            _log.warning("writer closes before the log has everything stream=%s", self._stream)
        await end({task})
        if self._timer is not None:
            self._timer.cancel()
        if self._spooler is not None:
            if self._backlog.in_memory:
                await self._spooler.write_all()
            await self._spooler.close()
        await self._delivery.close()
        self._give_up("the log did not confirm the facts before the process ended")

    def new_fact(self, data: msgspec.Struct, tenant: str, actor: str, correlation: str, causation: str = "") -> Fact:
        """A fact of now."""
        now_us = self._clock.now_us()
        return codec.fact(data, self._ids.new(now_us), now_us, tenant, actor, correlation, causation)

    def append(
        self,
        subject: str,
        facts: Sequence[Fact],
        *,
        must: bool = False,
        spool: bool = False,
        sent: asyncio.Future[None] | None = None,
        linger: bool = False,
    ) -> asyncio.Future[int]:
        """Queues facts; those of one call stay together, and all of one subject in order.

        Args:
            must: may pass the limits: the end of something that was accepted.
            spool: a synced local file will do when the log does not take them in time.
            sent: set once the facts have left this process, so that its death cannot lose them any more.
            linger: nobody waits for these; they may stay for `LINGER_S` seconds to share a segment with others.

        Returns:
            A future of the sequence of their segment once the log has acknowledged it, 0 when they were spooled.

        Raises:
            Unavailable: the queue or the spool is full, or the writer has been closed.
            TooLarge: the facts alone would not fit into a message.
        """
        stored: asyncio.Future[int] = self.loop.create_future()
        self.append_written(
            subject,
            [codec.encode_fact(fact) for fact in facts],
            sum(fact.type == _ACCEPTED for fact in facts),
            stored,
            must=must,
            spool=spool,
            sent=sent,
            linger=linger,
        )
        return stored

    def append_written(
        self,
        subject: str,
        encoded: list[bytes],
        admitted: int = 0,
        stored: asyncio.Future[int] | None = None,
        *,
        must: bool = False,
        spool: bool = False,
        sent: asyncio.Future[None] | None = None,
        linger: bool = False,
    ) -> None:
        """`append` of facts that are encoded already.

        Args:
            admitted: how many of them accept a request.
            stored: what `append` returns; None where nobody is going to ask.
        """
        if self._closed:
            raise Unavailable("this process is shutting down; try again", retry_after=1)
        backlog = self._backlog
        if self._chain.ended:
            encoded = backlog.still_wanted(encoded)
        size = sum(map(len, encoded))
        if size > self._largest:
            raise TooLarge(f"facts of {size} bytes do not fit into one message of the log")
        if not must and backlog.size + size > self._queue_bytes:
            self.refused += 1
            raise Unavailable("the log does not keep up; try again in a moment", retry_after=1)
        if spool:
            spool = self._spools(size, must=must)
            # the spool goes by who waits
            stored = stored or self.loop.create_future()
        self.admitted += admitted
        backlog.add(subject, encoded, size, stored, spool, self._clock.monotonic(), sent, linger)
        if spool and self._spooler is not None:
            self._spooler.kick()
        if self._idle is not None:
            if not linger:
                self._leave()
            elif self._linger is None:
                self._linger = self.loop.call_later(self._linger_s, self._wake)

    def beat(self) -> None:
        """Says, on TRAFFIC, that it lives and what it has accepted; it does so itself every `heartbeat_s` seconds."""
        self._counted_at = self._clock.monotonic()
        self._backlog.begin_anew()
        self._say(WriterBeat(self._open_requests(), self.admitted, yields=True))

    def _spools(self, size: int, *, must: bool) -> bool:
        """Whether so many bytes may go to a file.

        Raises:
            Unavailable: all do at the moment, and there is no room for them.
        """
        spooler = self._spooler
        if spooler is not None and spooler.mode and not must and not spooler.admits(size):
            self.refused += 1
            raise Unavailable("the log cannot be reached and the spool is full; try again later", retry_after=5)
        return spooler is not None

    # --- how it is

    @property
    def retries(self) -> int:
        """Segments sent again since boot."""
        return self._delivery.retries

    @property
    def last_sequence(self) -> int:
        """Where the last acknowledged segment of this boot stands; 0 before the first."""
        return self._chain.last_sequence

    @property
    def queued_bytes(self) -> int:
        """Bytes in memory that the log has not acknowledged."""
        return self._backlog.size

    @property
    def spooled_bytes(self) -> int:
        """Bytes on disk."""
        return 0 if self._spooler is None else self._spooler.size

    @property
    def oldest_wait_s(self) -> float:
        """How long the oldest unacknowledged fact has waited; 0 when none does."""
        since = self._backlog.since
        return max(0.0, self._clock.monotonic() - since) if since != float("inf") else 0.0

    @property
    def healthy(self) -> bool:
        """False when something waits and nothing was acknowledged for 2 s, when the connection is gone for 1 s, and
        for good when the writer has ended."""
        if self._closed:
            return False
        connection, now = self._connection, self._clock.monotonic()
        if not connection.connected and now - connection.disconnected_since > 1.0:
            return False
        return now - self._last_ack <= 2.0 or self.oldest_wait_s <= 2.0

    # --- inside

    async def _run(self) -> None:
        backlog, spooler = self._backlog, self._spooler
        rested = False
        while True:
            begun, self._begun = self._begun, None
            if not (begun or backlog.pending or backlog.urgent or (backlog and rested)):
                await self._rest()
                rested = True
                continue
            rested = False
            segment = begun or backlog.first()
            assert segment is not None, "the backlog is not empty"
            stored = await self._sending.send(segment)
            if stored is None:
                continue
            self._last_ack = self._clock.monotonic()
            self.segments += 1
            if spooler is not None:
                spooler.acknowledged(stored, self._chain.base_sequence)
            # one turn of the loop for those whom the acknowledgement woke: what they say now leaves at once
            await asyncio.sleep(0)

    def _stored(self, sequence: int) -> None:
        """Whoever waits for the segment under way is woken before this task is."""
        if self._backlog.pending:
            self._backlog.acknowledged(sequence)

    async def _rest(self) -> None:
        """Returns when there is something to send, or when what lingers has done so for long enough."""
        if self._backlog:
            self._linger = self.loop.call_later(self._linger_s, self._wake)
        elif self._empty is not None and not self._empty.done():
            self._empty.set_result(None)
        self._idle = self.loop.create_future()
        await self._idle

    def _leave(self) -> None:
        """Ends the rest. Where nobody else is under way, there is no company to wait for, not even for one turn of the
        loop: a lone caller's facts leave in the same turn in which they were made."""
        if self._open_requests() == 1 and self._connection.connected and not self._hesitates:
            segment = self._backlog.first()
            if segment is not None and segment.payload is not None:
                self._delivery.begin(segment, segment.payload)
                self._begun = segment
        self._wake()

    @property
    def _hesitates(self) -> bool:
        """Whether what waits may not go as it is."""
        return self._chain.anew or self._delivery.silent(self._chain)

    def _wake(self) -> None:
        idle, self._idle = self._idle, None
        if idle is not None and not idle.done():
            idle.set_result(None)
        if self._linger is not None:
            self._linger.cancel()
            self._linger = None

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._closed = True
        if task.cancelled():
            return
        _log.critical("writer died stream=%s", self._stream, exc_info=task.exception())
        self._give_up("the writer of the log has failed; its process must be started again")
        if self._empty is not None and not self._empty.done():
            self._empty.set_result(None)

    def _tick(self) -> None:
        now = self._clock.monotonic()
        if now - self._ticked_at > _STOPPED_S:
            self.resumed_at = now
        self._ticked_at = now
        self._delivery.check()
        if self._spooler is not None:
            self._spooler.check()
        # under load too, so that a crash leaves a count of all that came before; but not onto a pile that only grows
        flows = not self._backlog or (self.healthy and not self.spooled_bytes)
        if self._stream == "TRAFFIC" and flows and not self._closed and now - self._counted_at >= self._heartbeat_s:
            self.beat()
        self._timer = self.loop.call_later(_TICK_S, self._tick)

    def _say(self, data: msgspec.Struct) -> None:
        """Queues a fact about this writer itself."""
        self.append_written(self._home, [codec.encode_fact(self._own(data))], must=True)

    def _sign_of_life(self) -> bytes:
        return codec.encode_fact(self._own(WriterBeat(self._open_requests(), self.admitted, exact=False, yields=True)))

    def _own(self, data: msgspec.Struct) -> Fact:
        writer, boot = self._chain.writer, self._chain.boot
        return self.new_fact(data, tenant=SYSTEM, actor=f"worker:{writer}", correlation=f"{writer}/{boot}")

    def _give_up(self, reason: str) -> None:
        lost = self._backlog.in_memory
        futures = self._backlog.abandon()
        if lost:
            _log.error("facts are lost stream=%s waiting=%d reason=%s", self._stream, len(futures), reason)
        for future in futures:
            future.set_exception(Unavailable(reason))
            future.exception()  # told; whoever does not listen is not to be warned about
