"""AWS's binary event stream: messages of its SDK's own tests, any chunking, and every kind of damage."""

from __future__ import annotations

import itertools
import struct
from zlib import crc32

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingress.codecs.aws_events import AwsEventError, AwsEventParser, decode_headers
from ops.mock.wires.bedrock import frame

# from the published test cases of the SDK for Python (Apache-2.0), tests/unit/test_eventstream.py
EMPTY = b"\x00\x00\x00\x10\x00\x00\x00\x00\x05\xc2H\xeb}\x98\xc8\xff"
PAYLOAD = b"\x00\x00\x00\x1d\x00\x00\x00\x00\xfdR\x8cZ{'foo':'bar'}\xc3e96"
TYPED = (
    b"\x00\x00\x00=\x00\x00\x00 \x07\xfd\x83\x96\x0ccontent-type\x07\x00\x10"
    b"application/json{'foo':'bar'}\x8d\x9c\x08\xb1"
)
ERROR = (
    b"\x00\x00\x00\x52\x00\x00\x00\x42\xbf\x23\x63\x7e\x0d:message-type\x07\x00\x05error"
    b"\x0b:error-code\x07\x00\x04code\x0e:error-message\x07\x00\x07message\x6b\x6c\xea\x3d"
)
EVERY_KIND = (
    b"\x010\x00\x011\x01\x012\x02\x02\x013\x03\x00\x03\x014\x04\x00\x00\x00\x04"
    b"\x015\x05\x00\x00\x00\x00\x00\x00\x00\x05\x016\x06\x00\x05bytes\x017\x07\x00\x04utf8"
    b"\x018\x08\x00\x00\x00\x00\x00\x00\x00\x08\x019\x090123456789abcdef"
)
DAMAGED = {
    "length": b"\x01\x00\x00\x1d\x00\x00\x00\x00\xfdR\x8cZ{'foo':'bar'}\xc3e96",
    "payload": b"\x00\x00\x00\x1d\x00\x00\x00\x00\xfdR\x8cZ{'foo':'bar'\x8d\xc3e96",
    "headers": TYPED.replace(b"content-type", b"content+type"),
    "length of headers": TYPED.replace(b"\x00\x00\x00 \x07", b"\xff\x00\x01\x02\x07"),
    "header twice": b"\x00\x00\x00\x24\x00\x00\x00\x14\x4b\xb9\x82\xd0\x04test\x04asdf\x04test\x04asdf\xf3\xf4\x75\x63",
}


def sealed(total: int, headers: int, rest: bytes = b"") -> bytes:
    """A message with these lengths and right checksums."""
    lengths = struct.pack(">II", total, headers)
    message = lengths + struct.pack(">I", crc32(lengths)) + rest
    return message + struct.pack(">I", crc32(message))


def test_published_messages_are_read() -> None:
    told = AwsEventParser().feed(EMPTY + PAYLOAD + TYPED + ERROR)
    assert [(each.event, each.kind, each.data, each.content_type) for each in told] == [
        (b"", "event", b"", ""),
        (b"", "event", b"{'foo':'bar'}", ""),
        (b"", "event", b"{'foo':'bar'}", ""),
        (b"error", "error", b'{"code":"code","message":"message"}', "application/json"),
    ]
    assert [each.raw for each in told] == [EMPTY, PAYLOAD, TYPED, ERROR]


def test_every_kind_of_header_is_read() -> None:
    values = decode_headers(EVERY_KIND)
    assert list(values.values()) == [True, False, 2, 3, 4, 5, b"bytes", "utf8", 8, b"0123456789abcdef"]


@pytest.mark.parametrize("raw", DAMAGED.values(), ids=DAMAGED)
def test_published_damage_is_refused_by_name(raw: bytes) -> None:
    with pytest.raises(AwsEventError):
        AwsEventParser().feed(raw)


@pytest.mark.parametrize(
    ("total", "headers"), [(15, 0), (2**31, 0), (16 * 1024 * 1024 + 1, 0), (40, 25), (300_000, 140_000)]
)
def test_lengths_that_cannot_be_are_refused_before_anything_is_kept(total: int, headers: int) -> None:
    parser = AwsEventParser()
    with pytest.raises(AwsEventError):
        parser.feed(sealed(total, headers))


def test_what_is_kept_is_bounded_and_nothing_is_told_early() -> None:
    parser = AwsEventParser(limit=100)
    message = frame({":event-type": "a"}, b"x" * 60)
    assert parser.feed(message[:-1]) == []
    assert parser.pending == len(message) - 1 < 100
    assert [each.event for each in parser.feed(message[-1:])] == [b"a"]
    assert parser.pending == 0
    with pytest.raises(AwsEventError):
        parser.feed(frame({}, b"x" * 100))


def test_an_exception_is_told_by_its_name() -> None:
    headers = {":exception-type": "throttlingException", ":message-type": "exception"}
    (told,) = AwsEventParser().feed(frame(headers, b'{"message":"Too many"}'))
    assert (told.kind, told.event, told.data) == ("exception", b"throttlingException", b'{"message":"Too many"}')


MESSAGES = st.lists(
    st.tuples(st.dictionaries(st.text(max_size=5), st.text(max_size=9), max_size=3), st.binary(max_size=40)), max_size=4
)


@settings(max_examples=50, deadline=None)
@given(messages=MESSAGES, cuts=st.lists(st.integers(0, 400), max_size=8))
def test_any_chunking_tells_the_same(messages: list[tuple[dict[str, str], bytes]], cuts: list[int]) -> None:
    data = b"".join(frame(headers, payload) for headers, payload in messages)
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    parser = AwsEventParser()
    told = [each for start, end in itertools.pairwise(edges) for each in parser.feed(data[start:end])]
    assert [(each.data, decode_headers(_headers(each.raw))) for each in told] == [
        (payload, headers) for headers, payload in messages
    ]
    assert (told, parser.pending) == (AwsEventParser().feed(data), 0)


def _headers(raw: bytes) -> bytes:
    (size,) = struct.unpack_from(">I", raw, 4)
    return raw[12 : 12 + size]


@settings(max_examples=100, deadline=None)
@given(raw=st.binary(max_size=80), headers=st.binary(max_size=40))
def test_no_bytes_raise_anything_else(raw: bytes, headers: bytes) -> None:
    for data in (raw, sealed(16 + len(headers), len(headers), headers)):
        try:
            AwsEventParser().feed(data)
        except AwsEventError as error:
            assert str(error)
