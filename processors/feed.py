"""FastStream's side of the door: a batch pull subscriber on one durable consumer. It decides nothing.

A delivery only says that there is something up to a place: its content is read from the stream itself, once for all
workers of a process.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, cast

import msgspec
from faststream import AckPolicy
from faststream.nats import JStream, NatsBroker, PullSub
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.errors import TimeoutError as NothingNew
from nats.js import JetStreamContext

from projections.log.parser import speed_up

log = logging.getLogger(__name__)

BATCH = 512
"""Messages of one delivery."""
GATHER_S = 0.5
"""How long deliveries gather on the server: so far an acknowledgement is behind, and so often a consumer is asked."""
QUIET_S = 2.5
"""How long a quiet consumer's request for its next delivery stands; a lost connection loses it."""
_DELIVERY = "$JS.ACK."
_CONNECT_S = 5.0
_SHORTEST_S = 0.001
_GRACE_S = 0.5
"""What the server gets to say that a request has ended."""


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
                subscriber.subscription = cast("Any", _Pull(self._client, subscriber.subscription))
        except BaseException:
            await self.stop()
            raise

    def say(self, replies: Sequence[str], word: bytes) -> None:
        """Answers deliveries in one write; without a connection nothing is sent, and they come again."""
        transport = self._client._transport if self._client is not None and self._client.is_connected else None
        if transport is not None:
            transport.write(b"".join([b"PUB %s %d\r\n%s\r\n" % (reply.encode(), len(word), word) for reply in replies]))

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


class _Pull:
    """A pull subscription whose fetch only ever ends with messages or with "nothing new".

    What the plain one raises besides would make FastStream drop the messages it has gathered so far, or ask again
    without a pause: a timeout of another class at the edge of the time, refusals while a durable is missing. While
    there is no connection the client would store requests, to send them all at its return. And it takes 20 µs of CPU a
    message through its queues, this one 3.
    """

    def __init__(self, client: Client, plain: JetStreamContext.PullSubscription) -> None:
        self._client = client
        self._plain = plain
        self._arrived: list[Msg] = []
        self._wanted = 0
        self._quiet = True
        self._due_at = 0.0
        self._done: asyncio.Future[None] | None = None
        self._takers = speed_up(client).takers
        self._takers[b"%d" % plain._sub._id] = self._take

    async def fetch(self, batch: int, timeout: float) -> list[Msg]:  # noqa: ASYNC109  the shape of the plain one
        if timeout < _SHORTEST_S:
            raise NothingNew
        await asyncio.sleep(max(0.0, self._due_at - time.monotonic()))
        self._due_at = time.monotonic() + timeout
        if not self._client.is_connected:
            raise NothingNew
        # one is waited for; then all that have come up are asked for now and then, in one piece: each by itself would
        # be a packet, a wake-up and a read
        self._wanted = 1 if self._quiet else batch
        wait_s, how = (QUIET_S, {"expires": int(QUIET_S * 1e9)}) if self._quiet else (timeout, {"no_wait": True})
        request = msgspec.json.encode({"batch": self._wanted, **how})
        self._done = asyncio.get_running_loop().create_future()
        try:
            await self._client.publish(self._plain._nms, request, self._plain._deliver)
            await asyncio.wait((self._done,), timeout=wait_s + _GRACE_S)
        except (NatsError, OSError) as error:
            log.info("event=fetch_failed error=%s", type(error).__name__)
        arrived = self._gathered()
        self._quiet = not arrived
        if not arrived:
            raise NothingNew
        self._due_at = time.monotonic() + timeout if len(arrived) < batch else 0.0
        return arrived

    async def unsubscribe(self) -> None:
        self._takers.pop(b"%d" % self._plain._sub._id, None)
        await self._plain.unsubscribe()

    def _gathered(self) -> list[Msg]:
        """All that has arrived, also what came the client's way because it stood between two halves of others."""
        queue = self._plain._sub._pending_queue
        while not queue.empty():
            message = queue.get_nowait()
            self._plain._sub._pending_size -= len(message.data)
            if message.reply.startswith(_DELIVERY):
                self._arrived.append(message)
        arrived, self._arrived = self._arrived, []
        return arrived

    def _take(self, subject: bytes, reply: bytes, headers: bytes, payload: bytes) -> None:
        delivered = reply.startswith(_DELIVERY.encode())
        if delivered:
            self._arrived.append(Msg(self._client, subject.decode(), reply.decode(), payload))
            self._wanted -= 1
        # anything else is a status: there is no more, or no such consumer
        if (not delivered or not self._wanted) and self._done is not None and not self._done.done():
            self._done.set_result(None)


async def _raw(message: Any) -> list[Msg]:
    """Instead of decoding: the messages as NATS delivered them, with what is needed to acknowledge."""
    delivered: list[Msg] = message.raw_message
    return delivered
