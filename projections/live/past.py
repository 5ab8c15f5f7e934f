"""The configuration as it was: CONFIG folded up to a moment, and whose facts brought it there. Reads, never follows."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from projections.live.state import LiveState
from projections.log.connection import LogConnection
from projections.log.reader import Message, StreamReader
from schemas import subjects
from schemas.aggregates.decider import State
from schemas.codec import Malformed, decode_segment

STREAM = "CONFIG"


class Touch(msgspec.Struct, frozen=True):
    """The last change of an aggregate until the moment."""

    version: int
    sequence: int
    time_us: int
    """Of the fact."""
    actor: str
    fact: str
    """Its name, such as `route.changed.v1`."""


class Entry(msgspec.Struct, frozen=True):
    """An aggregate that there was."""

    tenant: str
    aggregate: str
    id: str
    state: State
    """None when it had been removed; of a revoked key not its spec."""
    touch: Touch


class Past:
    """What was in force once the messages up to `sequence` had been stored."""

    def __init__(self) -> None:
        self.state = LiveState()
        self.sequence = 0
        self.time_us = 0
        """When the last of those messages was stored; 0 when there is none."""
        self.unreadable: list[int] = []
        """Sequences of messages that say nothing, neither here nor in any gateway."""
        self._touches: dict[tuple[str, str, str], Touch] = {}

    def apply(self, message: Message) -> None:
        self.sequence, self.time_us = message.sequence, message.time_us
        try:
            changed = self.state.apply(message.sequence, message.subject, message.payload)
            if changed is None:
                return
            segment = decode_segment(message.payload)
        except (Malformed, ValueError):
            self.unreadable.append(message.sequence)
            return
        if segment.facts:
            last = segment.facts[-1]
            touch = Touch(segment.number, message.sequence, last.time, last.actor, last.type)
            self._touches[changed.tenant, changed.aggregate, changed.id] = touch

    def entries(self, aggregate: str = "", tenant: str = "") -> Iterator[Entry]:
        """Every aggregate that ever was until then, in the order of tenant, aggregate and id; empty means any."""
        for (of, name, identifier), touch in sorted(self._touches.items()):
            if (not aggregate or name == aggregate) and (not tenant or of == tenant):
                yield Entry(of, name, identifier, self.state.state_of(name, of, identifier), touch)

    def entry(self, aggregate: str, tenant: str, identifier: str) -> Entry | None:
        touch = self._touches.get((tenant, aggregate, identifier))
        if touch is None:
            return None
        return Entry(tenant, aggregate, identifier, self.state.state_of(aggregate, tenant, identifier), touch)


async def past(connection: LogConnection, *, until_us: int = 0, until_sequence: int = 0, tenant: str = "") -> Past:
    """Folds what was stored up to a time or a position.

    Args:
        until_us: microseconds since the epoch, by the clock of the log; 0 for no bound.
        until_sequence: inclusive; 0 for no bound.
        tenant: only this one's; empty for all.

    Raises:
        NotFound: the stream does not exist.
        Unavailable: the log does not answer.
    """
    found = Past()
    only = (f"config.{subjects.token(tenant)}.>",) if tenant else ()
    reader = StreamReader(connection, STREAM, subjects=only)
    async for batch in reader.batches(follow=False, until=until_sequence or None):
        for message in batch:
            if until_us and message.time_us > until_us:
                # whatever stands behind it was not in force yet, though a clock was set back meanwhile
                return found
            found.apply(message)
    return found
