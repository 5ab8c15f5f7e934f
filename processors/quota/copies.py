"""Segments that stand on the log a second time: what they tell has been recorded, and must not be paid for again."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Sequence

from projections.log.opened import segment_of
from projections.log.reader import Message
from schemas.codec import Malformed, decode_head, decode_segment
from schemas.ids import millis_of

log = logging.getLogger(__name__)

REMEMBERED = 50_000
"""Segments whose place is known; of older ones, only how far their chains had got."""
LATE_US = 1_000_000
"""A segment that is stored so long after its facts were made was sent again, or is a copy."""
_SKEW_US = 300_000_000
FARTHEST_US = 7 * 86_400_000_000
"""A segment that stands so long after its facts were made is held against the last week only, and never against what
is older than its writer's start: times in facts are their writer's word, and one that says 1970 must not make this
read all of the log. Spools and retries look for themselves before they send anything that old again."""
_CLOCK_US = 9_000_000_000
"""How far a writer's clock may have been ahead when it started."""

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
        self._begun: dict[tuple[str, str], int] = {}
        """By chain, the lowest number of which this process knows where it stands first, with all that came after."""

    async def without(self, messages: Sequence[Message]) -> list[Message]:
        """The messages that are no copies, and those that are no segments.

        Raises:
            Unavailable: the log does not answer.
        """
        kept = []
        for message in messages:
            try:
                head = message.once(segment_of)
            except Malformed:
                kept.append(message)
                continue
            chain = (head.writer, head.boot)
            if head.number < self._begun.get(chain, head.number + 1):
                await self._learn(chain, message, head.number)
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
            self._forget()
            return True
        if sequence < first:
            # of before this process; it was recorded then
            self._first[key] = sequence
        return sequence <= first

    async def _learn(self, chain: tuple[str, str], message: Message, number: int) -> None:
        """Looks what the log has of a chain before a message that comes late, or after what is behind it in the chain.

        A chain that was met in its middle is begun there: what stands before its place may still come again.
        """
        try:
            times = [fact.time for fact in decode_segment(message.payload).facts]
        except Malformed:
            return
        late = bool(times) and message.time_us - max(times) >= LATE_US
        if self._earlier is not None and times and (late or chain in self._begun):
            async for batch in self._earlier(_since(chain[1], min(times), message.time_us), message.sequence):
                for other in batch:
                    if other.sequence < message.sequence:
                        self._note(chain, other)
        self._begin(chain, number)

    def _begin(self, chain: tuple[str, str], number: int) -> None:
        self._begun[chain] = min(number, self._begun.get(chain, number))

    def _note(self, chain: tuple[str, str], message: Message) -> None:
        """What stands earlier. It is the first to be let go of again, so that nothing in hand is for its sake."""
        try:
            head = decode_head(message.payload)
        except Malformed:
            return
        key = (*chain, head.number)
        if (head.writer, head.boot) != chain:
            return
        self._begin(chain, head.number)
        if key in self._first:
            self._first[key] = min(message.sequence, self._first[key])
        elif head.number > self._floor.get(chain, 0):
            self._first[key] = message.sequence
            self._first.move_to_end(key, last=False)
            self._forget()

    def _forget(self) -> None:
        if len(self._first) > REMEMBERED:
            (writer, boot, number), _ = self._first.popitem(last=False)
            self._floor[writer, boot] = max(number, self._floor.get((writer, boot), 0))


def _since(boot: str, made_us: int, stored_us: int) -> int:
    """From when on a chain may have held a segment that is stored now."""
    try:
        started_us = millis_of(boot) * 1000 - _CLOCK_US
    except ValueError:
        started_us = 0
    return max(1, max(min(made_us, stored_us), started_us, stored_us - FARTHEST_US) - _SKEW_US)
