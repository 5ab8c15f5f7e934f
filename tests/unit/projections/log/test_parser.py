"""The short way hands out exactly what the client's own way does, in the same order, however the bytes are cut."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nats.aio.client import Client
from nats.errors import ProtocolError
from nats.protocol.parser import Parser

from projections.log.parser import BulkParser

Seen = tuple[str, bytes, bytes, bytes, bytes]
"""Subscription, subject, reply, headers, payload."""
HELD = "7"


class Listener:
    """The client, as far as a parser knows it."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []

    async def _process_msg(self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: bytes | None) -> None:
        self.seen.append((str(sid), subject, reply, headers or b"", data))

    async def _process_ping(self) -> None:
        self.seen.append(("ping", b"", b"", b"", b""))


def message(sid: str, headers: bytes, payload: bytes) -> bytes:
    reply = b"$JS.ACK.S.c.1.2.3.4.5"
    if headers:
        sizes = b"%d %d" % (len(headers), len(headers) + len(payload))
        return b"HMSG config.t.k %s %s %s\r\n%s%s\r\n" % (sid.encode(), reply, sizes, headers, payload)
    return b"MSG config.t.k %s %s %d\r\n%s\r\n" % (sid.encode(), reply, len(payload), payload)


def unreplied(sid: str, headers: bytes, payload: bytes) -> bytes:
    """A message that names no subject to answer to, as an acknowledgement of a stream."""
    line, rest = message(sid, headers, payload).split(b"\r\n", 1)
    words = line.split()
    return b" ".join(words[:3] + words[4:]) + b"\r\n" + rest


HEADERS = st.sampled_from([b"", b"NATS/1.0\r\nNats-Msg-Id: w/b/1\r\n\r\n", b"NATS/1.0 404 No Messages\r\n\r\n"])
PAYLOADS = st.one_of(st.binary(max_size=40), st.sampled_from([b"\r\n", b"MSG a 7 1\r\nx\r\n", b"x" * 5_000]))
SIDS = st.sampled_from([HELD, "8"])
WORDS = st.one_of(
    st.builds(message, SIDS, HEADERS, PAYLOADS),
    st.builds(unreplied, SIDS, HEADERS, PAYLOADS),
    st.just(b"PING\r\n"),
)


async def heard(parser: Parser, chunks: list[bytes]) -> None:
    for chunk in chunks:
        await parser.parse(chunk)


def bulk(listener: Listener) -> BulkParser:
    parser = BulkParser(cast("Client", listener))

    def take(subject: bytes, reply: bytes, headers: bytes, payload: bytes) -> None:
        listener.seen.append((HELD, subject, reply, headers, payload))

    parser.takers[HELD.encode()] = take
    return parser


@given(st.lists(WORDS, max_size=12), st.lists(st.integers(1, 6_000), max_size=20))
def test_however_it_is_cut_the_same_is_heard(words: list[bytes], cuts: list[int]) -> None:
    stream, chunks, place = b"".join(words), [], 0
    for cut in cuts:
        chunks.append(stream[place : place + cut])
        place += cut
    chunks.append(stream[place:])
    plain, fast = Listener(), Listener()
    asyncio.run(heard(Parser(cast("Any", plain)), chunks))
    asyncio.run(heard(bulk(fast), chunks))
    assert fast.seen == plain.seen
    assert len(plain.seen) == len(words)


async def test_whole_messages_do_not_go_through_the_client() -> None:
    listener = Listener()
    parser = BulkParser(cast("Client", listener))
    taken: list[bytes] = []
    parser.takers[b"7"] = lambda subject, reply, headers, payload: taken.append(payload)
    whole = message("7", b"", b"first") + message("7", b"NATS/1.0\r\n\r\n", b"second")
    await parser.parse(whole[:-1])
    assert taken == [b"first"]
    await parser.parse(whole[-1:])
    assert taken == [b"first", b"second"]
    assert listener.seen == []


async def test_who_stops_listening_in_the_middle_of_a_message_holds_up_nobody() -> None:
    listener = Listener()
    parser = bulk(listener)
    long = message("7", b"", b"x" * 9_000)
    await parser.parse(long[:100])
    takers = dict(parser.takers)
    parser.takers.clear()
    await parser.parse(long[100:])
    parser.takers.update(takers)
    await parser.parse(message("7", b"", b"short"))
    assert [payload for *_, payload in listener.seen] == [b"x" * 9_000, b"short"]


async def test_a_new_connection_begins_anew() -> None:
    listener = Listener()
    parser = bulk(listener)
    await parser.parse(message("7", b"", b"x" * 9_000)[:100])
    parser.reset()
    await parser.parse(message("7", b"", b"short"))
    assert [payload for *_, payload in listener.seen] == [b"short"]


@pytest.mark.parametrize("line", [b"HMSG a 7 r x 9\r\n", b"MSG a 7 r x\r\n", b"NONSENSE\r\n"])
async def test_what_is_no_protocol_is_refused(line: bytes) -> None:
    with pytest.raises(ProtocolError):
        await bulk(Listener()).parse(line)
