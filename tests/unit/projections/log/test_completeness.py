"""What a writer counted itself is held against the log: requests that are missing from whole chains show too."""

from __future__ import annotations

import pytest

from projections.log.reader import Message
from projections.log.verify import StreamCheck
from schemas.codec import encode_fact, encode_segment, fact, segment_hash
from schemas.envelope import GENESIS
from schemas.facts.traffic import RequestAccepted, WriterClosed
from tests.integration.sample_log import START_US


def chain(accepted: int, counted: int) -> list[Message]:
    """A whole chain with so many requests, whose writer says at its end how many it took."""
    data = [RequestAccepted("key", "nvk_00000000", "s", "chat", "m", False, 1, "overlapped", 1)] * accepted
    messages: list[Message] = []
    previous = GENESIS
    for number, one in enumerate([*data, WriterClosed(counted)], 1):
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
