"""The HTTP/1.1 connection: any chunking of an answer reads the same, and a cut one is never taken for whole."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingress.gateway.http1 import HIGH_WATER, MOST_FRAMING, BrokenExchange, Connection

PLAIN = b"HTTP/1.1 200 OK\r\ncontent-length: 11\r\nretry-after: 3\r\n\r\nhello world"
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"
INTERIM = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n" + PLAIN


class Wire:
    """Stands for the transport: keeps what is written, and whether reading is paused."""

    def __init__(self) -> None:
        self.sent = b""
        self.paused = self.aborted = False

    def writelines(self, pieces: Any) -> None:
        self.sent += b"".join(pieces)

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False

    def abort(self) -> None:
        self.aborted = True


async def connected() -> tuple[Connection, Wire]:
    connection, wire = Connection(), Wire()
    connection.connection_made(wire)  # type: ignore[arg-type]
    connection.begin(b"HEAD", b"BODY")
    assert wire.sent == b"HEADBODY"
    return connection, wire


async def read(connection: Connection) -> tuple[int, bytes]:
    status, body = await connection.head(), b""
    while (piece := await connection.next()) is not None:
        body += piece
    return status, body


@given(st.sampled_from([PLAIN, CHUNKED, INTERIM]), st.lists(st.integers(0, 200), max_size=12))
def test_any_chunking_reads_the_same(answer: bytes, cuts: list[int]) -> None:
    async def run() -> None:
        connection, _ = await connected()
        reading = asyncio.ensure_future(read(connection))
        edges = [0, *sorted(min(cut, len(answer)) for cut in cuts), len(answer)]
        for a, b in itertools.pairwise(edges):
            if a < b:
                connection.data_received(answer[a:b])
                await asyncio.sleep(0)
        assert await reading == (200, b"hello world")
        assert connection.reusable

    asyncio.run(run())


@given(st.sampled_from([PLAIN, CHUNKED]), st.integers(0, 60))
def test_a_cut_answer_is_an_error(answer: bytes, end: int) -> None:
    async def run() -> None:
        connection, _ = await connected()
        cut = answer[: min(end, len(answer) - 1)]
        if cut:
            connection.data_received(cut)
        connection.connection_lost(None)
        with pytest.raises(BrokenExchange) as caught:
            await read(connection)
        assert caught.value.outcome == "disconnect" and not connection.reusable

    asyncio.run(run())


@given(st.binary(min_size=1, max_size=80))
def test_any_bytes_raise_only_the_named_error(data: bytes) -> None:
    async def run() -> None:
        connection, _ = await connected()
        connection.data_received(data)
        connection.connection_lost(None)
        try:
            await read(connection)
        except BrokenExchange as error:
            assert error.outcome in ("disconnect", "malformed")

    asyncio.run(run())


async def test_an_answer_until_the_connection_closes() -> None:
    connection, _ = await connected()
    connection.data_received(b"HTTP/1.1 200 OK\r\n\r\nall there is")
    connection.connection_lost(None)
    assert await read(connection) == (200, b"all there is")
    assert not connection.reusable


async def test_an_answer_until_close_that_broke_is_an_error() -> None:
    connection, _ = await connected()
    connection.data_received(b"HTTP/1.1 200 OK\r\n\r\nhalf of")
    connection.connection_lost(ConnectionResetError())
    with pytest.raises(BrokenExchange):
        await read(connection)


async def test_a_server_that_asks_to_close_is_not_kept() -> None:
    connection, _ = await connected()
    connection.data_received(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok")
    assert await read(connection) == (200, b"ok")
    assert not connection.reusable


async def test_a_second_exchange_starts_clean() -> None:
    connection, _ = await connected()
    connection.data_received(PLAIN)
    assert await read(connection) == (200, b"hello world") and connection.headers[b"retry-after"] == b"3"
    connection.begin(b"", b"")
    assert not connection.touched
    connection.data_received(b"HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n")
    assert await read(connection) == (503, b"") and b"retry-after" not in connection.headers


async def test_bytes_nobody_asked_for_close_the_connection() -> None:
    connection, wire = await connected()
    connection.data_received(PLAIN)
    await read(connection)
    connection.data_received(PLAIN)
    assert wire.aborted and not connection.reusable


async def test_a_reader_who_falls_behind_pauses_the_socket() -> None:
    connection, wire = await connected()
    connection.data_received(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n")
    connection.data_received(b"x" * (HIGH_WATER + 1))
    assert wire.paused
    assert await connection.next() is not None
    assert not wire.paused


@given(st.sampled_from([PLAIN, CHUNKED]), st.lists(st.integers(0, 200), max_size=12), st.integers(1, 4))
def test_pieces_come_in_the_turn_in_which_they_arrive_and_stop_when_told(
    answer: bytes, cuts: list[int], at_once: int
) -> None:
    async def run() -> None:
        connection, _ = await connected()
        taken: list[bytes] = []
        pauses = 0

        def take(piece: bytes) -> bool:
            taken.append(piece)
            return len(taken) % at_once > 0

        async def reading() -> None:
            nonlocal pauses
            assert await connection.head() == 200
            while await connection.each(take):
                pauses += 1

        task = asyncio.ensure_future(reading())
        edges = [0, *sorted(min(cut, len(answer)) for cut in cuts), len(answer)]
        for a, b in itertools.pairwise(edges):
            if a < b:
                connection.data_received(answer[a:b])
                await asyncio.sleep(0)
        await task
        assert b"".join(taken) == b"hello world"
        assert pauses == len(taken) // at_once
        assert connection.reusable

    asyncio.run(run())


async def test_what_goes_wrong_with_a_piece_is_told_to_the_one_who_reads() -> None:
    connection, _ = await connected()

    def take(piece: bytes) -> bool:
        raise ValueError(piece)

    reading = asyncio.ensure_future(connection.each(take))
    await asyncio.sleep(0)
    connection.data_received(CHUNKED[:-16])
    with pytest.raises(ValueError, match="hello"):
        await reading
    assert not connection.reusable


async def test_an_answer_cut_off_between_pieces_is_told() -> None:
    connection, _ = await connected()
    taken: list[bytes] = []
    reading = asyncio.ensure_future(connection.each(lambda piece: taken.append(piece) is None))
    await asyncio.sleep(0)
    connection.data_received(CHUNKED[:-16])
    assert taken, "in the same turn"
    connection.connection_lost(None)
    with pytest.raises(BrokenExchange):
        await reading


HEAD = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("before", "endless"),
    [
        (b"HTTP/1.1 200 OK\r\nx-long: ", b"y" * 65_536),
        (b"", b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n" * 1_000),
        (HEAD + b"1;x=", b"y" * 65_536),
        (HEAD + b"1\r\na\r\n0\r\nx-trailer: ", b"y" * 65_536),
    ],
    ids=["header", "interim answers", "chunk extension", "trailer"],
)
async def test_an_answer_that_never_comes_to_its_body_is_given_up(before: bytes, endless: bytes) -> None:
    connection, wire = await connected()
    if before:
        connection.data_received(before)
    if connection._body:
        await connection.next()
    for _ in range(2 * MOST_FRAMING // len(endless)):
        if wire.aborted:
            break
        connection.data_received(endless)
    assert wire.aborted
    with pytest.raises(BrokenExchange) as caught:
        await read(connection)
    assert caught.value.outcome == "malformed"


async def test_a_provider_that_changes_the_protocol_is_not_understood() -> None:
    connection, wire = await connected()
    connection.data_received(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\nhello")
    with pytest.raises(BrokenExchange) as caught:
        await read(connection)
    assert (caught.value.outcome, wire.aborted) == ("malformed", True)


async def test_a_long_stream_of_small_chunks_is_read_to_its_end() -> None:
    connection, _ = await connected()
    connection.data_received(HEAD)
    read_on = 0
    for _ in range(100_000):
        connection.data_received(b"1\r\n")
        connection.data_received(b"a\r\n")
        read_on += len(await connection.next() or b"")
    connection.data_received(b"0\r\n\r\n")
    assert (read_on, await connection.next()) == (100_000, None)
