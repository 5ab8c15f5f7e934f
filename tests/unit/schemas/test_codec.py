"""Laws of the codec: nothing is lost on the way, and damage has one name."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.codec import (
    Malformed,
    decode_head,
    decode_segment,
    encode_fact,
    encode_segment,
    fact,
    fact_view,
    open_fact,
    segment_hash,
    written_facts,
)
from schemas.envelope import GENESIS, SEGMENT_FORMAT, Fact, SegmentHead
from schemas.facts.traffic import RequestCompleted, SealedBody, WriterBeat, WriterClosed
from schemas.registry import NAME_OF, UPCASTS, Upcast
from tests.unit.schemas.strategies import ANYTHING, TEXTS, data, facts

PLACE = {"id": "i", "time": 1, "tenant": "t", "actor": "a", "correlation": "c"}
HASHES = st.binary(min_size=32, max_size=32)
NUMBERS = st.integers(0, 2**63 - 1)


def unknown(name: str, content: bytes) -> Fact:
    return Fact("i", 1, "t", "a", "c", "", name, msgspec.Raw(content))


def same(one: Fact, other: Fact) -> bool:
    """Equality with the bytes of the data, which `Raw` compares by identity."""
    return encode_fact(one) == encode_fact(other)


@given(data())
def test_a_struct_comes_back_from_its_fact(value: msgspec.Struct) -> None:
    assert open_fact(fact(value, **PLACE)) == value  # type: ignore[arg-type]


@given(TEXTS, TEXTS, TEXTS, NUMBERS, HASHES, st.lists(facts(), max_size=4))
def test_a_segment_comes_back_with_its_facts(
    subject: str, writer: str, boot: str, number: int, previous: bytes, inside: list[Fact]
) -> None:
    payload = encode_segment(subject, writer, boot, number, previous, [encode_fact(value) for value in inside])
    segment = decode_segment(payload)
    found = (segment.subject, segment.writer, segment.boot, segment.number, segment.previous)
    assert found == (subject, writer, boot, number, previous)
    assert len(segment.facts) == len(inside)
    assert all(same(one, other) for one, other in zip(segment.facts, inside, strict=True))
    assert decode_head(payload) == SegmentHead(SEGMENT_FORMAT, *found)


@pytest.mark.parametrize("count", [0, 1, 15, 16, 65_535, 65_536])
def test_a_segment_is_what_the_encoder_would_write(count: int) -> None:
    inside = [b"\x91\x01"] * count
    whole = (SEGMENT_FORMAT, "s", "w", "b", 300, GENESIS, [msgspec.Raw(each) for each in inside])
    assert encode_segment("s", "w", "b", 300, GENESIS, inside) == msgspec.msgpack.encode(whole)


@given(st.lists(data(), min_size=1, max_size=3), TEXTS)
def test_facts_that_are_written_at_once_are_the_same_to_the_byte(values: list[msgspec.Struct], cause: str) -> None:
    noted = [(NAME_OF[type(value)], value, at) for at, value in enumerate(values)]
    ids = [f"id-{at}" for at in range(len(values))]
    one_by_one = [
        encode_fact(fact(value, ids[at], at, "t", "a", "c", ids[at - 1] if at else cause))
        for at, value in enumerate(values)
    ]
    assert written_facts(noted, ids, "t", "a", "c", cause) == one_by_one


@given(facts())
def test_an_envelope_comes_back_to_the_byte(value: Fact) -> None:
    payload = encode_segment("s", "w", "b", 1, GENESIS, [encode_fact(value)])
    (again,) = decode_segment(payload).facts
    assert encode_segment("s", "w", "b", 1, GENESIS, [encode_fact(again)]) == payload
    assert again.type == value.type == NAME_OF[type(open_fact(value))]  # type: ignore[index]


@given(ANYTHING)
def test_an_unknown_fact_survives_unread(content: Any) -> None:
    value = unknown("weather.changed.v7", msgspec.msgpack.encode(content))
    payload = encode_segment("s", "w", "b", 1, GENESIS, [encode_fact(value)])
    (again,) = decode_segment(payload).facts
    assert open_fact(again) is None
    assert bytes(again.data) == bytes(value.data)
    json.dumps(fact_view(again))


@given(data(), st.lists(ANYTHING, min_size=1, max_size=3))
def test_fields_of_a_newer_version_are_passed_over(value: msgspec.Struct, more: list[Any]) -> None:
    known = msgspec.msgpack.decode(msgspec.msgpack.encode(value))
    if isinstance(known, list):
        grown: Any = [*known, *more]
    else:
        grown = {**known, **{f"new_{at}": item for at, item in enumerate(more)}}
        if isinstance(known.get("spec"), dict):
            grown["spec"] = {**known["spec"], "new": more}
    assert open_fact(unknown(NAME_OF[type(value)], msgspec.msgpack.encode(grown))) == value


def test_new_fields_inside_of_nested_parts_are_passed_over() -> None:
    target = {"account": "east", "model": "", "weight": 7}
    grown = {"spec": {"id": "r", "tenant": "t", "targets": [target], "mirror": {"to": "west"}}}
    route = open_fact(unknown("route.created.v1", msgspec.msgpack.encode(grown)))
    assert route.spec.targets[0].account == "east"  # type: ignore[union-attr]
    prices = {"input": 1, "output": 2, "batch": 1}
    priced = {"spec": {"id": "a/b", "tenant": "t", "prices": prices}}
    model = open_fact(unknown("model.created.v1", msgspec.msgpack.encode(priced)))
    assert model.spec.prices.output == 2  # type: ignore[union-attr]


@given(facts(), st.data())
def test_an_older_writer_left_trailing_fields_out(value: Fact, draw: st.DataObject) -> None:
    whole = open_fact(value)
    assert whole is not None
    known = msgspec.msgpack.decode(bytes(value.data))
    if not isinstance(known, list):
        return
    needed = sum(field.required for field in msgspec.structs.fields(whole))
    kept = draw.draw(st.integers(needed, len(known)))
    old = open_fact(unknown(value.type, msgspec.msgpack.encode(known[:kept])))
    names = whole.__struct_fields__
    assert [getattr(old, name) for name in names[:kept]] == [getattr(whole, name) for name in names[:kept]]


@given(st.binary(max_size=300))
def test_garbage_is_malformed_and_nothing_else(payload: bytes) -> None:
    for decode in (decode_segment, decode_head):
        try:
            decode(payload)
        except Malformed:
            continue


@given(st.lists(facts(), min_size=1, max_size=3), st.data())
def test_a_damaged_segment_is_malformed_or_another_segment(inside: list[Fact], draw: st.DataObject) -> None:
    payload = bytearray(encode_segment("traffic.0", "w", "b", 3, GENESIS, [encode_fact(value) for value in inside]))
    for _ in range(draw.draw(st.integers(1, 4))):
        payload[draw.draw(st.integers(0, len(payload) - 1))] = draw.draw(st.integers(0, 255))
    try:
        segment = decode_segment(bytes(payload))
        for value in segment.facts:
            fact_view(value)
    except Malformed:
        return


@given(st.sampled_from(sorted(NAME_OF.values())), st.binary(max_size=120))
def test_data_that_does_not_fit_its_name_is_malformed(name: str, content: bytes) -> None:
    try:
        open_fact(unknown(name, content))
    except Malformed:
        return


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\xc1",
        b"\x97\x01\xa1\xff\xa1a\xa1b\x01\xc4\x01a\x90",  # a subject that is not UTF-8
        b"\x91" * 100_000,
        b"\xdd\xff\xff\xff\xff",  # an array of four thousand million
        msgspec.msgpack.encode((SEGMENT_FORMAT + 1, "s", "w", "b", 1, GENESIS, [])),
    ],
    ids=["empty", "reserved", "latin", "deep", "huge", "format"],
)
def test_damage_has_one_name(payload: bytes) -> None:
    with pytest.raises(Malformed):
        decode_segment(payload)


def test_the_message_quotes_nothing_of_the_bytes() -> None:
    with pytest.raises(Malformed) as caught:
        open_fact(unknown("writer.beat.v1", msgspec.msgpack.encode(["hunter2", 1])))
    assert "hunter2" not in str(caught.value)


@given(st.integers(4_000, 9_000))
def test_a_view_of_bottomless_data_is_its_bytes(depth: int) -> None:
    content = b"\x91" * depth + b"\x01"
    assert fact_view(unknown("deep.thing.v1", content))["data"] == {"undecoded": content.hex()}


@given(facts())
def test_a_view_is_json_and_holds_no_ciphertext(value: Fact) -> None:
    told = fact_view(value)
    assert json.loads(json.dumps(told))["type"] == value.type
    assert told["correlation"] == value.correlation


def test_a_view_shows_the_size_of_a_sealed_body() -> None:
    body = SealedBody("s", "k", b"n" * 12, b"x" * 40, b"h" * 32, 24)
    told = fact_view(fact(RequestCompleted(body=body), **PLACE))  # type: ignore[arg-type]
    assert told["data"]["body"]["ciphertext"] == "(40 bytes)"
    assert told["data"]["body"]["sha256"] == (b"h" * 32).hex()


def test_a_struct_that_is_not_registered_cannot_be_written() -> None:
    class Stranger(msgspec.Struct):
        pass

    with pytest.raises(KeyError):
        fact(Stranger(), **PLACE)  # type: ignore[arg-type]


class Oldest(msgspec.Struct, array_like=True):
    open_requests: int


class Older(msgspec.Struct, array_like=True):
    open_requests: int
    accepted: int


def test_old_versions_are_raised_step_by_step() -> None:
    upcasts: dict[str, tuple[type[msgspec.Struct], Upcast]] = {
        "writer.beat.v-1": (Oldest, lambda old: Older(old.open_requests, 5)),
        "writer.beat.v0": (Older, lambda old: WriterBeat(old.open_requests, old.accepted)),
    }
    assert open_fact(unknown("writer.beat.v-1", b"\x91\x02"), upcasts) == WriterBeat(2, 5)
    assert open_fact(unknown("writer.beat.v0", b"\x92\x02\x07"), upcasts) == WriterBeat(2, 7)
    assert open_fact(unknown("writer.closed.v1", b"\x91\x07"), upcasts) == WriterClosed(7)
    with pytest.raises(Malformed):
        open_fact(unknown("writer.beat.v0", b"\x91\x02"), upcasts)


def test_every_upcast_ends_at_a_shape_of_today() -> None:
    old_shapes = {shape for shape, _ in UPCASTS.values()}
    assert not old_shapes & set(NAME_OF)
    assert not set(UPCASTS) & set(NAME_OF.values())


@given(st.binary(max_size=100))
def test_the_hash_is_sha256(payload: bytes) -> None:
    assert segment_hash(payload) == hashlib.sha256(payload).digest()
    assert len(GENESIS) == 32
