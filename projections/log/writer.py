"""The segment writer: group commit of facts into one hash chain. Bytes and queues are in `gather`, files in `spool`."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

import msgspec
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError

from projections.log.api import Ack, ack_decoder
from projections.log.connection import LogConnection
from projections.log.gather import Entry, Formed, Gathering
from schemas import codec, subjects
from schemas.envelope import Fact
from schemas.errors import TooLarge, Unavailable
from schemas.facts.traffic import SYSTEM, WriterBeat, WriterClosed
from schemas.ids import Clock, Ids

_log = logging.getLogger(__name__)

ACK_WAIT_S = 2.0
_TICK_S = 0.1
_LARGEST_APPEND = 7 * 1024 * 1024
"""A message may have 8 MiB; the rest is room for the segment's own fields."""
_ACCEPTED = "request.accepted.v1"


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
        heartbeat_s: float = 10.0,
        open_requests: Callable[[], int] = lambda: 0,
        spool_dir: Path | None = None,
    ) -> None:
        self.admitted = 0
        """Accepted-facts appended since boot."""
        self.refused = 0
        """Calls of `append` that found the queue full."""
        self.retries = 0
        self.segments = 0
        self.last_sequence = 0
        self._connection = connection
        self._clock = clock
        self._ids = ids
        self._stream = stream
        self._queue_bytes = queue_bytes
        self._heartbeat_s = heartbeat_s
        self._open_requests = open_requests
        self._gathering = Gathering(writer, boot, segment_bytes)
        self._pending: deque[Formed] = deque()
        self._pending_bytes = 0
        self._last_ack = clock.monotonic()
        self._sent_at = 0.0
        self._serial = 0
        self._outcome: asyncio.Future[Ack | str] | None = None
        self._idle: asyncio.Future[None] | None = None
        self._loop = asyncio.get_running_loop()
        self._inbox = ""
        self._subscription: Subscription | None = None
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._unlisten: Callable[[], None] | None = None
        self._closing = False
        self._empty: asyncio.Future[None] | None = None

    async def start(self) -> None:
        nc = self._connection.nc
        self._inbox = nc.new_inbox()
        # The client hands messages to anything shaped like a future, in its read loop, without a queue and a task
        # between; `set_result` below is that shape.
        self._subscription = await nc.subscribe(f"{self._inbox}.*", future=cast("asyncio.Future[Msg]", self))
        self._unlisten = self._connection.listen(self._connection_changed)
        self._task = self._loop.create_task(self._run(), name=f"writer {self._stream}")
        self._tick()

    async def close(self, wait_s: float = 10.0) -> None:
        """Writes what waits, on TRAFFIC a last WriterClosed, and stops; after `wait_s` seconds it gives up."""
        if self._task is None or self._closing:
            return
        self._closing = True
        try:
            async with asyncio.timeout(wait_s):
                await self._drained()
                if self._stream == "TRAFFIC":
                    self._add(subjects.traffic(0), [self._own(WriterClosed(self.admitted))], False)
                    await self._drained()
        except TimeoutError:
            self._give_up()
        self._task.cancel()
        await asyncio.wait((self._task,))
        if self._timer is not None:
            self._timer.cancel()
        if self._unlisten is not None:
            self._unlisten()
        if self._subscription is not None and not self._connection.nc.is_closed:
            await self._subscription.unsubscribe()

    def new_fact(self, data: msgspec.Struct, *, tenant: str, actor: str, correlation: str, causation: str = "") -> Fact:
        """A fact of now."""
        return codec.fact(
            data,
            id=self._ids.new(),
            time=self._clock.now_us(),
            tenant=tenant,
            actor=actor,
            correlation=correlation,
            causation=causation,
        )

    def append(
        self, subject: str, facts: Sequence[Fact], *, must: bool = False, spool: bool = False
    ) -> asyncio.Future[int]:
        """Queues facts; they stay together and in order.

        Returns:
            A future of the sequence of their segment, once the log has acknowledged it.

        Raises:
            Unavailable: the queue is full (unless `must`), or the writer is closing.
            TooLarge: the facts alone would not fit into a message.
        """
        if self._closing:
            raise Unavailable("this process is shutting down; try again", retry_after=1)
        return self._add(subject, facts, spool, must)

    def _add(self, subject: str, facts: Sequence[Fact], spool: bool, must: bool = True) -> asyncio.Future[int]:
        encode = codec.encode_fact
        encoded = [encode(fact) for fact in facts]
        size = sum(map(len, encoded))
        if size > _LARGEST_APPEND:
            raise TooLarge(f"facts of {size} bytes do not fit into one message of the log")
        gathering = self._gathering
        if not must and gathering.size + self._pending_bytes + size > self._queue_bytes:
            self.refused += 1
            raise Unavailable("the log does not keep up; try again in a moment", retry_after=1)
        for fact in facts:
            if fact.type == _ACCEPTED:
                self.admitted += 1
        future: asyncio.Future[int] = self._loop.create_future()
        gathering.add(subject, Entry(encoded, size, future, spool, self._clock.monotonic()))
        idle = self._idle
        if idle is not None:
            self._idle = None
            idle.set_result(None)
        return future

    # --- how it is

    @property
    def queued_bytes(self) -> int:
        """Bytes in memory that the log has not acknowledged."""
        return self._gathering.size + self._pending_bytes

    @property
    def oldest_wait_s(self) -> float:
        """How long the oldest unacknowledged fact has waited; 0 when none does."""
        since = self._pending[0].since if self._pending else self._gathering.oldest
        return max(0.0, self._clock.monotonic() - since) if since != float("inf") else 0.0

    @property
    def healthy(self) -> bool:
        """False when something waits and nothing was acknowledged for 2 s, or the connection is gone for 1 s."""
        connection = self._connection
        now = self._clock.monotonic()
        if not connection.connected and now - connection.disconnected_since > 1.0:
            return False
        wait = self.oldest_wait_s
        return wait <= 2.0 or now - self._last_ack <= 2.0

    # --- sending

    async def _run(self) -> None:
        try:
            while True:
                if not self._pending:
                    if not self._gathering:
                        await self._rest()
                        continue
                    segment = self._gathering.form()
                    self._pending.append(segment)
                    self._pending_bytes += segment.size
                await self._deliver(self._pending[0])
        except Exception:
            _log.exception("writer died stream=%s", self._stream)
            raise

    async def _rest(self) -> None:
        if self._empty is not None and not self._empty.done():
            self._empty.set_result(None)
        self._idle = self._loop.create_future()
        await self._idle

    async def _deliver(self, segment: Formed) -> None:
        """Sends one segment until it is acknowledged."""
        self._serial += 1
        reply = f"{self._inbox}.{self._serial}"
        headers = {"Nats-Msg-Id": segment.msg_id}
        payload = segment.payload
        assert payload is not None
        backoff = 0.05
        while True:
            await self._connection.wait_connected()
            self._outcome = self._loop.create_future()
            self._sent_at = self._clock.monotonic()
            segment.attempts += 1
            try:
                await self._connection.nc.publish(segment.subject, payload, reply=reply, headers=headers)
                outcome: Ack | str = await self._outcome
            except (NatsError, OSError) as error:
                outcome = type(error).__name__
            self._outcome = None
            if isinstance(outcome, Ack):
                self._acknowledged(segment, outcome.seq)
                return
            self.retries += 1
            _log.warning(
                "segment is sent again stream=%s msg_id=%s attempts=%d reason=%s",
                self._stream,
                segment.msg_id,
                segment.attempts,
                outcome,
            )
            await asyncio.sleep(backoff)
            backoff = min(backoff * 2, 1.0)

    def _acknowledged(self, segment: Formed, sequence: int) -> None:
        self._pending.popleft()
        self._pending_bytes -= segment.size
        self._last_ack = self._clock.monotonic()
        self.last_sequence = sequence
        self.segments += 1
        for entry in segment.entries:
            if not entry.future.done():
                entry.future.set_result(sequence)

    # --- the shape of a future, for the client's read loop

    def cancelled(self) -> bool:
        return False

    def set_result(self, message: Msg) -> None:
        outcome = self._outcome
        if outcome is None or outcome.done() or message.subject.rpartition(".")[2] != str(self._serial):
            return
        try:
            ack = ack_decoder.decode(message.data)
        except msgspec.MsgspecError:
            # an empty answer with status 503: no stream listens
            outcome.set_result("no stream takes it at the moment")
            return
        outcome.set_result(ack if ack.error is None else f"{ack.error.description} ({ack.error.err_code})")

    def _connection_changed(self) -> None:
        self._interrupt("connection lost") if not self._connection.connected else None

    def _interrupt(self, reason: str) -> None:
        if self._outcome is not None and not self._outcome.done():
            self._outcome.set_result(reason)

    def _tick(self) -> None:
        now = self._clock.monotonic()
        if self._outcome is not None and now - self._sent_at > ACK_WAIT_S:
            self._interrupt("no acknowledgement")
        idle = not self._pending and not self._gathering
        if idle and self._stream == "TRAFFIC" and not self._closing and now - self._last_ack >= self._heartbeat_s:
            self._add(subjects.traffic(0), [self._own(WriterBeat(self._open_requests(), self.admitted))], False)
        self._timer = self._loop.call_later(_TICK_S, self._tick)

    def _own(self, data: msgspec.Struct) -> Fact:
        writer = self._gathering.writer
        return self.new_fact(
            data, tenant=SYSTEM, actor=f"worker:{writer}", correlation=f"{writer}/{self._gathering.boot}"
        )

    # --- ending

    async def _drained(self) -> None:
        while self._pending or self._gathering:
            self._empty = self._loop.create_future()
            await self._empty

    def _give_up(self) -> None:
        entries = [entry for segment in self._pending for entry in segment.entries] + self._gathering.take_all()
        self._pending.clear()
        _log.error("writer gives up stream=%s appends_lost=%d", self._stream, len(entries))
        for entry in entries:
            if not entry.future.done():
                entry.future.set_exception(Unavailable("the log did not take the facts before the process ended"))
                entry.future.exception()  # told; whoever does not listen is not to be warned about
