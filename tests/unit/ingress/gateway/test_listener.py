"""The listener over real sockets of the loopback: framing, order, limits, leaving, stopping."""

from __future__ import annotations

import asyncio
import gzip
import sys
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from ingress.gateway.connection import HEAD_S, path_of
from ingress.gateway.door import ClientLeft, Door, json_headers
from ingress.gateway.listener import Listener
from schemas.errors import NexusError
from tests.waiting import until

BODY = b'{"a":1}'
Handler = Callable[[Door], Awaitable[None]]


class House:
    """A listener on a free port whose handler echoes bodies, unless another one is set."""

    def __init__(self) -> None:
        self.handler: Handler = self.echo
        self.doors: list[Door] = []
        self.left = asyncio.Event()
        self.listener = Listener(self.handle, connections=3)
        self.port = 0

    async def start(self) -> None:
        await self.listener.start("127.0.0.1", 0)
        assert self.listener._server is not None
        self.port = self.listener._server.sockets[0].getsockname()[1]

    async def handle(self, door: Door) -> None:
        self.doors.append(door)
        await self.handler(door)

    async def echo(self, door: Door) -> None:
        try:
            body = await door.body(1_000, 5)
        except NexusError as error:
            door.answer(error.status, json_headers(), error.message.encode())
            return
        door.answer(200, json_headers(), body)

    async def stream(self, door: Door) -> None:
        """Three pieces, then waits for ever after the second when the path says so."""
        door.watch()
        try:
            door.open_stream(200, json_headers())
            await door.send(b"one")
            if door.path == "/for-ever":
                await asyncio.Event().wait()
            await door.send(b"two")
        except (asyncio.CancelledError, ClientLeft):
            assert door.left
            self.left.set()

    async def open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def talk(self, *pieces: bytes, whole: bool = True) -> bytes:
        """Everything that comes back until the other side closes, or one answer with a body of 7 bytes."""
        reader, writer = await self.open()
        try:
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
            async with asyncio.timeout(5):
                return await reader.read() if whole else await reader.readuntil(BODY)
        finally:
            writer.close()


@pytest.fixture
async def house() -> AsyncIterator[House]:
    made = House()
    await made.start()
    yield made
    await made.listener.close()


def post(body: bytes = BODY, *headers: str, path: str = "/") -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: a", "Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, *headers, "", ""]).encode() + body


CLOSE = "Connection: close"


async def test_one_exchange(house: House) -> None:
    answer = await house.talk(post(BODY, CLOSE))
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n") and body == BODY
    assert b"content-length: 7" in head and b"connection: close" in head and b"date: " in head


@pytest.mark.parametrize("size", [1, 3, 40])
async def test_any_cut_gives_the_same(house: House, size: int) -> None:
    request = post(BODY, CLOSE)
    answer = await house.talk(*(request[at : at + size] for at in range(0, len(request), size)))
    assert answer.endswith(BODY) and answer.startswith(b"HTTP/1.1 200")


async def test_chunked_request(house: House) -> None:
    head = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    assert (await house.talk(head, b'3\r\n{"a\r\n', b'4\r\n":1}\r\n0\r\n\r\n')).endswith(BODY)


@pytest.mark.parametrize("coding", ["gzip", "GZIP, identity"])
async def test_a_compressed_request_is_read_as_it_was(house: House, coding: str) -> None:
    async def twice(door: Door) -> None:
        door.give_back(await door.body(1_000, 5))
        assert "content-encoding" not in door.all_headers()
        await house.echo(door)

    house.handler = twice
    assert (await house.talk(post(gzip.compress(BODY), f"Content-Encoding: {coding}", CLOSE))).endswith(BODY)


@pytest.mark.parametrize(
    ("body", "coding", "status"),
    [
        (gzip.compress(bytes(1_001)), "gzip", b"413"),
        (gzip.compress(gzip.compress(bytes(1 << 20))), "gzip, gzip", b"413"),
        (bytes(1_001), "gzip", b"413"),
        (gzip.compress(BODY)[:-1], "gzip", b"400"),
        (BODY, "br", b"400"),
        (b"", "gzip", b"400"),
        (BODY, "compress", b"415"),
    ],
)
async def test_a_compressed_request_that_is_not_taken(house: House, body: bytes, coding: str, status: bytes) -> None:
    async def twice(door: Door) -> None:
        # who is asked next finds the same
        with pytest.raises(NexusError) as caught:
            await door.body(1_000, 5)
        assert caught.value.status == int(status)
        await house.echo(door)

    house.handler = twice
    assert (await house.talk(post(body, f"Content-Encoding: {coding}", CLOSE))).startswith(b"HTTP/1.1 " + status)


