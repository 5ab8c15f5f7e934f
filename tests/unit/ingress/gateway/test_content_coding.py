"""A provider's compressed answer as it arrives: in the turn of each read, bounded, and broken when it is not whole."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from collections.abc import Callable

import pytest

from ingress.gateway.content_coding import TURN_BYTES, InflatedExchange, inflated, inflater_of
from ingress.gateway.http1 import BrokenExchange
from ingress.gateway.inflating import PIECE
from schemas.errors import TooLarge

EVENTS = [b"data: 1\n\n", b"data: 2\n\n", b"data: [DONE]\n\n"]


class Answer:
    """An exchange whose pieces are there."""

    status = 200

    def __init__(self, pieces: list[bytes], coding: bytes = b"gzip") -> None:
        self.headers = {b"content-encoding": coding, b"retry-after": b"3"}
        self.pieces = list(pieces)

    def idle(self, limit_s: float) -> None:
        raise AssertionError("nobody asked")

    async def next(self) -> bytes | None:
        return self.pieces.pop(0) if self.pieces else None

    async def each(self, take: Callable[[bytes], bool]) -> bool:
        while self.pieces:
            if not take(self.pieces.pop(0)):
                return True
        return False

    async def end(self) -> None:
        raise AssertionError("nobody asked")


def flushed() -> list[bytes]:
    packer = zlib.compressobj(wbits=31)
    return [*(packer.compress(event) + packer.flush(zlib.Z_SYNC_FLUSH) for event in EVENTS), packer.flush()]


async def test_each_read_is_passed_on_at_once() -> None:
    came: list[bytes] = []
    exchange = InflatedExchange(Answer(flushed()), 1_000)
    assert not await exchange.each(lambda piece: not came.append(piece))  # type: ignore[func-returns-value]
    assert came == EVENTS and exchange.headers == {b"retry-after": b"3"}


async def test_who_wants_no_more_for_now_gets_the_rest_later() -> None:
    came: list[bytes] = []

    def take(piece: bytes) -> bool:
        came.append(piece)
        return False

    body = bytes(range(256)) * 2_048
    exchange = InflatedExchange(Answer([gzip.compress(body)]), len(body))
    turns = 0
    while await exchange.each(take):
        turns += 1
    assert b"".join(came) == body and turns == len(came) > 3 and max(map(len, came)) <= PIECE


async def test_one_by_one() -> None:
    exchange = InflatedExchange(Answer([*flushed()[0:1], b"", *flushed()[1:]]), 1_000)
    assert [await exchange.next() for _ in range(4)] == [*EVENTS, None]


@pytest.mark.parametrize(
    "answer",
    [
        Answer(flushed()[:-1]),
        Answer([gzip.compress(b"data"), b"more"]),
        Answer([b"data: 1\n\n"]),
        Answer([gzip.compress(bytes(1_001))]),
        Answer([b"data: 1\n\n"], b"compress"),
    ],
    ids=["cut off", "more behind it", "not compressed", "too large", "unknown"],
)
@pytest.mark.parametrize("whole", [False, True])
async def test_what_is_not_as_it_says_is_malformed(answer: Answer, whole: bool) -> None:
    exchange = InflatedExchange(Answer(answer.pieces, answer.headers[b"content-encoding"]), 1_000)
    with pytest.raises(BrokenExchange) as caught:
        while not whole and await exchange.next() is not None:
            continue
        await exchange.each(lambda piece: True)
    assert caught.value.outcome == "malformed"


EMPTY_BLOCK = b"\0\0\0\xff\xff"
"""Of bare deflate (RFC 1951, 3.2.4): bytes that come to nothing."""


@pytest.mark.parametrize(
    ("packed", "coding", "size"),
    [
        (gzip.compress(bytes(16 * TURN_BYTES)), b"gzip", 16 * TURN_BYTES),
        (EMPTY_BLOCK * (4 * TURN_BYTES) + b"\x01\0\0\xff\xff", b"deflate", 0),
    ],
    ids=["much comes out", "much goes in"],
)
async def test_others_have_their_turn_while_a_large_body_is_inflated(packed: bytes, coding: bytes, size: int) -> None:
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    beside = asyncio.create_task(other())
    try:
        assert await inflated(packed, inflater_of(coding, size), size) == bytes(size)
        assert turns >= 15
    finally:
        beside.cancel()


async def test_a_byte_too_many_is_too_large() -> None:
    packed = gzip.compress(bytes(1_000))
    assert await inflated(packed, inflater_of(b"gzip", 1_000), 1_000) == bytes(1_000)
    with pytest.raises(TooLarge):
        await inflated(packed, inflater_of(b"gzip", 999), 999)
