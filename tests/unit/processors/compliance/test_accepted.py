"""What is remembered of requests under way is bounded, and is that alone."""

from __future__ import annotations

import sys
from typing import cast

from processors.compliance.accepted import AcceptedFacts
from projections.log.connection import LogConnection
from schemas.codec import decode_segment, encode_fact, encode_segment, fact
from schemas.envelope import GENESIS
from schemas.facts.traffic import RequestAccepted

NOBODY = cast("LogConnection", None)


def segment(*requests: str) -> bytes:
    """One in which these begin."""
    said = RequestAccepted("k", "nvk_", "s", "chat", "m", False, 1, "overlapped", 7)
    facts = [encode_fact(fact(said, id="f", time=1, tenant="t", actor="a", correlation=one)) for one in requests]
    return encode_segment("traffic.0", "g", "b", 1, GENESIS, facts)


async def test_what_is_remembered_does_not_keep_its_segment() -> None:
    # bytes that nothing else refers to
    payload = bytes(bytearray(segment("one", "two")))
    before = sys.getrefcount(payload)
    known = AcceptedFacts(NOBODY)
    for found in decode_segment(payload).facts:
        known.remember(found)
    del found
    assert sys.getrefcount(payload) == before
    accepted = await known.of("two", 0, 1)
    assert accepted is not None and accepted.data.config_sequence == 7


async def test_the_oldest_go_when_there_is_no_room() -> None:
    facts = decode_segment(segment("one", "two", "three")).facts
    known = AcceptedFacts(NOBODY, most_bytes=2 * len(bytes(facts[0].data)))
    for found in facts:
        known.remember(found)
    assert list(known._facts) == ["two", "three"]
    known.forget("two")
    known.remember(facts[0])
    assert list(known._facts) == ["three", "one"]
