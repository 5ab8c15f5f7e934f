"""Brings many messages onto a log at once, as fast as it takes them. What is in them is made elsewhere."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable
from typing import cast

import msgspec
from nats.aio.msg import Msg

from projections.log.api import ack_decoder
from projections.log.connection import LogConnection

IN_FLIGHT = 2_000
"""Messages; as many synced writes as the server takes at once."""
IN_FLIGHT_BYTES = 16 * 1024 * 1024
PATIENCE_S = 30.0


class Refused(Exception):
    """The log did not take a message."""


class _Answers:
    """Counts the acknowledgements, in the shape of a future, which the client calls in its read loop."""

    def __init__(self) -> None:
        self.count = 0
        self.fault = ""
        self.moved = asyncio.Event()

    def cancelled(self) -> bool:
        return False

    def set_result(self, message: Msg) -> None:
        try:
            ack = ack_decoder.decode(message.data)
            if ack.error is not None:
                self.fault = ack.error.description
        except msgspec.MsgspecError:
            self.fault = "no stream takes it"
        self.count += 1
        self.moved.set()


async def fill(connection: LogConnection, messages: Iterable[tuple[str, bytes, dict[str, str]]]) -> int:
    """Publishes (subject, payload, headers) and returns how many there were, once all are stored.

    Raises:
        Refused: the log did not take one, or fell silent.
    """
    nc = connection.nc
    answers = _Answers()
    inbox = nc.new_inbox()
    subscription = await nc.subscribe(inbox, future=cast("asyncio.Future[Msg]", answers))
    flying: deque[int] = deque()
    sent = size = 0

    async def settle(most: int, most_bytes: int) -> None:
        nonlocal size
        while True:
            while len(flying) > sent - answers.count:
                size -= flying.popleft()
            if answers.fault:
                raise Refused(answers.fault)
            if len(flying) <= most and size <= most_bytes:
                return
            answers.moved.clear()
            try:
                async with asyncio.timeout(PATIENCE_S):
                    await answers.moved.wait()
            except TimeoutError:
                raise Refused("the log fell silent") from None

    for subject, payload, headers in messages:
        if len(flying) >= IN_FLIGHT or size >= IN_FLIGHT_BYTES:
            await settle(IN_FLIGHT // 2, IN_FLIGHT_BYTES // 2)
        await nc.publish(subject, payload, reply=inbox, headers=headers)
        sent += 1
        size += len(payload)
        flying.append(len(payload))
    await settle(0, 0)
    await subscription.unsubscribe()
    return sent
