"""What readers make of a message of TRAFFIC, for `Message.once`: made for the first who asks, shared by all. Pure."""

from __future__ import annotations

import msgspec

from projections.log.pull import Message
from schemas.codec import Malformed, decode_segment, open_fact
from schemas.envelope import Fact, Segment
from schemas.facts.traffic import Terminal, ends_request

BEFORE_US = 5_648_832_000_000_000
"""Times are from 1970 to 2149 (microseconds since the epoch): what every store has days for."""
MOST_LETTERS = 512
"""Of tenant, request and id of a fact together: they are subjects on the log and keys of rows."""
MOST_BYTES = 2_000
"""Of tenant, key, account and model together: sums of money are kept by these."""
HIGHEST = 10**15
"""Of tokens and of micro-dollars in one request: a thousand such sums still fit into the 64 bits of every store."""


class Ended(msgspec.Struct, frozen=True, gc=False):
    """A terminal fact and its place in the segment."""

    index: int
    fact: Fact
    data: Terminal | None
    """None when it cannot be read."""
    fault: str
    """Why, in words that quote nothing of it; empty when it can."""


def segment_of(message: Message) -> Segment:
    """Raises Malformed; also for an envelope that some store could not keep, so that all workers judge alike."""
    segment = decode_segment(message.payload)
    for fact in segment.facts:
        if not 0 <= fact.time < BEFORE_US:
            raise Malformed("the time of a fact is none from 1970 to 2149")
        if len(fact.tenant) + len(fact.correlation) + len(fact.id) > MOST_LETTERS:
            raise Malformed("the tenant, request and id of a fact are too long to be told apart by")
    return segment


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
    numbers = (
        end.cost_micros, end.reserved_micros, usage.input_tokens, usage.output_tokens, usage.cached_tokens,
        usage.reasoning_tokens, usage.cache_write_tokens, usage.audio_input_tokens, usage.audio_output_tokens,
        usage.image_tokens,
    )  # fmt: skip
    if min(numbers) < 0 or max(numbers) > HIGHEST:
        return f"data of {fact.type} does not fit: tokens or money below 0 or above 10^15"
    if not 0 <= end.started_us < BEFORE_US:
        return f"data of {fact.type} does not fit: the time of its start is none from 1970 to 2149"
    named = f"{fact.tenant}{end.key_id}{end.account}{end.model}"
    if len(named) * 4 > MOST_BYTES and len(named.encode()) > MOST_BYTES:
        return f"data of {fact.type} does not fit: names of more than {MOST_BYTES:,} bytes"
    return ""
