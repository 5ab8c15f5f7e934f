"""What readers make of a message of TRAFFIC, for `Message.once`: made for the first who asks, shared by all. Pure."""

from __future__ import annotations

from typing import Annotated, cast

import msgspec

from projections.log.pull import Message
from schemas.codec import Malformed, decode_segment, open_fact
from schemas.envelope import SEGMENT_FORMAT, Fact, Segment, SegmentHead
from schemas.facts.traffic import Terminal, ends_request

BEFORE_US = 5_648_832_000_000_000
"""Times are from 1970 to 2149 (microseconds since the epoch): what every store has days for."""
MOST_LETTERS = 170
"""Of tenant, request and id of a fact, each: they are subjects on the log and, together, keys of rows."""
MOST_BYTES = 2_000
"""Of tenant, key, account and model together: sums of money are kept by these."""
HIGHEST = 2**50 - 1
"""Of tokens and of micro-dollars in one request: a thousand such sums still fit into the 64 bits of every store."""


class Ended(msgspec.Struct, frozen=True, gc=False):
    """A terminal fact and its place in the segment."""

    index: int
    fact: Fact
    data: Terminal | None
    """None when it cannot be read."""
    fault: str
    """Why, in words that quote nothing of it; empty when it can."""


_Name = Annotated[str, msgspec.Meta(max_length=MOST_LETTERS)]


class _Storable(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A `Fact` that every store can keep: to check while decoding takes a tenth of what it takes afterwards."""

    id: _Name
    time: Annotated[int, msgspec.Meta(ge=0, lt=BEFORE_US)]
    tenant: _Name
    actor: str
    correlation: _Name
    causation: str
    type: str
    data: msgspec.Raw


class _StorableSegment(SegmentHead, frozen=True, array_like=True):
    """A `Segment` of such."""

    facts: list[_Storable]


_decoder = msgspec.msgpack.Decoder(_StorableSegment)


def segment_of(message: Message) -> Segment:
    """Raises Malformed; also for an envelope that some store could not keep, so that all workers judge alike."""
    try:
        segment = _decoder.decode(message.payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        # either it is no segment, which is said there, or a fact of it goes too far
        decode_segment(message.payload)
        raise Malformed(
            "the time of a fact is none from 1970 to 2149, "
            f"or its tenant, request or id is too long to be told apart by (over {MOST_LETTERS} letters)"
        ) from None
    if segment.format != SEGMENT_FORMAT:
        return decode_segment(message.payload)
    return cast(Segment, segment)


def ends_of(message: Message) -> list[Ended]:
    """The requests that ended in a message, in order. Raises Malformed when it is no segment."""
    return [_ended(index, fact) for index, fact in enumerate(message.once(segment_of).facts) if ends_request(fact.type)]


def _ended(index: int, fact: Fact) -> Ended:
    try:
        data = open_fact(fact)
    except Malformed as error:
        return Ended(index, fact, None, str(error))
    if data is None:
        # passed over, its money and its row would be missing for ever
        return Ended(index, fact, None, f"{fact.type} is of a newer version: update this worker, then retry")
    assert isinstance(data, Terminal), "every name in TERMINALS has a shape of this kind"
    fault = _fault(fact, data)
    return Ended(index, fact, None if fault else data, fault)


def _fault(fact: Fact, end: Terminal) -> str:
    """What no sum, day or key can be made of; empty when all is well. One such would spoil what stands beside it."""
    usage = end.usage
    # all their bits in one number are at least as many as any of them has, and negative as soon as one of them is
    bits = (
        end.cost_micros | end.reserved_micros | usage.input_tokens | usage.output_tokens | usage.cached_tokens
        | usage.reasoning_tokens | usage.cache_write_tokens | usage.audio_input_tokens | usage.audio_output_tokens
        | usage.image_tokens
    )  # fmt: skip
    if not 0 <= bits <= HIGHEST:
        return f"data of {fact.type} does not fit: tokens or money below 0 or from 2^50 on"
    if not 0 <= end.started_us < BEFORE_US:
        return f"data of {fact.type} does not fit: the time of its start is none from 1970 to 2149"
    if _too_long(fact.tenant, end.key_id, end.account, end.model):
        return f"data of {fact.type} does not fit: names of more than {MOST_BYTES:,} bytes"
    return ""


def _too_long(a: str, b: str, c: str, d: str) -> bool:
    # a letter has up to four bytes
    if (len(a) + len(b) + len(c) + len(d)) * 4 <= MOST_BYTES:
        return False
    return len(f"{a}{b}{c}{d}".encode()) > MOST_BYTES
