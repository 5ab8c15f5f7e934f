"""Signed checkpoints as they stand on OPS: read, held against each other, and streams held against them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import msgspec

from projections.log.api import get_message
from projections.log.connection import LogConnection
from projections.log.reader import Message, StreamReader
from projections.vault.signing import is_signed
from schemas.checkpoint import SUBJECT, gap, is_whole, message_leaf, statement, statement_of
from schemas.codec import Malformed, decode_segment, open_fact
from schemas.envelope import Position
from schemas.facts.ops import (
    ChainHead,
    CheckpointAnnounced,
    LogCheckpointed,
    SigningKeyAnnounced,
    SigningKeyRotated,
    StreamRange,
)
from schemas.merkle import root_of
from schemas.signing_keys import SUBJECT as SIGNING
from schemas.signing_keys import Line, line_of
from schemas.signing_keys import is_whole as is_whole_handover
from schemas.subjects import CHECKPOINTS

STREAM = "OPS"


class Flaw(msgspec.Struct, frozen=True):
    """A checkpoint that proves nothing, or a range of a stream that is not what was checkpointed."""

    kind: str
    """As of a fault in a chain."""
    checkpoint: int
    """Its number; 0 when it cannot be read."""
    sequence: int
    """Of the checkpoint in OPS, or the last of the range in its stream, or the first that was cut off there."""
    detail: str


class Series:
    """All checkpoints of a log, in their order."""

    def __init__(self, trusted: bytes | None = None, handovers: Sequence[tuple[int, SigningKeyRotated]] = ()) -> None:
        """
        Args:
            trusted: the public key that must have signed, or one that leads to it by handovers, or to which it leads;
                None to take that of the first checkpoint.
            handovers: with their sequences in OPS, in its order.
        """
        self.valid: list[LogCheckpointed] = []
        """Signed with the right key, and whole."""
        self.flaws: list[Flaw] = []
        self._handovers = handovers
        self._line: Line | None = None
        self._at = 0
        """Which key of the line has signed the last checkpoint: none before it signs any more."""
        if trusted is not None:
            self._anchor(trusted)
        self._before: LogCheckpointed | None = None
        self._roots: set[tuple[int, bytes]] = set()

    def take(self, message: Message) -> None:
        """The next message of `ops.checkpoint`."""
        for made in checkpoints_in(message.payload):
            if made is None:
                self.flaws.append(Flaw("changed", 0, message.sequence, "a checkpoint cannot be read"))
                continue
            place = self._anchor(made.public_key).place(made.public_key)
            if place < 0:
                wrong = "it is signed with another key"
            elif place < self._at:
                wrong = "it is signed with a key that had been replaced"
            elif not is_signed(made.public_key, made.signature, statement_of(made)):
                wrong = "its signature is not right"
            elif not is_whole(made):
                wrong = "it says something else than what was signed"
            else:
                wrong = gap(made, self._before)
                self.valid.append(made)
                self._roots.add((made.number, made.root))
                self._before, self._at = made, place
            if wrong:
                detail = f"checkpoint {made.number}: {wrong}"
                self.flaws.append(Flaw("changed", made.number, message.sequence, detail))

    def require(self, root: bytes) -> None:
        """Holds the series against a root that was kept elsewhere: a checkpoint with it must be there."""
        if all(made.root != root for made in self.valid):
            self.flaws.append(Flaw("cut", 0, 0, f"there is no valid checkpoint with the root {root.hex()}"))

    def require_announced(self, said: CheckpointAnnounced, place: str) -> None:
        """Holds the series against what somebody outside was told of a checkpoint.

        Args:
            place: where it was kept, for people.
        """
        wrong = ""
        if self._anchor(said.public_key).place(said.public_key) < 0:
            wrong = "it is signed with another key"
        elif not is_signed(
            said.public_key, said.signature, statement(said.number, said.time_us, said.leaves, said.root)
        ):
            wrong = "its signature is not right"
        if wrong:
            self.flaws.append(Flaw("changed", said.number, 0, f"{place}: checkpoint {said.number}: {wrong}"))
        elif (said.number, said.root) not in self._roots:
            detail = f"{place}: checkpoint {said.number} with the root {said.root.hex()} is not on the log"
            self.flaws.append(Flaw("cut", said.number, 0, detail))

    def require_handover(self, said: SigningKeyRotated, place: str) -> None:
        """Holds the handovers against what somebody outside was told of one. Arguments as of `require_announced`."""
        if not is_whole_handover(said, is_signed):
            detail = f"{place}: a handover to {said.new.hex()}: its signatures are not right"
            self.flaws.append(Flaw("changed", 0, 0, detail))
        elif all((one.old, one.new) != (said.old, said.new) for _, one in self._handovers):
            detail = f"{place}: a handover from {said.old.hex()} to {said.new.hex()} is not on the log"
            self.flaws.append(Flaw("cut", 0, 0, detail))

    def _anchor(self, key: bytes) -> Line:
        """The keys that count, from the first one that was named on."""
        if self._line is None:
            self._line = line_of(key, [one for _, one in self._handovers], is_signed)
            for stray in self._line.strays:
                sequence, said = self._handovers[stray]
                detail = f"a key that does not sign here is to be followed by {said.new.hex()}"
                self.flaws.append(Flaw("changed", 0, sequence, detail))
        return self._line

    def heads(self) -> dict[tuple[str, str], ChainHead]:
        """The newest head of every chain, by (stream, chain)."""
        return {(head.stream, head.chain): head for made in self.valid for head in made.heads}

    def reached_after(self, stream: str, time_us: int) -> int | None:
        """Where in a stream the first checkpoint after a time had got to: what follows was stored later than that.

        None when there is no such checkpoint.
        """
        # while none was written, messages came that are older than the checkpoint that has them at last
        late_us = max((two.time_us - one.time_us for one, two in pairwise(self.valid)), default=0)
        for made in self.valid:
            if made.time_us - late_us > time_us:
                return next((part.through for part in made.ranges if part.stream == stream), 0)
        return None

    def has(self, said: CheckpointAnnounced) -> bool:
        """Whether this very checkpoint is there."""
        return (said.number, said.root) in self._roots

    def ranges(self, stream: str) -> list[tuple[int, StreamRange]]:
        """(checkpoint, range) of one stream, in order."""
        return [(made.number, part) for made in self.valid for part in made.ranges if part.stream == stream]


class RangeCheck:
    """Holds the messages of one stream against its checkpointed ranges."""

    def __init__(self, stream: str, ranges: Sequence[tuple[int, StreamRange]], first: int = 1) -> None:
        """
        Args:
            first: the first sequence that the stream still keeps; ranges that begin before cannot be checked.
        """
        self.checked = 0
        """Ranges."""
        self._stream = stream
        self._todo: Iterator[tuple[int, StreamRange]] = iter([one for one in ranges if one[1].after + 1 >= first])
        self._now = next(self._todo, None)
        self._leaves: list[bytes] = []
        self._last = 0

    def take(self, sequence: int, digest: bytes) -> list[Flaw]:
        """The next message of the stream by the SHA-256 of its bytes."""
        found = []
        while self._now is not None and sequence > self._now[1].through:
            found += self._judge()
        self._last = sequence
        if self._now is not None and sequence > self._now[1].after:
            self._leaves.append(message_leaf(self._stream, sequence, digest))
        return found

    def passed(self, sequence: int) -> list[Flaw]:
        """Of the ranges that end by this sequence, when nothing after it is to be read."""
        found = []
        while self._now is not None and self._now[1].through <= sequence:
            found += self._judge()
        return found

    def end(self) -> list[Flaw]:
        """After the last message of the stream."""
        found = []
        while self._now is not None:
            found += self._judge()
        return found

    def _judge(self) -> list[Flaw]:
        """Closes the range under way."""
        assert self._now is not None
        number, part = self._now
        taken, self._leaves = self._leaves, []
        self._now = next(self._todo, None)
        self.checked += 1
        if root_of(taken) == part.root and len(taken) == part.messages:
            return []
        between = f"{part.after + 1} to {part.through}"
        if self._last < part.through:
            detail = f"the stream ends at {self._last}, checkpoint {number} had it at {part.through}"
            return [Flaw("cut", number, max(self._last, part.after) + 1, detail)]
        kind = "removed" if len(taken) < part.messages else "inserted" if len(taken) > part.messages else "changed"
        return [Flaw(kind, number, part.through, f"{between} are not what checkpoint {number} holds the root of")]


def checkpoints_in(payload: bytes) -> list[LogCheckpointed | None]:
    """The checkpoints of a segment of `ops.checkpoint`; None for what is none."""
    try:
        found = [open_fact(fact) for fact in decode_segment(payload).facts]
    except Malformed:
        return [None]
    return [made if isinstance(made, LogCheckpointed) else None for made in found] or [None]


async def last_checkpoint(connection: LogConnection) -> tuple[int, LogCheckpointed | None]:
    """(sequence in OPS, the newest checkpoint); None when there is none that can be read, 0 when there is no message.

    Raises:
        Unavailable: the log does not answer.
    """
    stored = await get_message(connection, STREAM, last_of=SUBJECT)
    if stored is None:
        return 0, None
    return stored.sequence, checkpoints_in(stored.payload)[-1]


async def read_handovers(connection: LogConnection) -> list[tuple[int, SigningKeyRotated]]:
    """(sequence in OPS, handover) of all keys that ever signed checkpoints, in order.

    Raises:
        NotFound: OPS does not exist.
    """
    found = []
    async for batch in StreamReader(connection, STREAM, subjects=(SIGNING,)).batches(follow=False):
        for message in batch:
            try:
                facts = [open_fact(fact) for fact in decode_segment(message.payload).facts]
            except Malformed:
                continue  # its chain says that it was changed; without it no key follows
            found += [(message.sequence, fact) for fact in facts if isinstance(fact, SigningKeyRotated)]
    return found


async def read_checkpoints(connection: LogConnection, trusted: bytes | None = None) -> Series:
    """All checkpoints there are, checked.

    Raises:
        NotFound: OPS does not exist.
    """
    # before the checkpoints: whoever announces one has written it
    told = await _announced(connection)
    series = Series(trusted, await read_handovers(connection))
    async for batch in StreamReader(connection, STREAM, subjects=(SUBJECT,)).batches(follow=False):
        for message in batch:
            series.take(message)
    for sequence, said in told:
        place = str(Position("TRAFFIC", sequence))
        if isinstance(said, SigningKeyAnnounced):
            series.require_handover(said.handover, place)
        elif not series.has(said):
            series.require_announced(said, place)
    return series


async def _announced(connection: LogConnection) -> list[tuple[int, CheckpointAnnounced | SigningKeyAnnounced]]:
    """(sequence, what TRAFFIC says) of checkpoints and of keys that follow others: OPS cannot lose them unseen."""
    found = []
    async for batch in StreamReader(connection, "TRAFFIC", subjects=(CHECKPOINTS,)).batches(follow=False):
        for message in batch:
            try:
                facts = [open_fact(fact) for fact in decode_segment(message.payload).facts]
            except Malformed:
                continue  # its chain says that it was changed
            found += [
                (message.sequence, fact)
                for fact in facts
                if isinstance(fact, CheckpointAnnounced | SigningKeyAnnounced)
            ]
    return found
