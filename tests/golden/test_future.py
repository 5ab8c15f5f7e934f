"""What a newer version adds is read around and passed on untouched, for every fact that was ever released."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.codec import decode_segment, encode_fact, encode_segment, fact_view, open_fact, segment_hash
from schemas.envelope import GENESIS, Fact
from tests.golden.files import decode, released

RELEASED = [(name, payload) for name, payload, _ in released()]

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text(max_size=8) | st.binary(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
MORE = st.lists(VALUES, min_size=1, max_size=3)


def today(value: Fact) -> Fact:
    """As this version would write it: with the fields that have come since."""
    data = open_fact(value)
    assert data is not None
    return msgspec.structs.replace(value, data=msgspec.Raw(msgspec.msgpack.encode(data)))


def grown(value: Fact, more: list[Any]) -> Fact:
    """As a newer version would write it: with fields that today's does not have, by place or by name."""
    data = msgspec.msgpack.decode(today(value).data)
    if isinstance(data, list):
        data = data + more
    else:
        data = data | {f"said by nobody yet {at}": item for at, item in enumerate(more)}
    return msgspec.structs.replace(value, data=msgspec.Raw(msgspec.msgpack.encode(data)))


@given(more=MORE)
@settings(max_examples=8)
def test_what_is_known_means_the_same_beside_what_is_not(more: list[Any]) -> None:
    for name, payload in RELEASED:
        released = decode(payload)
        assert open_fact(grown(released, more)) == open_fact(released), name


@given(more=MORE)
@settings(max_examples=8)
def test_it_is_passed_on_byte_for_byte(more: list[Any]) -> None:
    encoded = [encode_fact(grown(decode(payload), more)) for _, payload in RELEASED]
    assert [encode_fact(decode(one)) for one in encoded] == encoded
    segment = encode_segment("traffic.0", "w", "b", 1, GENESIS, encoded)
    facts = [encode_fact(one) for one in decode_segment(segment).facts]
    again = encode_segment("traffic.0", "w", "b", 1, GENESIS, facts)
    assert (again, segment_hash(again)) == (segment, segment_hash(segment))


@given(data=VALUES, name=st.from_regex(r"[a-z]{3,12}\.[a-z]{3,12}\.v[1-9]", fullmatch=True))
def test_a_kind_that_nobody_knows_is_no_error_and_passes(data: Any, name: str) -> None:
    released = decode(RELEASED[0][1])
    unknown = msgspec.structs.replace(released, type=f"x{name}", data=msgspec.Raw(msgspec.msgpack.encode(data)))
    assert open_fact(unknown) is None
    assert encode_fact(decode(encode_fact(unknown))) == encode_fact(unknown)
    assert set(fact_view(unknown)["data"]) == {"undecoded"}


@given(more=MORE)
def test_an_envelope_and_a_segment_may_grow_too(more: list[Any]) -> None:
    payload = RELEASED[0][1]
    longer = msgspec.msgpack.encode([*msgspec.msgpack.decode(payload), *more])
    assert open_fact(decode(longer)) == open_fact(decode(payload))
    segment = encode_segment("traffic.0", "w", "b", 1, GENESIS, [longer])
    wider = msgspec.msgpack.encode([*msgspec.msgpack.decode(segment), *more])
    assert decode_segment(wider).number == 1
    assert open_fact(decode_segment(wider).facts[0]) == open_fact(decode(payload))
