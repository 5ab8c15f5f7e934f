"""The SSE parser: any chunking gives the same events, and nothing that passes through is lost."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingress.codecs.sse import SMALL_BYTES, SseError, SseEvent, SseParser, encode

line_ends = st.sampled_from([b"\n", b"\r\n", b"\r"])
field_lines = st.one_of(
    st.binary(max_size=12).map(lambda raw: b"data: " + raw.translate(None, b"\r\n")),
    st.binary(max_size=12).map(lambda raw: b"data:" + raw.translate(None, b"\r\n")),
    st.sampled_from([b": comment", b"event: error", b"retry: 10", b"id: 7", b"data", b"unknown: x", b""]),
)


@st.composite
def streams(draw: st.DrawFn) -> bytes:
    out = b""
    for line in draw(st.lists(field_lines, max_size=12)):
        out += line + draw(line_ends)
    return out


@st.composite
def cuts(draw: st.DrawFn, data: bytes) -> list[bytes]:
    points = sorted(draw(st.lists(st.integers(0, len(data)), max_size=8)))
    edges = [0, *points, len(data)]
    return [data[a:b] for a, b in itertools.pairwise(edges)]


def feed(pieces: list[bytes]) -> list[SseEvent]:
    parser = SseParser()
    return [event for piece in pieces for event in parser.feed(piece)]


@given(st.data(), streams())
def test_any_chunking_gives_the_same_events(data: st.DataObject, stream: bytes) -> None:
    whole = [(event.event, event.data) for event in feed([stream])]
    parts = [(event.event, event.data) for event in feed(data.draw(cuts(stream)))]
    assert parts == whole


@given(st.data(), streams())
def test_bytes_of_events_are_a_prefix_of_the_stream(data: st.DataObject, stream: bytes) -> None:
    passed = b"".join(event.raw for event in feed(data.draw(cuts(stream))))
    assert stream.startswith(passed)


@given(st.lists(st.text(max_size=20).map(lambda text: text.replace("\r", "").replace("\n", "").encode()), max_size=6))
def test_what_is_encoded_is_read_back(payloads: list[bytes]) -> None:
    stream = b"".join(encode(payload) for payload in payloads)
    assert [event.data for event in feed([stream])] == payloads


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_every_line_end_of_the_standard(end: bytes) -> None:
    stream = end.join([b"event: a", b"data: 1", b"data: 2", b"", b": note", b"", b"data: 3", b"", b""])
    assert [(event.event, event.data) for event in feed([stream])] == [(b"a", b"1\n2"), (b"", b"3")]


def test_a_comment_travels_with_the_next_event() -> None:
    events = feed([b": keep-alive\n\n", b"data: x\n\n"])
    assert [event.raw for event in events] == [b": keep-alive\n\ndata: x\n\n"]


def test_byte_order_mark_is_not_data() -> None:
    assert [event.data for event in feed([b"\xef", b"\xbb\xbfdata: x\n\n"])] == [b"x"]


def test_an_event_without_end_is_refused_at_the_limit() -> None:
    parser = SseParser(limit=100)
    with pytest.raises(SseError):
        for _ in range(20):
            parser.feed(b"data: 012345")


def test_comments_without_end_are_refused_at_the_limit() -> None:
    parser = SseParser(limit=100)
    with pytest.raises(SseError):
        for _ in range(20):
            parser.feed(b": ping\n\n")


def test_an_unfinished_event_is_not_dispatched() -> None:
    parser = SseParser()
    assert parser.feed(b"data: x\n") == []
    assert parser.pending == 8


@pytest.mark.parametrize("end", [b"\n\n", b"\r\r", b"\r\n\r\n", b"\n\r\n"])
@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_a_long_event_of_many_lines_ends_where_it_ends(end: bytes, size: int) -> None:
    lines = b"data: abcdefgh\n" * (2 * SMALL_BYTES // 15)
    stream = b"data: first\n\n" + lines[:-1] + end + b"data: last\n\n"
    cut = len(stream) - 40
    parser = SseParser()
    events = [event for at in range(0, cut, 997) for event in parser.feed(stream[at : min(at + 997, cut)])]
    assert len(events) == 1 and parser.pending > SMALL_BYTES
    events += [event for at in range(cut, len(stream), size) for event in parser.feed(stream[at : at + size])]
    assert [len(event.data) for event in events] == [5, len(lines) // 15 * 9 - 1, 4]
    assert b"".join(event.raw for event in events).startswith(stream[:-5])


def test_comments_travel_with_the_event_that_follows() -> None:
    parser = SseParser()
    stream = b"data: a\n\n" + b": nothing\n\n" * 3_000 + b"data: b\n\n"
    events = [event for at in range(0, len(stream), 100) for event in parser.feed(stream[at : at + 100])]
    assert [event.data for event in events] == [b"a", b"b"] and b"".join(event.raw for event in events) == stream
