"""The way of facts from a part of the log into a target, batch by batch, with a mark after each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import aclosing
from typing import Protocol

import msgspec

from ops.replay.bookmark import Bookmark, Mark
from projections.log.connection import LogConnection
from projections.log.reader import Message, StreamReader
from schemas.codec import Malformed, decode_segment
from schemas.envelope import Fact, Position
from schemas.ocsf.lines import is_told

BATCH = 64
"""Segments at once; one may have some megabytes."""


class Item(msgspec.Struct, frozen=True):
    """A fact at its place."""

    position: Position
    index: int
    subject: str
    fact: Fact


class Wanted(msgspec.Struct, frozen=True):
    """Which facts; what is empty lets all pass."""

    tenant: str = ""
    requests: frozenset[str] = frozenset()
    types: tuple[str, ...] = ()
    """Beginnings of names."""
    told: bool = False
    """Nothing but what a SIEM target of the tenant gets by itself."""

    def __contains__(self, fact: Fact) -> bool:
        if self.told:
            return is_told(fact, self.tenant or None) and (not self.requests or fact.correlation in self.requests)
        return (
            (not self.tenant or fact.tenant == self.tenant)
            and (not self.requests or fact.correlation in self.requests)
            and (not self.types or fact.type.startswith(self.types))
        )


class Target(Protocol):
    size: int
    """Of what it holds, for the mark."""

    async def take(self, items: Sequence[Item]) -> int:
        """How many of them it keeps, once they are there for good."""
        ...


class Outcome(msgspec.Struct):
    """What this run has done; `mark` also counts those before it."""

    mark: Mark
    events: int = 0
    segments: int = 0
    unreadable: list[int] = []
    left_out: int = 0
    """Messages that a view can never take."""
    beyond: int = 0
    """Messages that were asked for and that a view has not come to by itself yet: they are left to its own writer."""
    complete: bool = False


async def replay(
    connection: LogConnection,
    mark: Mark,
    wanted: Wanted,
    target: Target,
    bookmark: Bookmark | None,
    *,
    limit: int = 0,
    show: Callable[[int, int], None],
) -> Outcome:
    """Hands facts over in the order of the log, from the mark on.

    Args:
        bookmark: moved after every batch; None when nothing is to be remembered.
        limit: most events of this run; 0 for no limit.
        show: told (segments done, segments in all).

    Raises:
        NotFound: the stream does not exist.
        Whatever the target raises; the bookmark then says what it has.
    """
    span, outcome = mark.span, Outcome(mark)
    reader = StreamReader(connection, span.stream, start=max(mark.place[0], span.first), batch=BATCH)
    async with aclosing(reader.batches(follow=False, until=span.last)) as found:
        async for batch in found:
            items = [item for message in batch for item in _items(message, mark, wanted, outcome.unreadable)]
            full = bool(limit) and outcome.events + len(items) > limit
            if full:
                items = items[: limit - outcome.events]
            kept = await target.take(items) if items else 0
            outcome.events += kept
            outcome.segments += len(batch)
            cut = (items[-1].position.sequence, items[-1].index) if full and items else outcome.mark.place
            place = cut if full else (batch[-1].sequence + 1, -1)
            outcome.mark = msgspec.structs.replace(
                outcome.mark, place=place, events=outcome.mark.events + kept, size=target.size
            )
            if bookmark is not None:
                bookmark.save(outcome.mark)
            show(batch[-1].sequence - span.first + 1, len(span))
            if full:
                return outcome
    outcome.complete = True
    return outcome


def _items(message: Message, mark: Mark, wanted: Wanted, unreadable: list[int]) -> list[Item]:
    try:
        facts = decode_segment(message.payload).facts
    except Malformed:
        unreadable.append(message.sequence)
        return []
    position = Position(message.stream, message.sequence)
    return [
        Item(position, index, message.subject, fact)
        for index, fact in enumerate(facts)
        if (message.sequence, index) > mark.place and fact in wanted
    ]
