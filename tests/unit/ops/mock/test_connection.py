"""HTTP/1.1 as clients and attackers speak it: framing, order, limits, closing."""

from __future__ import annotations

import asyncio
import socket

import pytest

from ops.mock import MockProvider, running_mock
from ops.mock.connection import MOST_BODY, Connection
from tests.unit.ops.mock.raw import BOUND_S, Raw, ask, chat, connected, post

GET = b"GET /health HTTP/1.1\r\nhost: mock\r\n\r\n"


async def test_pipelined_requests_are_answered_in_order() -> None:
    async with running_mock() as mock, connected(mock.port) as raw:
        waits = ["delay-30ms", "gpt-4o", "delay-5ms", "gpt-4o", "token-1ms"]
        for number, model in enumerate(waits):
            raw.send(chat(f"{model}+echo", text=f"n{number}", stream=model.startswith("token")))
        raw.send(GET)
        for number in range(4):
            assert (await raw.response()).json()["choices"][0]["message"]["content"] == f"n{number}"
        assert (await raw.response()).events()[-1] == "[DONE]"
        assert (await raw.response()).json() == {"status": "ok"}
        assert mock.stats.connections == 1


async def test_a_pipeline_of_many_is_read_in_pieces() -> None:
    async with running_mock() as mock, connected(mock.port) as raw:
        raw.send(chat("delay-20ms+echo", text="first"))
        for number in range(500):
            raw.send(chat("echo", text=str(number)))
        assert (await raw.response()).json()["choices"][0]["message"]["content"] == "first"
        for number in range(500):
            assert (await raw.response()).json()["choices"][0]["message"]["content"] == str(number)


async def test_a_request_may_come_byte_by_byte() -> None:
    async with running_mock() as mock, connected(mock.port) as raw:
        sent = chat("echo", text="slowly")
        for at in range(len(sent)):
            raw.send(sent[at : at + 1])
            await raw.writer.drain()
            await asyncio.sleep(0)
        assert (await raw.response()).json()["choices"][0]["message"]["content"] == "slowly"


async def test_chunked_bodies_and_trailers() -> None:
    body = chat("echo", text="in chunks").partition(b"\r\n\r\n")[2]
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:1], body[1:40], body[40:]))
    head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: mock\r\nauthorization: Bearer k\r\n"
    async with running_mock() as mock, connected(mock.port) as raw:
        for _ in range(2):
            raw.send(head + b"transfer-encoding: chunked\r\n\r\n" + chunks + b"0\r\nx-mock-error: 500\r\n\r\n")
            response = await raw.response()
            assert response.json()["choices"][0]["message"]["content"] == "in chunks"


