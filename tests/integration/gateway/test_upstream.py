"""Calls to providers over real sockets: kept connections, TLS, HTTP/2, timeouts, and calls that are given up."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import gzip
import ipaddress
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from granian.constants import HTTPModes, Interfaces
from granian.server.embed import Server

from ingress.gateway.call import CallFailed
from ingress.gateway.upstream import ANSWER_BYTES, ERROR_BYTES, Upstream
from schemas.aggregates.provider import Provider
from tests.integration.gateway.town import free_port
from tests.waiting import until

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def server(handler: Handler, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    running = await asyncio.start_server(handler, "127.0.0.1", 0, ssl=tls)
    try:
        yield running.sockets[0].getsockname()[1]
    finally:
        running.close()


async def request_of(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.startswith(b"content-length"))
    return head + await reader.readexactly(length)


def account(port: int, **fields: Any) -> Provider:
    return Provider(**{"id": "a", "tenant": "t", "base_url": f"http://127.0.0.1:{port}/v1", **fields})


async def call(upstream: Upstream, provider: Provider) -> bytes:
    return await upstream.send(provider, "/x", [("content-type", "application/json")], b"{}")


async def streamed(upstream: Upstream, provider: Provider) -> bytes:
    came: list[bytes] = []

    def take(piece: bytes) -> bool:
        came.append(piece)
        return True

    stream = await upstream.stream(provider, "/x", [("content-type", "application/json")], b"{}")
    try:
        assert not await stream.each(take)
    finally:
        await stream.end()
    return b"".join(came)


async def outcome(upstream: Upstream, provider: Provider) -> tuple[str, int]:
    with pytest.raises(CallFailed) as caught:
        await call(upstream, provider)
    return caught.value.outcome, caught.value.status


async def test_connections_are_kept_and_dead_ones_replaced() -> None:
    connections = []

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(writer)
        for _ in range(2):
            assert (await request_of(reader)).startswith(b"POST /v1/x HTTP/1.1\r\nhost: 127.0.0.1:")
            writer.write(OK)
        # the third request of a connection meets a closed one
        await reader.readuntil(b"\r\n\r\n")
        writer.transport.abort()

    upstream = Upstream(time.monotonic)
    async with server(handler) as port:
        assert [await call(upstream, account(port)) for _ in range(4)] == [b"ok"] * 4
        assert len(connections) == 2
    await upstream.close()


async def test_every_way_to_fail() -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        wanted = (await request_of(reader)).split(b" ")[1]
        if wanted == b"/garbage/x":
            writer.write(b"SMTP ready\r\n\r\n")
        elif wanted == b"/cut/x":
            writer.write(OK[:-1])
        elif wanted == b"/close/x":
            pass
        elif wanted == b"/status/x":
            writer.write(b"HTTP/1.1 429 No\r\nretry-after: 9\r\ncontent-length: 3\r\n\r\nwhy")
        elif wanted == b"/redirect/x":
            writer.write(b"HTTP/1.1 307 Go\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n")
        else:
            await reader.read()
        writer.close()

    upstream = Upstream(time.monotonic)
    async with server(handler) as port:

        def at(path: str) -> Provider:
            return account(port, base_url=f"http://127.0.0.1:{port}/{path}", first_byte_timeout_ms=200)

        assert await outcome(upstream, at("garbage")) == ("malformed", 0)
        assert await outcome(upstream, at("cut")) == ("disconnect", 0)
        assert await outcome(upstream, at("close")) == ("disconnect", 0)
        assert await outcome(upstream, at("hang")) == ("timeout", 0)
        assert await outcome(upstream, at("redirect")) == ("status", 307)
        with pytest.raises(CallFailed) as caught:
            await call(upstream, at("status"))
        assert (caught.value.status, caught.value.body, caught.value.retry_after) == (429, b"why", "9")
    assert await outcome(upstream, account(free_port())) == ("connect", 0)
    await upstream.close()


PACKED = gzip.compress(b"said " * 20_000)


@pytest.mark.parametrize(
    ("coding", "body", "failed"),
    [
        ("gzip", PACKED, ""),
        ("gzip", PACKED[:-1], "malformed"),
        ("gzip", b"said", "malformed"),
        ("compress", PACKED, "malformed"),
        ("gzip", gzip.compress(bytes(ANSWER_BYTES + 1)), "malformed"),
    ],
    ids=["whole", "cut off", "not compressed", "unknown", "bomb"],
)
async def test_a_provider_that_compresses_though_asked_not_to(coding: str, body: bytes, failed: str) -> None:
    asked: list[bytes] = []

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                asked.append(await request_of(reader))
                head = f"HTTP/1.1 200 OK\r\ncontent-encoding: {coding}\r\ncontent-length: {len(body)}\r\n\r\n"
                writer.write(head.encode() + body)
                await writer.drain()
        writer.close()

    upstream = Upstream(time.monotonic)
    async with server(handler) as port:
        if failed:
            assert await outcome(upstream, account(port)) == (failed, 0)
            with pytest.raises(CallFailed) as caught:
                await streamed(upstream, account(port))
            assert caught.value.outcome == failed
        else:
            said = gzip.decompress(body)
            assert await call(upstream, account(port)) == said == await streamed(upstream, account(port))
        await upstream.close()
    assert all(b"accept-encoding: identity\r\n" in head for head in asked) and len(asked) == 2


async def test_an_error_that_came_compressed_can_be_read() -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_of(reader)
        body = gzip.compress(b"no" * ERROR_BYTES)
        head = f"HTTP/1.1 400 No\r\ncontent-encoding: gzip\r\ncontent-length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        await writer.drain()
        writer.close()

    upstream = Upstream(time.monotonic)
    async with server(handler) as port:
        with pytest.raises(CallFailed) as caught:
            await call(upstream, account(port))
        await upstream.close()
    assert (caught.value.status, caught.value.body) == (400, (b"no" * ERROR_BYTES)[:ERROR_BYTES])


async def test_a_cancelled_call_closes_its_connection() -> None:
    came, gone = asyncio.Event(), asyncio.Event()

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_of(reader)
        came.set()
        assert await reader.read() == b""
        gone.set()

    upstream = Upstream(time.monotonic)
    async with server(handler) as port:
        calling = asyncio.create_task(call(upstream, account(port, max_connections=1)))
        await came.wait()
        calling.cancel()
        async with asyncio.timeout(10):
            await gone.wait()
        came.clear()
        again = asyncio.create_task(call(upstream, account(port, max_connections=1)))
        await until(came.is_set, "the place in the pool is free again")
        again.cancel()
    await upstream.close()


async def test_no_more_connections_than_allowed() -> None:
    open_now = most = 0
    free = asyncio.Event()

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal open_now, most
        open_now += 1
        most = max(most, open_now)
        while not reader.at_eof():
            await request_of(reader)
            await free.wait()
            writer.write(OK)

    upstream = Upstream(time.monotonic)
    async with server(handler) as port:
        calls = [asyncio.create_task(call(upstream, account(port, max_connections=3))) for _ in range(9)]
        await until(lambda: most == 3, "three connections")
        free.set()
        assert await asyncio.gather(*calls) == [b"ok"] * 9 and most == 3
    await upstream.close()


def authority(directory: Path) -> tuple[str, ssl.SSLContext]:
    """A certificate for 127.0.0.1 that signs itself, and a server's context with it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (directory / "both.pem").write_bytes(private + pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / "both.pem")
    return pem.decode(), context


