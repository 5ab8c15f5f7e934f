"""How a worker takes messages from the log: in order, without a gap, acknowledged after they are applied.

The sink's position is the truth; the durable consumer only says that there is something to do. What it delivers late,
twice or out of order is held against the position; what it did not deliver is read from the stream itself.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing

from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from processors.dead import bury
from processors.inbox import Delivery, Inbox, delivery_of, follows
from processors.retries import Again, Retries
from processors.supply import Supply
from projections.log.api import CONSUMER_NOT_FOUND, STREAM_NOT_FOUND, ApiError
from projections.log.connection import LogConnection
from projections.log.reader import Message, last_sequence
from projections.log.topology import durable_name
from projections.ranges import batches
from schemas import subjects
from schemas.errors import Invalid, Rejected, Unavailable
from schemas.settings import Settings
from schemas.topology import EMBEDDED, Consumer, Topology

log = logging.getLogger(__name__)

Handle = Callable[[list[Message]], Awaitable[None]]

LOOK_S = 2.0
"""After so long without anything new, the stream is asked whether something was missed."""
_FIRST_RETRY_S, _LAST_RETRY_S = 0.05, 5.0
_PROGRESS_S = 10.0
_LEAVE_S = 5.0
_OUTAGE = (Rejected, Unavailable, OSError, TimeoutError, NatsError)


class _Moved(Exception):
    """The sink stands elsewhere than before: what to apply next has to be found out anew."""


async def consume(
    settings: Settings,
    connection: LogConnection,
    consumer: Consumer,
    handle: Handle,
    position: Callable[[], int],
    stop: asyncio.Event,
    *,
    refresh: Callable[[], Awaitable[None]] | None = None,
    skip: Callable[[int], Awaitable[None]] | None = None,
    again: Again | None = None,
    partition: int = 0,
    topology: Topology = EMBEDDED,
) -> None:
    """Feeds a sink until `stop` is set.

    Args:
        handle: applies messages, which follow the position without a gap, and moves the position. `Rejected`,
            `Unavailable` and connection errors mean the same messages again after a while; `Invalid` that one of
            them goes to DEAD; anything else ends this call.
        position: sequence of the last message applied, as far as the sink knows.
        refresh: called at the start, after an outage and now and then when idle: the sink looks up where it
            stands (its store may have been rebuilt). It may raise as `handle` does for an outage.
        skip: moves the position over one message that went to DEAD; without it the door only remembers it.
        again: applies one message that an operator hands back from DEAD: out of its order, twice like once, and without
            moving the position. Without it such requests are refused.
        partition: of TRAFFIC, when there are several.
    """
    door = Door(
        settings, connection, consumer, handle, position,
        refresh=refresh, skip=skip, again=again, partition=partition, topology=topology,
    )  # fmt: skip
    await door.run(stop)


class Door:
    """One consumer's way to one sink. Use `consume`."""

    def __init__(
        self,
        settings: Settings,
        connection: LogConnection,
        consumer: Consumer,
        handle: Handle,
        position: Callable[[], int],
        *,
        refresh: Callable[[], Awaitable[None]] | None = None,
        skip: Callable[[int], Awaitable[None]] | None = None,
        again: Again | None = None,
        partition: int = 0,
        topology: Topology = EMBEDDED,
    ) -> None:
        shares = settings.partitions if consumer.stream == "TRAFFIC" else 1
        self._settings = settings
        self._connection = connection
        self._stream = consumer.stream
        self._durable = durable_name(consumer, partition, shares)
        self._subject = "" if shares == 1 else subjects.traffic(partition)
        self._handle = handle
        self._position = position
        self._refresh = refresh
        self._skip = skip
        self._skipped = 0
        self._inbox = Inbox()
        self._supply = Supply(settings, connection, topology, self._stream, self._durable, self._subject, self._inbox)
        self._retries = Retries(connection, self._durable, again, self._inbox.wake)
        self._held: list[Delivery] = []
        self._last: Delivery | None = None
        self._idle_since = 0.0
        self._told_at = 0.0

    @property
    def cursor(self) -> int:
        """Everything up to here is applied or in DEAD."""
        return max(self._position(), self._skipped)

    async def run(self, stop: asyncio.Event) -> None:
        """Works until `stop` is set; then finishes what it has in its hands, if that does not take long."""
        await self._retries.open()
        work = asyncio.create_task(self._work(stop), name=f"door {self._durable}")
        leave = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait((work, leave), return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                self._inbox.wake()
                await asyncio.wait((work,), timeout=_LEAVE_S)
        finally:
            leave.cancel()
            work.cancel()
            await asyncio.wait((work,))
            await self._retries.close()
            await self._supply.close()
        log.info("event=door_closed consumer=%s position=%d", self._durable, self.cursor)
        if not work.cancelled():
            work.result()

    async def _work(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            if time.monotonic() - self._idle_since >= LOOK_S:
                await self._look()
                self._idle_since = time.monotonic()
            await self._deliver(await self._inbox.take(LOOK_S))
            await self._retries.serve()

    # --- what the consumer delivers

    async def _deliver(self, raw: list[Msg]) -> None:
        if not raw:
            return
        self._supply.arrived()
        self._held = [delivery_of(message, self._stream) for message in raw]
        before = self.cursor
        while True:
            try:
                await self._apply_deliveries()
                break
            except _Moved:
                await self._look()
        if self.cursor > before:
            self._idle_since = time.monotonic()
        held, self._held = self._held, []
        for delivery in held:
            await self._tell(delivery.raw.ack)

    async def _apply_deliveries(self) -> None:
        by_sequence = {delivery.message.sequence: delivery for delivery in reversed(self._held)}
        fresh = [by_sequence[sequence] for sequence in sorted(by_sequence) if sequence > self.cursor]
        while fresh:
            if not self._continues(fresh[0]):
                # a worker that died may have these in its hands; they come again, but too late
                await self._read_to(fresh[0].message.sequence - 1)
            run = 1
            while run < len(fresh) and follows(fresh[run - 1], fresh[run]):
                run += 1
            await self._attempt([delivery.message for delivery in fresh[:run]])
            self._last = fresh[run - 1]
            fresh = [delivery for delivery in fresh[run:] if delivery.message.sequence > self.cursor]

    def _continues(self, delivery: Delivery) -> bool:
        if delivery.message.sequence == self.cursor + 1:
            return True
        last = self._last
        return last is not None and last.message.sequence == self.cursor and follows(last, delivery)

    # --- what it did not

    async def _look(self) -> None:
        """Finds out what the sink has and what the stream has, and closes the gap."""
        await self._recover()
        while self._connection.connected:
            try:
                if await self._supply.check():
                    self._last = None
                last = await last_sequence(self._connection, self._stream, self._subject or None)
                if last <= self.cursor:
                    if last < self.cursor:
                        log.error(
                            "event=another_log consumer=%s position=%d stream_ends=%d remedy=rebuild",
                            self._durable, self.cursor, last,
                        )  # fmt: skip
                    return
                await self._read_to(last)
            except _Moved:
                continue
            except Unavailable as error:
                log.info("event=look_failed consumer=%s error=%s", self._durable, error)
            except ApiError as error:
                if error.code < 500 and error.number not in (STREAM_NOT_FOUND, CONSUMER_NOT_FOUND):
                    raise
                log.info("event=look_failed consumer=%s error=%s", self._durable, error)
            return

    async def _read_to(self, until: int) -> None:
        """Applies what the stream has between the cursor and `until`, inclusive."""
        found = batches(self._connection, self._stream, self.cursor + 1, until, subject=self._subject)
        async with aclosing(found):
            async for batch in found:
                await self._attempt(batch)

    # --- towards the sink

    async def _attempt(self, messages: list[Message]) -> None:
        """Applies messages, again and again while a store is out of order.

        Raises:
            _Moved: the sink stands elsewhere now.
        """
        delay = _FIRST_RETRY_S
        while fresh := [message for message in messages if message.sequence > self.cursor]:
            before = self._position()
            try:
                await self._handle(fresh)
                return
            except Invalid as error:
                if len(fresh) > 1:
                    middle = len(fresh) // 2
                    await self._attempt(fresh[:middle])
                    await self._attempt(fresh[middle:])
                else:
                    await self._bury(fresh[0], error)
                return
            except _OUTAGE as error:
                log.warning(
                    "event=rejected consumer=%s from=%d error=%s: %s",
                    self._durable, fresh[0].sequence, type(error).__name__, error,
                )  # fmt: skip
            await self._hold(delay)
            delay = min(delay * 2, _LAST_RETRY_S)
            await self._recover()
            if self._position() != before:
                raise _Moved

    async def _bury(self, message: Message, error: Invalid) -> None:
        delay = _FIRST_RETRY_S
        while True:
            before = self._position()
            try:
                await bury(self._connection, self._durable, message, str(error))
                if self._skip is not None:
                    await self._skip(message.sequence)
                self._skipped = message.sequence
                return
            except _OUTAGE as failure:
                log.warning("event=bury_failed consumer=%s error=%s", self._durable, type(failure).__name__)
            await self._hold(delay)
            delay = min(delay * 2, _LAST_RETRY_S)
            await self._recover()
            if self._position() != before:
                raise _Moved

    async def _recover(self) -> None:
        """Waits until the sink knows where it stands."""
        delay = _FIRST_RETRY_S
        while self._refresh is not None:
            before = self._position()
            try:
                await self._refresh()
            except _OUTAGE as error:
                log.warning("event=refresh_failed consumer=%s error=%s", self._durable, error)
                await self._hold(delay)
                delay = min(delay * 2, _LAST_RETRY_S)
                continue
            if self._position() < before:
                self._skipped = 0  # the view begins again: what was skipped is judged again
            return

    async def _hold(self, seconds: float) -> None:
        """Waits, and tells the server now and then that what was delivered is not forgotten."""
        if time.monotonic() - self._told_at > _PROGRESS_S:
            self._told_at = time.monotonic()
            for delivery in self._held:
                await self._tell(delivery.raw.in_progress)
        await asyncio.sleep(seconds)

    async def _tell(self, say: Callable[[], Awaitable[None]]) -> None:
        """An acknowledgement that does not arrive only means that the message comes once more."""
        try:
            await say()
        except (NatsError, OSError) as error:
            log.debug("event=not_told consumer=%s error=%s", self._durable, type(error).__name__)