@pytest.mark.parametrize(
    "data",
    [
        b"hello\r\n\r\n",
        b"GET /health HTTP/9.9\r\n\r\n",
        b"GET /health HTTP/1.1\r\nbad header\r\n\r\n",
        b"POST /v1/chat/completions HTTP/1.1\r\ncontent-length: x\r\n\r\n",
        b"POST /v1/chat/completions HTTP/1.1\r\ncontent-length:\r\n\r\n",
        b"POST /v1/chat/completions HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nx",
        b"POST /v1/chat/completions HTTP/1.1\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /v1/chat/completions HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
)
async def test_malformed_http_is_refused_and_closed(data: bytes) -> None:
    async with running_mock() as mock, connected(mock.port) as raw:
        raw.send(GET + data)
        assert (await raw.response()).status == 200
        refused = await raw.response()
        assert (refused.status, refused.headers["connection"]) == (400, "close")
        assert refused.json()["error"]["type"] == "invalid_request_error"
        assert await raw.ended() == b""
        assert mock.stats.chat == 0


async def test_an_endless_head_is_refused() -> None:
    async with running_mock() as mock, connected(mock.port) as raw:
        raw.send(b"GET /health HTTP/1.1\r\nx: " + b"y" * 200_000)
        assert (await raw.response()).status == 431


async def test_a_body_of_the_limit_is_read() -> None:
    start, end = b'{"model":"gpt-4o","messages":[{"role":"user","content":"', b'"}]}'
    body = start + b"x" * (MOST_BODY - len(start) - len(end)) + end
    async with running_mock(keep=0) as mock:
        response = await ask(mock.port, post(body))
    assert response.status == 200
    assert response.json()["usage"]["prompt_tokens"] == 6 + -(-(MOST_BODY - len(start) - len(end)) // 4)


async def test_an_announced_body_above_the_limit_is_refused_unread() -> None:
    async with running_mock() as mock, connected(mock.port) as raw:
        raw.send(b"POST /v1/chat/completions HTTP/1.1\r\ncontent-length: %d\r\n\r\n" % (MOST_BODY + 1))
        refused = await raw.response()
        assert (refused.status, refused.headers["connection"]) == (413, "close")


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_sender_of_too_much_gets_to_read_the_refusal(chunked: bool) -> None:
    head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: mock\r\nauthorization: Bearer k\r\n"
    part = b"x" * (1 << 20)
    async with running_mock() as mock, connected(mock.port) as raw:
        raw.send(head)
        length = b"transfer-encoding: chunked" if chunked else b"content-length: %d" % (40 << 20)
        raw.send(length + b"\r\n\r\n")
        for _ in range(40):
            raw.send(b"%x\r\n%s\r\n" % (len(part), part) if chunked else part)
            async with asyncio.timeout(BOUND_S):
                await raw.writer.drain()
        assert (await raw.response()).status == 413
        assert mock.stats.chat == 0


async def test_expect_continue() -> None:
    request = chat("echo", text="after you", headers={"expect": "100-continue"})
    head, _, body = request.partition(b"\r\n\r\n")
    async with running_mock() as mock, connected(mock.port) as raw:
        raw.send(head + b"\r\n\r\n")
        async with asyncio.timeout(BOUND_S):
            assert await raw.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        raw.send(body)
        assert (await raw.response()).json()["choices"][0]["message"]["content"] == "after you"


async def test_connection_close_is_honoured() -> None:
    async with running_mock() as mock, connected(mock.port) as raw:
        raw.send(chat(headers={"connection": "close"}) + GET)
        assert (await raw.response()).headers["connection"] == "close"
        assert await raw.ended() == b""


async def test_http_1_0_streams_end_with_the_connection() -> None:
    async with running_mock() as mock, connected(mock.port) as raw:
        raw.send(chat(stream=True, headers={"connection": "keep-alive"}).replace(b"HTTP/1.1", b"HTTP/1.0", 1))
        response = await raw.response()
        assert "transfer-encoding" not in response.headers
        assert response.events()[-1] == "[DONE]"


async def test_http_1_0_keeps_alive_when_asked() -> None:
    async with running_mock() as mock, connected(mock.port) as raw:
        for _ in range(2):
            raw.send(GET.replace(b"HTTP/1.1\r\n", b"HTTP/1.0\r\nconnection: keep-alive\r\n"))
            assert (await raw.response()).headers["connection"] == "keep-alive"


async def test_an_upgrade_is_not_followed() -> None:
    async with running_mock() as mock, connected(mock.port) as raw:
        raw.send(b"GET /health HTTP/1.1\r\nhost: mock\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n\x81\x00")
        response = await raw.response()
        assert (response.status, response.headers["connection"]) == (200, "close")
        assert await raw.ended() == b""


async def test_head_has_no_body() -> None:
    async with running_mock() as mock, connected(mock.port) as raw:
        raw.send(GET.replace(b"GET", b"HEAD", 1))
        async with asyncio.timeout(BOUND_S):
            head = await raw.reader.readuntil(b"\r\n\r\n")
        assert b"content-length: 15\r\n" in head
        raw.send(GET)
        assert (await raw.response()).json() == {"status": "ok"}


async def test_a_slow_reader_holds_the_stream_back_and_gets_all_of_it() -> None:
    async with running_mock() as mock:
        reading = socket.socket()
        reading.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
        reading.setblocking(False)
        await asyncio.get_running_loop().sock_connect(reading, ("127.0.0.1", mock.port))
        reader, writer = await asyncio.open_connection(sock=reading)
        raw = Raw(reader, writer)
        raw.send(chat("tokens-40000", stream=True, stream_options={"include_usage": True}))
        await mock.until(_paused)
        assert mock.stats.completed == 0
        response = await raw.response()
        assert len(response.events()) == 40_000 + 4
        writer.close()


def _paused(mock: MockProvider) -> bool:
    return any(connection.paused for connection in mock.connections)


async def test_small_writes_are_not_held_back() -> None:
    async with running_mock() as mock, connected(mock.port) as raw:
        raw.send(GET)
        await raw.response()
        (connection,) = mock.connections
        assert isinstance(connection, Connection)
        endpoint = connection.transport.get_extra_info("socket")
        assert endpoint.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


@pytest.mark.parametrize(
    ("start", "status"),
    [
        (b"GET /nowhere", 404),
        (b"POST /v1/complete", 404),
        (b"GET /v1/models/", 404),
        (b"GET /v1/models/unknown-1", 404),
        (b"GET /v1/models/gpt-4o%20x?a=b", 200),
        (b"GET /v1/models?limit=1", 200),
        (b"DELETE /v1/models", 405),
        (b"GET /v1/chat/completions", 405),
        (b"GET /stats", 200),
    ],
)
async def test_paths(start: bytes, status: int) -> None:
    async with running_mock() as mock:
        response = await ask(mock.port, start + b" HTTP/1.1\r\nhost: m\r\nauthorization: Bearer k\r\n\r\n")
    assert response.status == status
    assert ("allow" in response.headers) == (status == 405)
    assert ("error" in response.json()) == (status != 200)
