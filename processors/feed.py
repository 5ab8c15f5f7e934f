"""FastStream's side of the door: a batch pull subscriber on one durable consumer. It decides nothing."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, cast

from faststream import AckPolicy
from faststream.nats import JStream, NatsBroker, PullSub
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.errors import TimeoutError as NothingNew
from nats.js import JetStreamContext

log = logging.getLogger(__name__)

BATCH = 64
"""Messages of one delivery: a segment may have 4 MiB."""
GATHER_S = 0.2
"""How long a delivery gathers before it is handed on: the latency of a lone message."""
_CONNECT_S = 5.0
_SHORTEST_S = 0.001


class Feed:
    """Deliveries of one durable consumer of a stream. The durable must exist; nothing is acknowledged here."""

    def __init__(
        self, url: str, *, stream: str, durable: str, subject: str, deliver: Callable[[list[Msg]], Awaitable[None]]
    ) -> None:
        self._url = url
        self._name = durable
        self._stream = stream
        self._subject = subject
        self._deliver = deliver
        self._broker: NatsBroker | None = None
        self._client: Client | None = None
        self._faults = 0

    @property
    def connected(self) -> bool:
        return self._client is not None and self._client.is_connected

    async def start(self) -> None:
        """Connects and begins to pull.

        Raises:
            NatsError, OSError, TimeoutError: no server, or it refused.
        """
        broker = NatsBroker(
            self._url.split(","),
            name=f"nexus {self._name}",
            apply_types=False,
            ack_policy=AckPolicy.MANUAL,
            max_reconnect_attempts=-1,
            reconnect_time_wait=1,
            connect_timeout=2,
            ping_interval=10,
            allow_reconnect=True,
            graceful_timeout=5.0,
            error_cb=self._failed,
            logger=_quiet(),
            log_level=logging.DEBUG,
        )
        subscriber = broker.subscriber(
            self._subject,
            stream=JStream(self._stream, declare=False),
            durable=self._name,
            pull_sub=PullSub(batch_size=BATCH, timeout=GATHER_S, batch=True),
            decoder=_raw,
            ack_policy=AckPolicy.MANUAL,
            no_reply=True,
        )
        subscriber(self._deliver)
        try:
            async with asyncio.timeout(_CONNECT_S):
                self._client = await broker.connect()
                self._broker = broker
                await broker.start()
                assert subscriber.subscription is not None, "a started pull subscriber has a subscription"
                subscriber.subscription = cast("Any", _Patient(self._client, subscriber.subscription))
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Ends the pulling; what was delivered and not acknowledged comes again to whoever pulls next."""
        broker, client, self._broker, self._client = self._broker, self._client, None, None
        if broker is not None:
            try:
                async with asyncio.timeout(_CONNECT_S):
                    await broker.stop()
            except (NatsError, OSError, TimeoutError) as error:
                log.debug("event=feed_stop consumer=%s error=%s", self._name, type(error).__name__)
        if client is not None and not client.is_closed:
            await client.close()

    async def _failed(self, error: Exception) -> None:
        self._faults += 1
        if self._faults <= 3 or self._faults % 100 == 0:
            log.warning("event=feed_error consumer=%s error=%s", self._name, type(error).__name__)


def _quiet() -> logging.Logger:
    """FastStream tells of every task and batch; of broken connections `error_cb` tells."""
    logger = logging.getLogger(f"{__name__}.faststream")
    logger.setLevel(logging.ERROR)
    return logger


class _Patient:
    """A pull subscription whose fetch only ever ends with messages or with "nothing new".

    What the plain one raises besides would make FastStream drop the messages it has gathered so far, or ask again
    without a pause: a timeout of another class at the edge of the time, refusals while a durable is missing. While
    there is no connection the client would store requests, to send them all at its return.
    """

    def __init__(self, client: Client, plain: JetStreamContext.PullSubscription) -> None:
        self._client = client
        self._plain = plain

    async def fetch(self, batch: int, timeout: float) -> list[Msg]:  # noqa: ASYNC109  the shape of the plain one
        if timeout < _SHORTEST_S:
            raise NothingNew
        if self._client.is_connected:
            try:
                return await self._plain.fetch(batch, timeout)
            except TimeoutError:
                raise NothingNew from None
            except (NatsError, OSError) as error:
                log.info("event=fetch_failed error=%s", type(error).__name__)
        await asyncio.sleep(timeout)
        raise NothingNew

    async def unsubscribe(self) -> None:
        await self._plain.unsubscribe()


async def _raw(message: Any) -> list[Msg]:
    """Instead of decoding: the messages as NATS delivered them, with what is needed to acknowledge."""
    delivered: list[Msg] = message.raw_message
    return delivered