async def test_tls_trusts_the_given_authority_and_no_other(tmp_path: Path) -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_of(reader)
        writer.write(OK)

    pem, context = authority(tmp_path)
    upstream = Upstream(time.monotonic)
    async with server(handler, context) as port:
        url = f"https://127.0.0.1:{port}/v1"
        assert await call(upstream, account(port, base_url=url, ca_pem=pem)) == b"ok"
        assert await outcome(upstream, account(port, base_url=url)) == ("connect", 0)
    await upstream.close()


async def test_http2() -> None:
    left = asyncio.Event()

    async def application(scope: Any, protocol: Any) -> None:
        assert scope.http_version == "2" and scope.headers["accept-encoding"] == "identity"
        body = await protocol()
        if scope.path == "/v1/hang/x":
            await protocol.client_disconnect()
            left.set()
        elif scope.path == "/v1/x":
            protocol.response_bytes(200, [], b"got " + body)
        elif scope.path == "/v1/packed/x":
            protocol.response_bytes(200, [("content-encoding", "gzip")], gzip.compress(b"got " + body))
        else:
            protocol.response_bytes(503, [("retry-after", "4")], b"no")

    port = free_port()
    running = Server(application, port=port, interface=Interfaces.RSGI, http=HTTPModes.http2, log_enabled=False)
    serving = asyncio.create_task(running.serve())
    upstream = Upstream(time.monotonic)
    provider = account(port, http2=True)
    answer = b""
    while not answer:
        try:
            answer = await call(upstream, provider)
        except CallFailed as failure:
            assert failure.outcome == "connect"
    assert answer == b"got {}"
    packing = account(port, http2=True, base_url=f"http://127.0.0.1:{port}/v1/packed")
    assert await call(upstream, packing) == b"got {}"
    assert await streamed(upstream, packing) == b"got {}"
    assert await outcome(upstream, account(port, http2=True, base_url=f"http://127.0.0.1:{port}/other")) == (
        "status",
        503,
    )
    hanging = account(port, http2=True, base_url=f"http://127.0.0.1:{port}/v1/hang", first_byte_timeout_ms=300)
    assert await outcome(upstream, hanging) == ("timeout", 0)
    await until(left.is_set, "the provider sees the call end")
    await upstream.close()
    running.stop()
    await serving
