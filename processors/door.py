"""How a worker takes messages from the log: in order, without a gap, acknowledged after they are applied.

The sink's position is the truth. Messages are read from the stream itself, from that position on, once for all workers
of a process. The durable consumer tells everybody else how far this worker is: what it delivers is acknowledged when
the sink has it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Protocol

from nats.errors import Error as NatsError

from processors.dead import Restraint, bury
from processors.retries import Again, Retries
from processors.supply import Supply
from projections.log.api import CONSUMER_NOT_FOUND, STREAM_NOT_FOUND, ApiError
from projections.log.connection import LogConnection
from projections.log.reader import Message, last_sequence
from projections.log.tail import Follower, Tails
from projections.log.topology import durable_name
from schemas import subjects
from schemas.errors import Invalid, NotFound, Rejected, Unavailable
from schemas.settings import Settings
from schemas.topology import CONSUMERS, EMBEDDED, Consumer, Topology

log = logging.getLogger(__name__)

Handle = Callable[[list[Message]], Awaitable[None]]

LOOK_S = 2.0
"""How often the consumer is looked after, and, when nothing new comes, the sink."""
GATHER_S = 0.2
"""Between two batches under load: one for the store instead of many."""
_FIRST_RETRY_S, _LAST_RETRY_S = 0.05, 5.0
_PROGRESS_S = 10.0
_LEAVE_S = 5.0
_STUMBLES = 3
"""Times that a message is tried over which the worker itself comes to grief."""
_NOTHING = 2**63
_OUTAGE = (Rejected, Unavailable, OSError, TimeoutError, NatsError)


class _Moved(Exception):
    """The sink stands elsewhere than before: what to apply next has to be found out anew."""


class Sink(Protocol):
    """What a worker keeps up to date; see `consume`."""

    async def handle(self, messages: list[Message]) -> None: ...
    def position(self) -> int: ...
    async def refresh(self) -> None: ...
    async def skip(self, sequence: int) -> None: ...
    async def again(self, message: Message) -> None: ...


async def keep(
    sink: Sink,
    settings: Settings,
    connection: LogConnection,
    name: str,
    stop: asyncio.Event,
    *,
    tails: Tails | None = None,
    partition: int = 0,
    in_order: bool = False,
    gather_s: float = GATHER_S,
) -> None:
    """Keeps a sink up to date through the declared consumer of that name until `stop` is set.

    Args:
        in_order: it cannot apply a single message later: those handed back from DEAD are refused.
    """
    door = Door(
        settings,
        connection,
        next(declared for declared in CONSUMERS if declared.name == name),
        sink.handle,
        sink.position,
        refresh=sink.refresh,
        skip=sink.skip,
        again=None if in_order else sink.again,
        partition=partition,
        tails=tails,
        gather_s=gather_s,
    )
    await door.run(stop)


class Door:
    """One consumer's way to one sink."""

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
        tails: Tails | None = None,
        gather_s: float = GATHER_S,
    ) -> None:
        """
        Args:
            handle: applies messages, which follow the position without a gap, and moves the position. `Rejected`,
                `Unavailable` and connection errors mean the same messages again after a while; `Invalid` that one of
                them goes to DEAD. So does a fault of the worker's own: to end with it would end every worker of the
                process, now and after each start, for one message that nobody foresaw.
            position: sequence of the last message applied, as far as the sink knows.
            refresh: called at the start, after an outage and now and then when idle: the sink looks up where it
                stands (its store may have been rebuilt). It may raise as `handle` does for an outage.
            skip: moves the position over one message that went to DEAD; without it the door only remembers it.
            again: applies one message that an operator hands back from DEAD: out of its order, twice like once, and
                without moving the position. Without it such requests are refused.
            partition: of TRAFFIC, when there are several.
            tails: what the workers of a process read together; None to read alone.
            gather_s: between two batches under load.
        """
        shares = settings.partitions if consumer.stream == "TRAFFIC" else 1
        self._connection = connection
        self._stream = consumer.stream
        self._durable = durable_name(consumer, partition, shares)
        self._subject = "" if shares == 1 else subjects.traffic(partition)
        self._handle = handle
        self._position = position
        self._refresh = refresh
        self._skip = skip
        self._skipped = 0
        self._restraint = Restraint()
        self._tails = tails
        self._gather_s = gather_s
        self._tail: Follower | None = None
        self._handed = _NOTHING
        """The last sequence that the sink was given."""
        self._supply = Supply(
            settings, connection, topology, self._stream, self._durable, self._subject, lambda: self.cursor
        )
        self._retries = Retries(connection, self._durable, again, self._wake)
        self._idle_since = self._checked_at = 0.0
        self._told_at = 0.0

    @property
    def cursor(self) -> int:
        """Everything up to here is applied or in DEAD."""
        return max(self._position(), self._skipped)

    async def run(self, stop: asyncio.Event) -> None:
        """Works until `stop` is set; then finishes what it has in its hands, if that does not take long."""
        await self._retries.open()
        tails = self._tails or Tails("", self._connection)
        self._tail = tails.follow(self._stream, subject=self._subject)
        work = asyncio.create_task(self._work(self._tail, stop), name=f"door {self._durable}")
        leave = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait((work, leave), return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                self._wake()
                await asyncio.wait((work,), timeout=_LEAVE_S)
        finally:
            leave.cancel()
            work.cancel()
            await asyncio.wait((work,))
            await self._retries.close()
            await self._supply.close()
            await self._tail.close()
            if tails is not self._tails:
                await tails.close()
        log.info("event=door_closed consumer=%s position=%d", self._durable, self.cursor)
        if not work.cancelled():
            work.result()

    def _wake(self) -> None:
        if self._tail is not None:
            self._tail.wake()

    async def _work(self, tail: Follower, stop: asyncio.Event) -> None:
        while not stop.is_set():
            now = time.monotonic()
            if now - self._idle_since >= LOOK_S:
                await self._look()
                self._idle_since = time.monotonic()
            elif now - self._checked_at >= LOOK_S:
                await self._check()
            await self._step(tail)
            await self._retries.serve()

    async def _step(self, tail: Follower) -> None:
        """Applies what comes next, if anything does within a while."""
        before = self.cursor
        if before < self._handed:
            # the view begins again, or what was read could not be applied
            tail.seek(before + 1)
            self._handed = before
        try:
            if messages := await tail.take(LOOK_S, self._gather_s):
                self._handed = messages[-1].sequence
                await self._attempt(messages)
        except _Moved:
            await self._look()
        except (NotFound, Unavailable, ApiError) as error:
            if isinstance(error, ApiError) and error.code < 500 and error.number != STREAM_NOT_FOUND:
                raise
            log.info("event=read_failed consumer=%s error=%s", self._durable, error)
            await self._hold(_FIRST_RETRY_S)
            await self._look()
        self._supply.bells.answer()
        if self.cursor > before:
            self._idle_since = time.monotonic()

    # --- now and then

    async def _look(self) -> None:
        """Finds out what the sink has, and whether the stream can be the one that it has it from."""
        await self._recover()
        await self._check()

    async def _check(self) -> None:
        """Sees to it that the consumer is there and is pulled from."""
        self._checked_at = time.monotonic()
        if not self._connection.connected:
            return
        try:
            await self._supply.check()
            last = await last_sequence(self._connection, self._stream, self._subject or None)
            if last < self.cursor:
                log.error(
                    "event=another_log consumer=%s position=%d stream_ends=%d remedy=rebuild",
                    self._durable, self.cursor, last,
                )  # fmt: skip
        except Unavailable as error:
            log.info("event=look_failed consumer=%s error=%s", self._durable, error)
        except ApiError as error:
            if error.code < 500 and error.number not in (STREAM_NOT_FOUND, CONSUMER_NOT_FOUND):
                raise
            log.info("event=look_failed consumer=%s error=%s", self._durable, error)

    # --- towards the sink

    async def _attempt(self, messages: list[Message]) -> None:
        """Applies messages, again and again while a store is out of order.

        Raises:
            _Moved: the sink stands elsewhere now.
        """
        delay, stumbles = _FIRST_RETRY_S, 0
        while fresh := [message for message in messages if message.sequence > self.cursor]:
            before = self._position()
            try:
                await self._handle(fresh)
                self._restraint.applied()
                return
            except _OUTAGE as error:
                log.warning(
                    "event=rejected consumer=%s from=%d error=%s: %s",
                    self._durable, fresh[0].sequence, type(error).__name__, error,
                )  # fmt: skip
            except (MemoryError, ApiError):
                raise
            except Exception as error:
                if not isinstance(error, Invalid):
                    log.error(
                        "event=worker_fault consumer=%s from=%d error=%s",
                        self._durable, fresh[0].sequence, type(error).__name__, exc_info=error,
                    )  # fmt: skip
                    # what it keeps in memory may be half changed
                    await self._recover()
                    if self._position() != before:
                        raise _Moved from error
                if len(fresh) > 1:
                    middle = len(fresh) // 2
                    await self._attempt(fresh[:middle])
                    await self._attempt(fresh[middle:])
                    return
                stumbles += not isinstance(error, Invalid)
                if 0 < stumbles < _STUMBLES:
                    # it may have been the moment's
                    await self._hold(delay)
                    continue
                if not self._restraint.wait_s():
                    reason = str(error) if isinstance(error, Invalid) else f"{type(error).__name__} in the worker"
                    await self._bury(fresh[0], reason)
                    return
                # nothing works any more: that is no poison, and may be mended while this one is tried again
                log.error(
                    "event=stopped consumer=%s at=%d in_a_row=%d error=%s",
                    self._durable, fresh[0].sequence, self._restraint.in_a_row, error,
                )  # fmt: skip
            await self._hold(delay)
            delay = min(delay * 2, _LAST_RETRY_S)
            await self._recover()
            if self._position() != before:
                raise _Moved

    async def _bury(self, message: Message, reason: str) -> None:
        delay = _FIRST_RETRY_S
        while True:
            before = self._position()
            try:
                await bury(self._connection, self._durable, message, reason)
                if self._skip is not None:
                    await self._skip(message.sequence)
                self._skipped = message.sequence
                self._restraint.gave_up()
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
            except (*_OUTAGE, Invalid) as error:
                # where a sink stands is no message's fault
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
            self._supply.bells.hold()
        await asyncio.sleep(seconds)
