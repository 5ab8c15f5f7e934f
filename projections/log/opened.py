"""What readers make of a message of TRAFFIC, for `Message.once`: made for the first who asks, shared by all. Pure."""

from __future__ import annotations

import msgspec

from projections.log.pull import Message
from schemas.codec import Malformed, decode_segment, open_fact
from schemas.envelope import Fact, Segment
from schemas.facts.traffic import TERMINALS, Terminal


class Ended(msgspec.Struct, frozen=True, gc=False):
    """A terminal fact and its place in the segment."""

    index: int
    fact: Fact
    data: Terminal | None
    """None when it cannot be read."""
    fault: str
    """Why, in words that quote nothing of it; empty when it can."""


def segment_of(message: Message) -> Segment:
    """Raises Malformed."""
    return decode_segment(message.payload)


def ends_of(message: Message) -> list[Ended]:
    """The requests that ended in a message, in order. Raises Malformed when it is no segment."""
    return [_ended(index, fact) for index, fact in enumerate(message.once(segment_of).facts) if fact.type in TERMINALS]


def _ended(index: int, fact: Fact) -> Ended:
    try:
        data = open_fact(fact)
    except Malformed as error:
        return Ended(index, fact, None, str(error))
    assert isinstance(data, Terminal), "every name in TERMINALS has a shape of this kind"
    return Ended(index, fact, data, "")
