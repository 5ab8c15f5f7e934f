"""Segments that stand on the log a second time: what they tell has been recorded, and must not be paid for again."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Sequence

from projections.log.reader import Message
from schemas.codec import Malformed, decode_head, decode_segment

log = logging.getLogger(__name__)

REMEMBERED = 50_000
"""Segments whose place is known; of older ones, only how far their chains had got."""
LATE_US = 1_000_000
"""A segment that is stored so long after its facts were made was sent again, or is a copy."""
_SKEW_US = 300_000_000

Key = tuple[str, str, int]
Earlier = Callable[[int, int], AsyncIterator[Sequence[Message]]]


class Copies:
    """Knows the first place of every segment that was seen. Messages may be shown again."""

    def __init__(self, earlier: Earlier | None = None) -> None:
        """
        Args:
            earlier: messages of the partition from a time on (microseconds) and before a sequence. It is asked once a
                chain that was begun before this process, if anything of it comes late. None: then all such are new.
        """
        self._earlier = earlier
        self._first: OrderedDict[Key, int] = OrderedDict()
        self._floor: dict[tuple[str, str], int] = {}
        """By chain, the highest number that was let go of."""
        self._known: set[tuple[str, str]] = set()

    async def without(self, messages: Sequence[Message]) -> list[Message]:
        """The messages that are no copies, and those that are no segments.

        Raises:
            Unavailable: the log does not answer.
        """
        kept = []
        for message in messages:
            try:
                head = decode_head(message.payload)
            except Malformed:
                kept.append(message)
                continue
            chain = (head.writer, head.boot)
            if chain not in self._known:
                await self._learn(chain, message)
            if self._is_first((*chain, head.number), message.sequence):
                kept.append(message)
            else:
                log.warning("event=copy_not_recorded sequence=%d chain=%s/%s number=%d",
                            message.sequence, *chain, head.number)  # fmt: skip
        return kept

    def _is_first(self, key: Key, sequence: int) -> bool:
        first = self._first.get(key)
        if first is None:
            if key[2] <= self._floor.get(key[:2], 0):
                return False
            self._first[key] = sequence
            if len(self._first) > REMEMBERED:
                (writer, boot, number), _ = self._first.popitem(last=False)
                self._floor[writer, boot] = max(number, self._floor.get((writer, boot), 0))
            return True
        if sequence < first:
            # of before this process; it was recorded then
            self._first[key] = sequence
        return sequence <= first

    async def _learn(self, chain: tuple[str, str], message: Message) -> None:
        """Looks what the log has of a chain before a message that comes late."""
        self._known.add(chain)
        try:
            times = [fact.time for fact in decode_segment(message.payload).facts]
        except Malformed:
            return
        if self._earlier is None or not times or message.time_us - max(times) < LATE_US:
            return
        try:
            async for batch in self._earlier(max(1, min(times) - _SKEW_US), message.sequence):
                for other in batch:
                    if other.sequence < message.sequence:
                        self._note(other)
        except BaseException:
            self._known.discard(chain)
            raise

    def _note(self, message: Message) -> None:
        try:
            head = decode_head(message.payload)
        except Malformed:
            return
        self._known.add((head.writer, head.boot))
        self._is_first((head.writer, head.boot, head.number), message.sequence)
