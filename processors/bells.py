"""What a durable consumer has delivered and is not acknowledged: places in the stream, to be answered once applied."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from nats.aio.msg import Msg

MOST = 2_048
"""Held at a time; beyond, the pulling pauses. A server remembers a few thousand unanswered deliveries at most."""

Say = Callable[[Sequence[str], bytes], None]
"""Sends a word to reply subjects; one that gets lost only means that a delivery comes again."""


def sequence_of(reply: str) -> int:
    """Reads `$JS.ACK.[domain.account.]stream.consumer.deliveries.sequence.number.time.pending[.token]`."""
    parts = reply.split(".")
    return int(parts[5 if len(parts) == 9 else 7])


class Bells:
    """Deliveries of one consumer. A worker may have applied what they tell of before they come."""

    def __init__(self, applied: Callable[[], int], say: Say) -> None:
        """
        Args:
            applied: the sequence up to which deliveries may be acknowledged.
        """
        self.heard = 0
        """Deliveries since the start."""
        self._applied = applied
        self._say = say
        self._held: dict[int, str] = {}
        self._room = asyncio.Event()
        self._room.set()

    async def ring(self, messages: Sequence[Msg]) -> None:
        """Takes deliveries, answers those that are applied, and waits until there is room for more."""
        self.heard += len(messages)
        for message in messages:
            self._held[sequence_of(message.reply)] = message.reply
        self.answer()
        if len(self._held) >= MOST:
            self._room.clear()
        await self._room.wait()

    def answer(self) -> None:
        """Acknowledges what is applied."""
        applied = self._applied()
        done = [sequence for sequence in self._held if sequence <= applied]
        if done:
            self._say([self._held.pop(sequence) for sequence in done], b"+ACK")
        if len(self._held) < MOST:
            self._room.set()

    def hold(self) -> None:
        """Lets the server know that the others are not forgotten."""
        if self._held:
            self._say(list(self._held.values()), b"+WPI")

    def clear(self) -> None:
        """They come again, to whoever pulls then."""
        self._held.clear()
        self._room.set()
