"""From messages of TRAFFIC to lines for a SIEM. Pure; who gets them is in `forward`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from projections.log.opened import ends_of, segment_of
from projections.log.reader import Message
from schemas.codec import Malformed
from schemas.envelope import Fact
from schemas.facts.traffic import Terminal
from schemas.ocsf.lines import is_told, line_of, security_event_of
from schemas.ocsf.mapping import opened_event_of

Place = tuple[int, int]
"""Sequence of a segment in TRAFFIC and index of a fact in it. `(n, -1)` is the place before all facts of segment n."""


class Line(msgspec.Struct, frozen=True, gc=False):
    """One event, encoded."""

    place: Place
    uid: str
    """Id of the fact."""
    data: bytes
    """JSON with a line feed at the end."""


class Damaged(Exception):
    """A message that is no segment: there is nothing in it that could be told to anybody."""

    def __init__(self, message: Message, reason: str) -> None:
        super().__init__(reason)
        self.message = message


def lines_of(message: Message, tenant: str | None) -> list[Line]:
    """The events of one message in their order: how requests ended, and what rules, hooks and passthroughs decided on
    the way; announced checkpoints are for every target.

    Args:
        tenant: whose; of everybody when None.

    Raises:
        Damaged: the message is no segment.
    """
    try:
        facts = message.once(segment_of).facts
    except Malformed as error:
        raise Damaged(message, str(error)) from None
    sequence = message.sequence
    ends = {end.index: end.data for end in message.once(ends_of)}
    return [
        Line((sequence, index), fact.id, _encoded(fact, sequence, index, ends))
        for index, fact in enumerate(facts)
        if is_told(fact, tenant)
    ]


def _encoded(fact: Fact, sequence: int, index: int, ends: Mapping[int, Terminal | None]) -> bytes:
    if index in ends:
        return line_of(opened_event_of(fact, ends[index], sequence, index))
    return line_of(security_event_of(fact, sequence, index))


def after(lines: Iterable[Line], place: Place) -> list[Line]:
    """Those beyond a place."""
    return [line for line in lines if line.place > place]
