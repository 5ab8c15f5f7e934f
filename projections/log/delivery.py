"""Brings one segment after another into the log: publish, wait, try again with the same id, never twice."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import cast

import msgspec
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError

from projections.log.api import Ack, ack_decoder
from projections.log.backlog import Formed
from projections.log.chain import Chain
from projections.log.connection import LogConnection
from projections.log.fence import find, for_certain
from projections.log.parser import parser_of
from schemas.ids import Clock

_log = logging.getLogger(__name__)

ACK_WAIT_S = 2.0
RECHECK_AFTER_S = 30.0
"""A quarter of the default duplicate window: after that the server's memory of ids is not relied upon."""


class Taken(Exception):
    """The log already holds a message with the id of the segment: a former try of it, as a rule."""

    def __init__(self, sequence: int) -> None:
        super().__init__(sequence)
        self.sequence = sequence
        """Where that stands."""


class Silenced(Exception):
    """Nothing of this writer is known to have been stored for so long that it may have been taken for dead."""


class Delivery:
    """Publishes to one stream, one segment at a time, with one inbox for all answers."""

    def __init__(
        self,
        connection: LogConnection,
        clock: Clock,
        stream: str,
        recheck_after_s: float,
        stored: Callable[[int], None] = lambda sequence: None,
    ) -> None:
        """
        Args:
            stored: told the sequence of the segment under way as soon as its acknowledgement has been read, a turn of
                the loop before `deliver` returns it; only of one that was stored at the first try.
        """
        self.retries = 0
        self.silent_s = float("inf")
        """After so long without a sign of life, only a herald is sent; see `Silenced`."""
        self._loop = asyncio.get_running_loop()
        self._connection = connection
        self._clock = clock
        self._stream = stream
        self._recheck_after_s = recheck_after_s
        self._tell = stored
        self._inbox = ""
        self._subscription: Subscription | None = None
        self._serial = 0
        self._reply = ""
        """Where the answer to the segment under way comes to."""
        self._tries = 0
        self._sent_at = 0.0
        self._outcome: asyncio.Future[Ack | str] | None = None
        self._unlisten = connection.listen(self._connection_changed)

    async def start(self) -> None:
        nc = self._connection.nc
        self._inbox = nc.new_inbox()
        # Answers are taken where the client reads, without a queue and a task between. What follows the rest of another
        # message comes through the client, which hands it to anything shaped like a future: `set_result` below.
        self._subscription = await nc.subscribe(f"{self._inbox}.*", future=cast("asyncio.Future[Msg]", self))
        parser_of(nc).takers[b"%d" % self._subscription._id] = self._answered

    async def close(self) -> None:
        self._unlisten()
        subscription, self._subscription = self._subscription, None
        if subscription is not None:
            nc = self._connection.nc
            parser_of(nc).takers.pop(b"%d" % subscription._id, None)
            if not nc.is_closed:
                await subscription.unsubscribe()

    def begin(self, segment: Formed, payload: bytes) -> None:
        """Sends a segment whose bytes are in memory at once; `deliver` of it must follow.

        While the connection is there and nothing else is under way.
        """
        assert self._outcome is None, "the one before is not stored yet"
        self._address()
        self._publish(segment, payload)

    async def deliver(self, segment: Formed, payload: bytes) -> int:
        """Returns the segment's sequence once it is stored; tries for as long as that takes.

        Args:
            payload: as it follows what is stored.

        Raises:
            Taken: whether it is stored is to be looked up.
            Silenced: a herald has to go before it.
        """
        connection, chain = self._connection, segment.chain
        if self._outcome is None:
            self._address()
        backoff = 0.05
        while True:
            if self._outcome is None:
                if not connection.connected:
                    await connection.wait_connected()
                now = self._clock.monotonic()
                if segment.attempts and now - segment.first_sent > self._recheck_after_s:
                    if sequence := await self._stored(segment):
                        raise Taken(sequence)
                    segment.first_sent = now
                if not segment.herald and self.silent(chain):
                    if segment.attempts and (sequence := await self._stored(segment)):
                        raise Taken(sequence)
                    raise Silenced
                self._publish(segment, payload)
            assert self._outcome is not None, "published"
            outcome = await self._outcome
            self._outcome = None
            if isinstance(outcome, Ack):
                if outcome.duplicate:
                    raise Taken(outcome.seq)
                chain.stands_at(outcome.seq, self.silent(chain))
                chain.heard = self._sent_at
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

    def silent(self, chain: Chain) -> bool:
        """Whether the writer of a chain may have been taken for dead by now."""
        return self._clock.monotonic() - chain.heard > self.silent_s

    def _address(self) -> None:
        self._serial += 1
        self._reply = f"{self._inbox}.{self._serial}"

    def _publish(self, segment: Formed, payload: bytes) -> None:
        """One try; its answer, or why there will be none, becomes the outcome."""
        self._sent_at = now = self._clock.monotonic()
        if segment.attempts == 0:
            segment.first_sent = now
        segment.attempts += 1
        self._tries = segment.attempts
        self._outcome = self._loop.create_future()
        try:
            if self._connection.send(segment.subject, self._reply, segment.msg_id, payload):
                segment.left()
        except (NatsError, OSError) as error:
            self._outcome.set_result(type(error).__name__)

    async def _stored(self, segment: Formed) -> int:
        """Where something stands under the id of a segment that was sent before; 0 for nowhere."""
        since_us = self._clock.now_us() - int((self._clock.monotonic() - segment.first_sent) * 1_000_000)
        log, stream, chain = self._connection, self._stream, segment.chain
        return await for_certain(stream, lambda: find(log, stream, chain, segment.number, since_us))

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
        self._answered(message.subject.encode(), b"", b"", message.data)

    def _answered(self, subject: bytes, reply: bytes, headers: bytes, payload: bytes) -> None:
        """Takes the server's answer, in the client's read loop."""
        outcome = self._outcome
        if outcome is None or outcome.done() or subject != self._reply.encode():
            return
        try:
            ack = ack_decoder.decode(payload)
        except msgspec.MsgspecError:
            # an empty answer with status 503: no stream listens
            outcome.set_result("no stream takes it at the moment")
            return
        if ack.error is not None:
            outcome.set_result(f"{ack.error.description} ({ack.error.err_code})")
            return
        outcome.set_result(ack)
        if self._tries == 1 and not ack.duplicate:
            self._tell(ack.seq)
