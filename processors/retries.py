"""What operators hand back from DEAD to the worker that gave it up, applied between two deliveries of the door."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Awaitable, Callable

import msgspec
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError

from projections.log.api import ApiError
from projections.log.connection import LogConnection
from projections.log.dead import letter
from projections.log.reader import Message
from schemas import subjects
from schemas.errors import Invalid, Rejected, Unavailable
from schemas.redelivery import RetryAnswered, decode_asked, encode

log = logging.getLogger(__name__)

Again = Callable[[Message], Awaitable[None]]
MOST_WAITING = 64
REBUILD = "mend the cause and rebuild the view, or drop the message"


class Retries:
    """The requests of operators to one durable consumer."""

    def __init__(
        self,
        connection: LogConnection,
        durable: str,
        again: Again | None,
        wake: Callable[[], None] = lambda: None,
        *,
        instead: str = REBUILD,
    ) -> None:
        """
        Args:
            again: applies one message out of its order, twice like once, and leaves the position where it is; None
                when the sink can only be told things in their order: then every request is refused at once.
            wake: told that there is something to `serve`.
            instead: what an operator can do when a request is refused.
        """
        self._connection = connection
        self._durable = durable
        self._again = again
        self._wake = wake
        self._instead = instead
        self._waiting: deque[Msg] = deque()
        self._subscription: Subscription | None = None

    async def open(self) -> None:
        # of several workers behind one durable, one is enough
        self._subscription = await self._connection.nc.subscribe(
            subjects.retry_work(self._durable), queue=self._durable, cb=self._take, pending_msgs_limit=MOST_WAITING
        )

    async def close(self) -> None:
        subscription, self._subscription = self._subscription, None
        if subscription is None:
            return
        try:
            await subscription.unsubscribe()
        except (NatsError, OSError) as error:
            log.debug("event=retries_closed_early consumer=%s error=%s", self._durable, type(error).__name__)

    async def serve(self) -> None:
        """Applies what was handed back since the last call, and answers."""
        again = self._again
        while self._waiting and again is not None:
            request = self._waiting.popleft()
            await self._tell(request, await self._answer(request.data, again))

    async def _take(self, request: Msg) -> None:
        if self._again is None:
            why = f"{self._durable} takes messages only in the order of the log, a single one cannot be applied later"
            await self._tell(request, RetryAnswered(False, f"{why}; {self._instead}"))
            return
        self._waiting.append(request)
        self._wake()

    async def _tell(self, request: Msg, answer: RetryAnswered) -> None:
        try:
            await request.respond(encode(answer))
        except (NatsError, OSError) as error:
            log.warning("event=retry_answer_lost consumer=%s error=%s", self._durable, type(error).__name__)

    async def _answer(self, asked: bytes, again: Again) -> RetryAnswered:
        try:
            sequence = decode_asked(asked).sequence
        except msgspec.MsgspecError:
            return RetryAnswered(False, "the worker does not understand the request; is it of another version?")
        try:
            found = await letter(self._connection, sequence)
            if found is None or found.consumer != self._durable:
                return RetryAnswered(False, f"DEAD:{sequence} is no message that {self._durable} gave up")
            await again(found.message)
        except Invalid as error:
            return RetryAnswered(False, f"it still cannot be applied: {error}")
        except (Rejected, Unavailable, ApiError, NatsError, OSError) as error:
            log.warning("event=retry_failed consumer=%s sequence=%d error=%s", self._durable, sequence, error)
            return RetryAnswered(False, f"a store or the log does not answer ({type(error).__name__}); try again later")
        except Exception as error:
            # what made the worker give it up may be a fault of the worker, and is there still
            log.exception("event=retry_failed consumer=%s sequence=%d", self._durable, sequence)
            return RetryAnswered(False, f"it still cannot be applied: {type(error).__name__} in the worker")
        log.info("event=retried consumer=%s sequence=%d", self._durable, sequence)
        return RetryAnswered(True)