async def test_connection_is_kept(house: House) -> None:
    reader, writer = await house.open()
    for _ in range(3):
        writer.write(post())
        assert (await reader.readuntil(BODY)).startswith(b"HTTP/1.1 200")
    writer.close()
    assert len(house.doors) == 3


async def test_pipelined_requests_are_answered_in_order(house: House) -> None:
    bodies = [b'{"n":%d}' % number for number in range(20)]
    answer = await house.talk(b"".join(post(body) for body in bodies[:-1]) + post(bodies[-1], CLOSE))
    positions = [answer.index(body) for body in bodies]
    assert positions == sorted(positions) and answer.count(b"HTTP/1.1 200") == 20


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GARBAGE\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nContent-Length: 1\r\n\r\nx", b"400"),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx", b"400"),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 70_000, b"431"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"400"),
        (post(b"x" * 2_000), b"413"),
        (post(b""), b"400"),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", b"400"),
    ],
)  # fmt: skip
async def test_what_is_refused(house: House, request_bytes: bytes, status: bytes) -> None:
    reader, writer = await house.open()
    writer.write(request_bytes)
    async with asyncio.timeout(5):
        line = await reader.readline()
    writer.close()
    assert line.split(b" ")[1] == status


CHUNKED = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    "endless",
    [b"0\r\nx-trailer: " + b"y" * 70_000, b"1;x=" + b"y" * 70_000, b"0\r\n" + b"x-a: b\r\n" * 10_000],
    ids=["trailer", "extension", "trailers"],
)
async def test_what_is_between_the_pieces_of_a_body_has_an_end(house: House, endless: bytes) -> None:
    reader, writer = await house.open()
    writer.write(CHUNKED)
    await until(lambda: len(house.doors) == 1, "served")
    writer.write(endless)
    async with asyncio.timeout(5):
        assert (await reader.readline()).split(b" ")[1] == b"400"
    writer.close()


async def test_many_small_chunks_are_no_endless_framing(house: House) -> None:
    async def large(door: Door) -> None:
        door.answer(200, json_headers(), b"%d" % len(await door.body(100_000, 5)))

    house.handler = large
    head = CHUNKED.replace(b"Host: a", b"Host: a\r\n" + CLOSE.encode())
    assert (await house.talk(head + b"2\r\nab\r\n" * 20_000 + b"0\r\n\r\n")).endswith(b"\r\n\r\n40000")


class _Nowhere:
    """Stands for a connection."""

    closed = congested = False
    date = address = ""

    def write(self, data: bytes) -> None:
        raise AssertionError("nothing is answered here")


def waiting_door() -> Door:
    return Door(_Nowhere(), "POST", "/", {}, modern=True, keep=True)  # type: ignore[arg-type]


async def test_a_body_in_many_pieces_takes_about_its_own_size() -> None:
    door = waiting_door()
    for _ in range(50_000):
        door.feed(b"ab")
    door.complete()
    assert sum(map(sys.getsizeof, door._pieces)) + sys.getsizeof(door._pieces) < 3 * 100_000
    assert await door.body(100_000, 5) == b"ab" * 50_000


@pytest.mark.parametrize("asked", [True, False], ids=["asked", "not asked for"])
async def test_more_of_a_body_than_may_come_is_not_kept(asked: bool) -> None:
    door = waiting_door()
    asking = asyncio.ensure_future(door.body(100_000, 5)) if asked else None
    await asyncio.sleep(0)
    for _ in range(40):
        door.feed(bytes(65_536))
    assert sum(map(len, door._pieces)) <= 1024 * 1024
    door.complete()
    with pytest.raises(NexusError) as caught:
        await (asking or door.body(32 * 1024 * 1024, 5))
    assert caught.value.status == 413


async def test_an_answer_before_the_body_came_closes_the_connection(house: House) -> None:
    async def early(door: Door) -> None:
        door.answer(401, json_headers(), b"no")

    house.handler = early
    reader, writer = await house.open()
    writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n" + b"x" * 1_000)
    async with asyncio.timeout(5):
        answer = await reader.read()
    assert answer.startswith(b"HTTP/1.1 401") and b"connection: close" in answer and answer.endswith(b"no")
    writer.close()


