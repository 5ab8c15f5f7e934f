"""What a writer counted itself is held against the log: requests that are missing from whole chains show too."""

from __future__ import annotations

import msgspec
import pytest

from projections.log.counting import Counts, Unclosed
from projections.log.reader import Message
from projections.log.verify import StreamCheck
from schemas.codec import decode_segment, encode_fact, encode_segment, fact, segment_hash
from schemas.envelope import GENESIS
from schemas.facts.traffic import RequestAccepted, WriterBeat, WriterClosed
from tests.integration.sample_log import START_US

TAKEN = RequestAccepted("key", "nvk_00000000", "s", "chat", "m", False, 1, "overlapped", 1)


def chain(accepted: int, counted: int) -> list[Message]:
    """A whole chain with so many requests, whose writer says at its end how many it took."""
    return segments(*[TAKEN] * accepted, WriterClosed(counted))


def segments(*data: msgspec.Struct) -> list[Message]:
    """A whole chain, a fact a segment."""
    messages: list[Message] = []
    previous = GENESIS
    for number, one in enumerate(data, 1):
        said = fact(one, id=str(number), time=START_US, tenant="t", actor="a", correlation=str(number))
        payload = encode_segment("traffic.0", "w", "b", number, previous, [encode_fact(said)])
        previous = segment_hash(payload)
        messages.append(Message("TRAFFIC", number, "traffic.0", payload, START_US, ""))
    return messages


def faults(messages: list[Message], stream: str = "TRAFFIC") -> list[tuple[str, int, str]]:
    check = StreamCheck(stream, forgets=messages[0].sequence > 1)
    found = [fault for message in messages for fault in check.take(message)] + check.end()
    return [(fault.kind, fault.sequence, fault.detail) for fault in found]


@pytest.mark.parametrize(("accepted", "counted", "kind"), [(2, 3, "removed"), (3, 2, "inserted"), (0, 1, "removed")])
def test_a_writer_that_counted_otherwise_is_named(accepted: int, counted: int, kind: str) -> None:
    detail = f"its writer accepted {counted} requests, {accepted} are here"
    assert faults(chain(accepted, counted)) == [(kind, accepted + 1, detail)]


def test_a_count_that_is_right_is_no_fault() -> None:
    assert faults(chain(3, 3)) == []


def test_a_chain_whose_beginning_is_forgotten_is_not_counted() -> None:
    assert faults(chain(3, 3)[1:]) == []


def test_a_crashed_writer_is_held_to_the_counts_of_its_beats() -> None:
    beats = segments(TAKEN, WriterBeat(1, 1), TAKEN, WriterBeat(2, 3), TAKEN)
    assert faults(beats) == [("removed", 4, "its writer accepted 3 requests, 2 are here")]
    assert faults(segments(TAKEN, WriterBeat(1, 1), TAKEN, TAKEN, WriterBeat(2, 2))) == [
        ("inserted", 5, "its writer accepted 2 requests, 3 are here")
    ]


def test_from_its_first_count_on_a_chain_without_beginning_is_counted() -> None:
    late = segments(TAKEN, TAKEN, WriterBeat(1, 2), TAKEN, WriterBeat(1, 4))[1:]
    assert faults(late) == [("removed", 5, "its writer accepted 4 requests, 3 are here")]


def test_a_beat_that_was_put_before_what_waited_counts_nothing() -> None:
    assert faults(segments(TAKEN, WriterBeat(1, 2, exact=False), TAKEN, WriterBeat(1, 2), WriterClosed(2))) == []


def unclosed(*messages: Message) -> list[Unclosed]:
    counts = Counts()
    for message in messages:
        counts.take(decode_segment(message.payload), message.sequence, message.time_us)
    return counts.unclosed()


def test_what_is_known_of_a_writer_that_did_not_close() -> None:
    (one,) = unclosed(*segments(TAKEN, TAKEN, WriterBeat(1, 2), TAKEN))
    assert one == Unclosed("w", "b", 4, START_US, counted=2, counted_us=START_US, since=1, superseded=False)
    (one,) = unclosed(*segments(TAKEN))
    assert (one.counted, one.counted_us, one.since) == (None, 0, 1)
    assert unclosed(*chain(3, 3)) == []


def test_a_writer_that_was_started_anew_is_over() -> None:
    first = segments(TAKEN)[0]
    payload = encode_segment("traffic.0", "w", "c", 1, GENESIS, [encode_fact(decode_segment(first.payload).facts[0])])
    second = msgspec.structs.replace(first, sequence=2, payload=payload)
    assert [(one.boot, one.superseded) for one in unclosed(first, second)] == [("b", True), ("c", False)]
