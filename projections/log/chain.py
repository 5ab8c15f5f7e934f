"""Where a chain of segments stands, as far as its writer knows. No sockets, no files."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from schemas.codec import Written
from schemas.envelope import GENESIS, Fact
from schemas.facts.traffic import TERMINALS

_fact = msgspec.msgpack.Decoder(Fact)


class Chain:
    """The segments of one writer and boot.

    What waits has been given its place when it was formed. After a long silence a sign of life has to go before it, and
    ends of requests that others have ended must not go at all: then the chain is `anew`, and what waits, be it in a
    file, is given its place once more when its turn comes.
    """

    __slots__ = (
        "anew", "base_sequence", "boot", "clear_sequence", "doubtful", "ended", "found", "hash", "heard",
        "last_sequence", "left", "number", "since_us", "taken", "writer",
    )  # fmt: skip

    def __init__(self, writer: str, boot: str, *, left: bool = False, base_sequence: int = 0, since_us: int = 0):
        """
        Args:
            left: by a process that has ended; what it says is in a file.
            base_sequence, since_us: see the attributes.
        """
        self.writer = writer
        self.boot = boot
        self.left = left
        self.number = 0
        """Of the last segment that is known to be stored; 0 before the first."""
        self.hash = GENESIS
        """Of its bytes."""
        self.last_sequence = 0
        """Where it stands."""
        self.base_sequence = base_sequence
        """A sequence that everything unacknowledged comes after; 0 when unknown."""
        self.since_us = since_us
        """Nothing that waits is older; 0 when unknown."""
        self.clear_sequence = base_sequence
        """Up to here nobody has taken this writer for dead; 0 when unknown."""
        self.doubtful = False
        """Whether the segment that was stored last came after such a silence that somebody may have done so since."""
        self.heard = float("-inf")
        """Monotonic time when the last segment that is known to be stored was sent."""
        self.anew = left
        self.ended: set[str] = set()
        """Requests that somebody else has ended, taking this writer for dead: nothing may end them again."""
        self.found: dict[str, int] | None = None
        """Of one that was left: the facts that the log has of it, by id, with their sequences; None until looked up."""

        self.taken: dict[int, int] = {}
        """How often somebody else has used the message id of a number: who closes requests does, so that what was on
        its way at that time is not stored any more."""

    def msg_id(self, number: int) -> str:
        """Under which its segment of this number is stored once."""
        own = f"{self.writer}/{self.boot}/{number}"
        return f"{own}.{self.taken[number]}" if number in self.taken else own

    def took(self, number: int) -> None:
        """Somebody else has used that id."""
        self.taken[number] = self.taken.get(number, 0) + 1

    def stands_at(self, sequence: int, silent: bool) -> None:
        """The log has the segment that was under way.

        Args:
            silent: it came after a silence in which this writer may have been taken for dead.
        """
        self.last_sequence = self.base_sequence = sequence
        self.doubtful = self.doubtful or silent
        if not self.doubtful:
            self.clear_sequence = sequence

    def cleared(self, sequence: int) -> None:
        """It is known who was closed up to there."""
        self.clear_sequence, self.doubtful = sequence, False

    def stored(self, segment: Written) -> int:
        """Where the log has a segment that was left; 0 for nowhere. What the log has of one it has whole."""
        found = self.found or {}
        return next((found[fact.id] for raw in segment.facts if (fact := _fact.decode(raw)).id in found), 0)

    def wanted(self, facts: Sequence[bytes | msgspec.Raw]) -> tuple[list[bytes], set[str]]:
        """Encoded facts without the ends of requests that others have ended, and whose ends those were."""
        if not self.ended:
            return [bytes(fact) for fact in facts], set()
        kept, dropped = [], set()
        for raw in facts:
            fact = _fact.decode(raw)
            if fact.type in TERMINALS and fact.correlation in self.ended:
                dropped.add(fact.correlation)
            else:
                kept.append(bytes(raw))
        return kept, dropped
