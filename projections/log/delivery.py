"""Brings one segment after another into the log: publish, wait, try again with the same id, never twice."""

from __future__ import annotations

import asyncio
import logging
from typing import cast

import msgspec
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError

from projections.log.api import Ack, ack_decoder
from projections.log.backlog import Formed
from projections.log.connection import LogConnection
from projections.log.reader import StreamReader
from schemas.ids import Clock

_log = logging.getLogger(__name__)

ACK_WAIT_S = 2.0
RECHECK_AFTER_S = 30.0
"""A quarter of the default duplicate window: after that the server's memory of ids is not relied upon."""
_SKEW_US = 9_000_000_000
"""How far the server's clock may be from ours, and ours from what it was, when stored segments are looked up by time:
two hours and a half, for clocks that are an hour off in either direction. Reading too much costs a moment only."""


class Collision(Exception):
    """The log already held another message with the id of a new segment: two writers use one name and boot."""


class Delivery:
    """Publishes to one stream, one segment at a time, with one inbox for all answers."""

    def __init__(self, connection: LogConnection, clock: Clock, stream: str, recheck_after_s: float) -> None:
        self.retries = 0
        self.last_sequence = 0
        """Where the last acknowledged segment of this boot stands; 0 before the first."""
        self.base_sequence = 0
        """A sequence that everything unacknowledged comes after; 0 when unknown."""
        self._connection = connection
        self._clock = clock
        self._stream = stream
        self._recheck_after_s = recheck_after_s
        self._inbox = ""
        self._subscription: Subscription | None = None
        self._serial = 0
        self._sent_at = 0.0
        self._outcome: asyncio.Future[Ack | str] | None = None
        self._unlisten = connection.listen(self._connection_changed)

    async def start(self) -> None:
        nc = self._connection.nc
        self._inbox = nc.new_inbox()
        # The client hands messages to anything shaped like a future, in its read loop, without a queue and a task
        # between; `set_result` below is that shape.
        self._subscription = await nc.subscribe(f"{self._inbox}.*", future=cast("asyncio.Future[Msg]", self))

    async def close(self) -> None:
        self._unlisten()
        if self._subscription is not None and not self._connection.nc.is_closed:
            await self._subscription.unsubscribe()
            self._subscription = None

    async def deliver(self, segment: Formed) -> int:
        """Returns the segment's sequence once it is stored; tries for as long as that takes.

        Raises:
            Collision: it cannot be stored under its id.
            OSError: its bytes cannot be read from the spool.
        """
        connection = self._connection
        payload, file = segment.payload, segment.file
        adopted = file is not None and file.adopted
        if payload is None:
            assert file is not None, "bytes are in memory or in a file"
            if adopted:
                if file.stored is None:
                    age_s = max(0, self._clock.now_us() - file.head.since_us) / 1e6
                    file.stored = await self.stored(segment.writer, segment.boot, file.head.base_sequence, age_s)
                if segment.number in file.stored:
                    return file.stored[segment.number]
            payload = await asyncio.to_thread(file.read, segment.offset, segment.size)
        self._serial += 1
        reply = f"{self._inbox}.{self._serial}"
        backoff = 0.05
        while True:
            if not connection.connected:
                await connection.wait_connected()
            now = self._clock.monotonic()
            if segment.attempts and now - segment.first_sent > self._recheck_after_s:
                stored = await self.stored(segment.writer, segment.boot, self.base_sequence, now - segment.first_sent)
                if segment.number in stored:
                    self.last_sequence = self.base_sequence = stored[segment.number]
                    return self.last_sequence
                segment.first_sent = now
            if segment.attempts == 0:
                segment.first_sent = now
            segment.attempts += 1
            self._sent_at = now
            self._outcome = asyncio.get_running_loop().create_future()
            try:
                if connection.send(segment.subject, reply, segment.msg_id, payload):
                    segment.left()
                outcome = await self._outcome
            except (NatsError, OSError) as error:
                outcome = type(error).__name__
            self._outcome = None
            if isinstance(outcome, Ack):
                if outcome.duplicate and segment.attempts == 1 and not adopted:
                    raise Collision(f"{segment.msg_id} is taken: another process uses this writer name and boot")
                if not adopted:
                    self.last_sequence = self.base_sequence = outcome.seq
                return outcome.seq
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

    async def stored(self, writer: str, boot: str, base_sequence: int, age_s: float) -> dict[int, int]:
        """Which segments of a chain the stream holds after `base_sequence`: number to sequence.

        Args:
            base_sequence: 0 when unknown; then everything is read that is not older than `age_s` seconds.
        """
        if base_sequence:
            reader = StreamReader(self._connection, self._stream, start=base_sequence + 1)
        else:
            start = self._clock.now_us() - int(age_s * 1_000_000) - _SKEW_US
            reader = StreamReader(self._connection, self._stream, start_time_us=max(start, 1))
        prefix = f"{writer}/{boot}/"
        found: dict[int, int] = {}
        async for batch in reader.batches(follow=False):
            for message in batch:
                if message.msg_id.startswith(prefix):
                    found[int(message.msg_id[len(prefix) :])] = message.sequence
        return found

    def check(self) -> None:
        """To be called every now and then: ends a wait that has lasted too long."""
        if self._outcome is not None and self._clock.monotonic() - self._sent_at > ACK_WAIT_S:
            self._interrupt("no acknowledgement")

    def _connection_changed(self) -> None:
        if not self._connection.connected:
            self._interrupt("connection lost")

    def _interrupt(self, reason: str) -> None:
        if self._outcome is not None and not self._outcome.done():
            self._outcome.set_result(reason)

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
