"""An ephemeral, ordered pull consumer: one try at reading a stream from a place on. Recovery is the reader's."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any, TypeVar, cast

import msgspec
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError

from projections.log.api import ApiError, call
from projections.log.connection import LogConnection
from projections.log.parser import Take, parser_of
from schemas.errors import Unavailable

_log = logging.getLogger(__name__)

_SECOND = 1_000_000_000
EXPIRES_S = 20.0
BEAT_S = 1.0
SILENCE_S = 3.5
"""Three heartbeats missed and a bit: the request is lost."""
MAX_BYTES = 24 * 1024 * 1024
"""Of one request: room for some of the largest segments."""
INACTIVE_S = 60

MadeT = TypeVar("MadeT")


class Message(msgspec.Struct, frozen=True, gc=False):
    """One message of a stream."""

    stream: str
    sequence: int
    subject: str
    payload: bytes
    time_us: int
    """When the server stored it, microseconds since the epoch."""
    msg_id: str
    """`Nats-Msg-Id`, or empty."""
    made: dict[Any, Any] | None = None
    """What was made of it `once`."""

    def once(self, make: Callable[[Message], MadeT]) -> MadeT:
        """What a pure function makes of this message: called for the first who asks, shared by all who hold it.

        What `make` raises is not kept. Nobody may change what it returns.
        """
        made = self.made
        if made is None:
            made = {}
            msgspec.structs.force_setattr(self, "made", made)
        if make not in made:
            made[make] = make(self)
        return cast("MadeT", made[make])


class Lost(Exception):
    """This consumer is of no more use: gone, silent, or it skipped something. Start another one."""


class PullSession:
    """Reads on from a given place for as long as nothing goes wrong.

    At most one request is under way, so a slow reader holds back the server and never fills memory: one batch in
    its hands, one arriving.
    """

    def __init__(self, connection: LogConnection, stream: str, batch: int) -> None:
        self.pending = 0
        """Messages that the server still had after the last one that arrived."""
        self.last_contact = 0.0
        self._connection = connection
        self._stream = stream
        self._batch = batch
        self._consumer = ""
        self._inbox = ""
        self._subscription: Subscription | None = None
        self._takers: dict[bytes, Take] = {}
        self._messages: list[Message] = []
        self._delivered = 0
        self._remaining = 0
        self._asked_at = 0.0
        self._fault = ""
        self._wake: asyncio.Future[None] | None = None
        self._unlisten = connection.listen(self._check_connection)

    async def open(self, config: dict[str, Any]) -> None:
        """Creates the consumer and asks for the first batch.

        Args:
            config: where to begin and what to filter.

        Raises:
            ApiError, Unavailable: no consumer could be made.
        """
        nc = self._connection.nc
        self._inbox = nc.new_inbox()
        # The client hands messages to anything shaped like a future, in its read loop, without a queue and a task
        # between; `set_result` below is that shape.
        self._subscription = await nc.subscribe(self._inbox, future=cast("asyncio.Future[Msg]", self))
        self._takers = parser_of(nc).takers
        self._takers[b"%d" % self._subscription._id] = self.take_raw
        answer = await call(
            self._connection,
            f"CONSUMER.CREATE.{self._stream}",
            {
                "stream_name": self._stream,
                "config": config
                | {
                    "ack_policy": "none",
                    "replay_policy": "instant",
                    "inactive_threshold": INACTIVE_S * _SECOND,
                    "mem_storage": True,
                    "num_replicas": 1,
                },
            },
        )
        self._consumer = answer["name"]
        self.pending = answer["num_pending"]
        self.last_contact = time.monotonic()
        await self.ask()

    @property
    def drained(self) -> bool:
        """Nothing is left to take, and the server had no more."""
        return self.pending == 0 and not self._messages

    async def ask(self) -> None:
        """Requests the next batch unless one is under way."""
        if self._remaining or self._fault:
            return
        self._remaining = self._batch
        self._asked_at = time.monotonic()
        body = msgspec.json.encode(
            {
                "batch": self._batch,
                "max_bytes": MAX_BYTES,
                "expires": int(EXPIRES_S * _SECOND),
                "idle_heartbeat": int(BEAT_S * _SECOND),
            }
        )
        try:
            await self._connection.nc.publish(
                f"$JS.API.CONSUMER.MSG.NEXT.{self._stream}.{self._consumer}", body, reply=self._inbox
            )
        except (NatsError, OSError) as error:
            self._fail(f"asking failed ({type(error).__name__})")

    async def take(self, wait_s: float) -> list[Message]:
        """What has arrived, at least one message unless `wait_s` seconds pass without any.

        Raises:
            Lost: as soon as nothing that arrived in order is left.
        """
        deadline = time.monotonic() + wait_s
        while not self._messages:
            if self._fault:
                raise Lost(self._fault)
            await self.ask()
            now = time.monotonic()
            silent_at = max(self.last_contact, self._asked_at) + SILENCE_S
            if now >= silent_at:
                raise Lost("the server fell silent")
            if now >= deadline:
                return []
            self._wake = asyncio.get_running_loop().create_future()
            await asyncio.wait((self._wake,), timeout=min(deadline, silent_at) - now)
        taken, self._messages = self._messages, []
        return taken

    async def close(self) -> None:
        """Takes the consumer away if the server can be reached; it would go by itself after a minute."""
        self._unlisten()
        if self._subscription is not None:
            self._takers.pop(b"%d" % self._subscription._id, None)
        if self._subscription is not None and not self._connection.nc.is_closed:
            await self._subscription.unsubscribe()
            self._subscription = None
            if self._consumer and self._connection.connected:
                try:
                    await call(self._connection, f"CONSUMER.DELETE.{self._stream}.{self._consumer}", wait_s=1.0)
                except (ApiError, Unavailable):
                    _log.debug("reader consumer left to expire stream=%s", self._stream)

    # --- what arrives: the short way, and in the shape of a future for the client's read loop

    def take_raw(self, subject: bytes, reply: bytes, headers: bytes, payload: bytes) -> None:
        """A delivery as the server sent it."""
        try:
            if reply.startswith(b"$JS.ACK."):
                self._accept(subject.decode(), reply.decode(), payload, _msg_id(headers))
            else:
                self._status(*_status_of(headers))
        except Exception as error:
            self._unreadable(error)

    def cancelled(self) -> bool:
        return False

    def set_result(self, message: Msg) -> None:
        headers = message.headers or {}
        try:
            if message.reply.startswith("$JS.ACK."):
                self._accept(message.subject, message.reply, message.data, headers.get("Nats-Msg-Id", ""))
            else:
                self._status(headers.get("Status", ""), headers.get("Description", ""))
        except Exception as error:
            self._unreadable(error)

    def _unreadable(self, error: Exception) -> None:
        # an exception in a callback would end the client's read loop for all its users
        _log.exception("reader stream=%s", self._stream)
        self._fail(f"unreadable delivery ({type(error).__name__})")

    def _accept(self, subject: str, reply: str, payload: bytes, msg_id: str) -> None:
        self.last_contact = time.monotonic()
        if self._fault:
            return
        # $JS.ACK.[domain.account.]stream.consumer.deliveries.sequence.delivered.time.pending[.token]
        parts = reply.split(".")
        first = 5 if len(parts) == 9 else 7
        delivered = int(parts[first + 1])
        if delivered != self._delivered + 1:
            self._fail(f"delivery {delivered} came after {self._delivered}")
            return
        self._delivered = delivered
        self._remaining -= 1
        self.pending = int(parts[first + 3])
        self._messages.append(
            Message(self._stream, int(parts[first]), subject, payload, int(parts[first + 2]) // 1000, msg_id)
        )
        self._awake()

    def _status(self, code: str, text: str) -> None:
        self.last_contact = time.monotonic()
        if self._fault:
            return
        if code == "100":
            return
        if code in ("404", "408") or (code == "409" and "maxbytes" in text.lower()):
            self._remaining = 0
            self._awake()
            return
        self._fail(f"{code} {text}".strip())

    def _check_connection(self) -> None:
        # requests do not outlive their connection; a memory consumer may not outlive its server
        if not self._connection.connected:
            self._fail("connection lost")

    def _fail(self, reason: str) -> None:
        self._fault = self._fault or reason
        self._awake()

    def _awake(self) -> None:
        wake, self._wake = self._wake, None
        if wake is not None and not wake.done():
            wake.set_result(None)


def _msg_id(headers: bytes) -> str:
    """`Nats-Msg-Id`, or empty."""
    begin = headers.find(b"\r\nNats-Msg-Id:")
    if begin < 0:
        return ""
    return headers[begin + 14 : headers.find(b"\r\n", begin + 14)].strip().decode()


def _status_of(headers: bytes) -> tuple[str, str]:
    """Code and text of a message that the server made: `NATS/1.0 404 No Messages`."""
    _, _, status = headers.partition(b"\r\n")[0].partition(b" ")
    code, _, text = status.strip().partition(b" ")
    return code.decode(), text.strip().decode()
