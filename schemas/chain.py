"""The rules of a hash chain of segments: what must follow what, and what a break means. Pure."""

from __future__ import annotations

import msgspec

from schemas.envelope import GENESIS, SegmentHead
from schemas.topology import STREAMS

KINDS = ("changed", "removed", "inserted", "reordered", "cut")
_BY_SUBJECT = frozenset(stream.name for stream in STREAMS if stream.chain == "subject")
_REMEMBERED = 100_000
"""Missing numbers kept per chain, to tell late segments from additional ones."""


class ChainFault(msgspec.Struct, frozen=True):
    """A segment that is not what must stand at its place."""

    kind: str
    """One of `KINDS`."""
    number: int
    detail: str


def chain_of(stream: str, head: SegmentHead) -> str:
    """Which chain of a stream a segment belongs to: its subject's where the topology says so, else its writer's."""
    return head.subject if stream in _BY_SUBJECT else f"{head.writer}/{head.boot}"


class ChainState:
    """Follows one chain from segment to segment.

    A fault is reported at the first segment that does not follow from the one before; then the state goes on from what
    is there, so that one wrong segment does not condemn all after it. Since a segment vouches for the one before it, a
    changed segment shows at itself when its number or its link was touched, else at its successor; for the last one of
    a chain only `ends_before` with a head known from elsewhere can tell.
    """

    __slots__ = ("_missing", "hash", "number", "sequence")

    def __init__(self) -> None:
        self.number = 0
        """Of the last segment; 0 before the first."""
        self.hash = GENESIS
        """SHA-256 of its bytes."""
        self.sequence = 0
        """Where it stands in the stream; 0 when unknown."""
        self._missing: set[int] = set()

    def check(
        self, head: SegmentHead, payload_hash: bytes, *, sequence: int = 0, may_begin_late: bool = False
    ) -> ChainFault | None:
        """Takes the next segment in the order of the stream; None when it follows.

        Args:
            payload_hash: SHA-256 of the segment's bytes.
            may_begin_late: the stream forgets old messages by policy, so a chain may begin after its first segment.
        """
        number = head.number
        before = self.number
        fault = self._fault(head, may_begin_late)
        if number <= before:
            # late or additional: the chain goes on from its highest number
            self._missing.discard(number)
            return fault
        if fault is not None and number > before + 1 and number - before <= _REMEMBERED:
            self._missing.update(range(before + 1, number))
        self.number = number
        self.hash = payload_hash
        self.sequence = sequence
        return fault

    def ends_before(self, number: int, payload_hash: bytes) -> ChainFault | None:
        """Holds the chain's end against a head that was known earlier; None when the chain goes at least as far."""
        if self.number < number:
            return ChainFault("cut", number, f"the chain ends at {self.number}, {number} had been written")
        if self.number == number and self.hash != payload_hash:
            return ChainFault("changed", number, "the last segment is not the one that had been written")
        return None

    def _fault(self, head: SegmentHead, may_begin_late: bool) -> ChainFault | None:
        number, expected = head.number, self.number + 1
        if number == expected:
            if head.previous == self.hash:
                return None
            if self.number == 0:
                return ChainFault("changed", number, "the first segment must not name one before it")
            return ChainFault(
                "changed",
                number,
                f"it does not follow from {self.number} at sequence {self.sequence}: one of the two was changed",
            )
        if number > expected:
            if self.number == 0:
                if may_begin_late:
                    return None
                return ChainFault("cut", number, f"the chain begins at {number}, its segments before are missing")
            return ChainFault("removed", number, f"{expected} to {number - 1} are missing before it")
        if number < 1:
            return ChainFault("changed", number, "numbers begin at 1")
        if number in self._missing:
            return ChainFault("reordered", number, f"it stands after {self.number}")
        return ChainFault("inserted", number, f"{number} had been seen before it")