async def test_a_caller_that_expects_is_told_to_continue(house: House) -> None:
    reader, writer = await house.open()
    writer.write(post(BODY, "Expect: 100-continue", CLOSE).removesuffix(BODY))
    async with asyncio.timeout(5):
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(BODY)
        assert (await reader.read()).endswith(BODY)
    writer.close()


async def test_stream_is_chunked(house: House) -> None:
    house.handler = house.stream
    answer = await house.talk(post(BODY, CLOSE))
    assert answer.endswith(b"\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n") and b"transfer-encoding: chunked" in answer


async def test_stream_to_an_old_client_ends_with_the_connection(house: House) -> None:
    house.handler = house.stream
    answer = await house.talk(post().replace(b"HTTP/1.1", b"HTTP/1.0"))
    assert answer.endswith(b"\r\n\r\nonetwo") and b"chunked" not in answer


async def test_a_caller_that_leaves_is_noticed(house: House) -> None:
    house.handler = house.stream
    reader, writer = await house.open()
    writer.write(post(path="/for-ever"))
    async with asyncio.timeout(5):
        await reader.readuntil(b"one")
        writer.close()
        await house.left.wait()


async def test_a_slow_reader_holds_the_stream_up(house: House) -> None:
    sent = 0

    async def flood(door: Door) -> None:
        nonlocal sent
        door.watch()
        door.open_stream(200, json_headers())
        try:
            while True:
                await door.send(b"x" * 65_536)
                sent += 1
                await asyncio.sleep(0)
        except (asyncio.CancelledError, ClientLeft):
            house.left.set()

    house.handler = flood
    reader, writer = await house.open()
    writer.transport.pause_reading()
    writer.write(post())
    await until(
        lambda: bool(house.listener._connections) and any(c.congested for c in house.listener._connections),
        "congestion",
    )
    held = sent
    for _ in range(50):
        await asyncio.sleep(0)
    assert sent == held
    writer.transport.abort()
    async with asyncio.timeout(5):
        await house.left.wait()
    assert reader is not None


async def test_too_many_connections(house: House) -> None:
    others = [await house.open() for _ in range(3)]
    await until(lambda: len(house.listener._connections) == 3, "three")
    assert (await house.talk()).startswith(b"HTTP/1.1 503")
    for _, writer in others:
        writer.close()


async def test_a_defect_cuts_the_connection(house: House, caplog: pytest.LogCaptureFixture) -> None:
    async def broken(door: Door) -> None:
        raise RuntimeError("a defect")

    house.handler = broken
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await house.talk(post(), whole=False)
    assert "exchange failed" in caplog.text


async def test_a_header_with_a_line_end_is_not_sent(house: House) -> None:
    async def broken(door: Door) -> None:
        with pytest.raises(ValueError, match="line end"):
            door.answer(200, [("x-a", "b\r\nset-cookie: c")], b"")
        door.answer(500, json_headers(), b"")

    house.handler = broken
    assert (await house.talk(post(BODY, CLOSE))).startswith(b"HTTP/1.1 500")


async def test_stop_lets_the_last_request_end(house: House) -> None:
    go = asyncio.Event()

    async def later(door: Door) -> None:
        await go.wait()
        await house.echo(door)

    house.handler = later
    idle_reader, idle_writer = await house.open()
    reader, writer = await house.open()
    writer.write(post())
    await until(lambda: len(house.doors) == 1, "served")
    house.listener.stop()
    async with asyncio.timeout(5):
        assert await idle_reader.read() == b""
        go.set()
        answer = await reader.read()
        await house.listener.emptied()
    assert answer.endswith(BODY)
    writer.close()
    idle_writer.close()


async def test_time_limits(house: House) -> None:
    """Idle, half a head, lingering: each ends when its time is over, and not before."""
    reader, writer = await house.open()
    await until(lambda: len(house.listener._connections) == 1, "connected")
    (connection,) = house.listener._connections
    now = connection._since
    connection.check(now + HEAD_S + 1)
    assert not connection.closed
    writer.write(b"POST / HTTP/1.1\r\n")
    await until(lambda: connection._in_head, "a head begun")
    connection.check(connection._since + HEAD_S + 1)
    async with asyncio.timeout(5):
        assert await reader.read() == b""
    writer.close()


@pytest.mark.parametrize(
    ("target", "path"),
    [
        (b"/v1/models?a=b", "/v1/models"),
        (b"http://host:1/v1/models?a", "/v1/models"),
        (b"*", "*"),
        (b"//x", "//x"),
        (b"http://[", "http://["),
    ],
)
def test_path(target: bytes, path: str) -> None:
    assert path_of(target) == path
