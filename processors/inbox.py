"""What a durable consumer delivered and nobody has worked on yet: bounded, and readable as messages of the log."""

from __future__ import annotations

import asyncio

import msgspec
from nats.aio.msg import Msg

from projections.log.reader import Message

MOST_BYTES = 32 * 1024 * 1024
MOST_MESSAGES = 1_024
"""Beyond either the pulling pauses. What gathers while a store is busy is one batch for it afterwards."""


class Delivery(msgspec.Struct, frozen=True):
    """A message, with what the consumer said about handing it out."""

    message: Message
    raw: Msg
    number: int
    """Counts the consumer's deliveries."""
    again: bool
    """It had been delivered before."""


def delivery_of(raw: Msg, stream: str) -> Delivery:
    """Reads `$JS.ACK.[domain.account.]stream.consumer.deliveries.sequence.number.time.pending[.token]`."""
    parts = raw.reply.split(".")
    first = 4 if len(parts) == 9 else 6
    headers = raw.headers
    message = Message(
        stream,
        int(parts[first + 1]),
        raw.subject,
        raw.data,
        int(parts[first + 3]) // 1000,
        headers.get("Nats-Msg-Id", "") if headers else "",
    )
    return Delivery(message, raw, int(parts[first + 2]), int(parts[first]) > 1)


def follows(before: Delivery, after: Delivery) -> bool:
    """Whether the consumer has no message between the two.

    New messages are delivered in the order of the stream, so two first deliveries in a row have nothing between them
    that passes the consumer's filter.
    """
    if after.message.sequence == before.message.sequence + 1:
        return True
    return not before.again and not after.again and after.number == before.number + 1


class Inbox:
    """One producer, one consumer."""

    def __init__(self) -> None:
        self._waiting: list[Msg] = []
        self._bytes = 0
        self._changed = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()

    async def put(self, messages: list[Msg]) -> None:
        """Adds a delivery, then waits until there is room for another."""
        self._waiting += messages
        self._bytes += sum(len(message.data) for message in messages)
        if self._bytes >= MOST_BYTES or len(self._waiting) >= MOST_MESSAGES:
            self._room.clear()
        self._changed.set()
        await self._room.wait()

    async def take(self, wait_s: float) -> list[Msg]:
        """All that has arrived; empty when nothing did within `wait_s` seconds."""
        if not self._waiting:
            self._changed.clear()
            try:
                async with asyncio.timeout(wait_s):
                    await self._changed.wait()
            except TimeoutError:
                return []
        return self.clear()

    def clear(self) -> list[Msg]:
        """Takes out what is there, perhaps nothing."""
        taken, self._waiting, self._bytes = self._waiting, [], 0
        self._room.set()
        return taken

    def wake(self) -> None:
        """Lets `take` return early."""
        self._changed.set()
