"""The way to a provider: through a proxy, with a certificate, with the caller's own key, tried again as it says."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from typing import Any

import pytest

from ingress.gateway.call import CallFailed
from ingress.gateway.upstream import Upstream
from tests.integration.gateway.test_upstream import OK, account, authority, call, request_of, server


async def served(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await request_of(reader)
    writer.write(OK)


def proxy_that_tells(asked: list[bytes], *, refuses: bool = False) -> Any:
    """An HTTP proxy: tunnels what it is asked to, and answers by itself what is not encrypted."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        asked.append(head)
        if not head.startswith(b"CONNECT"):
            writer.write(OK)
            return
        if refuses:
            writer.write(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n")
            return
        host, _, port = head.split(b" ")[1].rpartition(b":")
        back_reader, back_writer = await asyncio.open_connection(host.decode(), int(port))
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")

        async def pipe(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
            while data := await source.read(65_536):
                sink.write(data)
            sink.close()

        await asyncio.gather(pipe(reader, back_writer), pipe(back_reader, writer), return_exceptions=True)

    return serve


async def test_an_encrypted_call_goes_through_a_proxy_that_cannot_read_it(tmp_path: Path) -> None:
    pem, context = authority(tmp_path)
    asked: list[bytes] = []
    upstream = Upstream(lambda: 0.0)
    async with server(served, context) as port, server(proxy_that_tells(asked)) as proxy:
        way = {"base_url": f"https://127.0.0.1:{port}/v1", "proxy_url": f"http://127.0.0.1:{proxy}"}
        assert await call(upstream, account(port, ca_pem=pem, **way)) == b"ok"
        with pytest.raises(CallFailed, match="connect"):
            # the proxy is no reason to trust anybody
            await call(upstream, account(port, **way))
        await upstream.close()
    assert asked[0].startswith(f"CONNECT 127.0.0.1:{port} HTTP/1.1\r\n".encode()) and b"/v1" not in asked[0]


async def test_a_proxy_that_refuses_is_a_provider_that_cannot_be_reached() -> None:
    upstream = Upstream(lambda: 0.0)
    async with server(proxy_that_tells([], refuses=True)) as proxy:
        with pytest.raises(CallFailed, match="connect"):
            await call(upstream, account(1, base_url="https://127.0.0.1:1", proxy_url=f"http://127.0.0.1:{proxy}"))
        await upstream.close()


async def test_a_call_in_the_clear_is_told_to_a_proxy_whole() -> None:
    asked: list[bytes] = []
    upstream = Upstream(lambda: 0.0)
    async with server(proxy_that_tells(asked)) as proxy:
        way = {"base_url": "http://provider.test:81/v1", "proxy_url": f"http://127.0.0.1:{proxy}"}
        assert await call(upstream, account(1, **way)) == b"ok"
        await upstream.close()
    assert asked[0].startswith(b"POST http://provider.test:81/v1/x HTTP/1.1\r\nhost: provider.test:81\r\n")


async def test_a_provider_that_wants_a_certificate_gets_it(tmp_path: Path) -> None:
    pem, context = authority(tmp_path)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cadata=pem)
    key = (tmp_path / "both.pem").read_text().partition("-----BEGIN CERTIFICATE")[0]
    upstream = Upstream(lambda: 0.0)
    async with server(served, context) as port:
        secure = {"base_url": f"https://127.0.0.1:{port}", "ca_pem": pem}
        shown = account(port, client_cert_pem=pem, client_key="k", **secure)
        assert await upstream.send(shown, "/x", [], b"{}", client_key=key) == b"ok"
        with pytest.raises(CallFailed):
            await call(upstream, account(port, **secure))
        with pytest.raises(CallFailed, match="connect"):
            await upstream.send(shown, "/x", [], b"{}", client_key="no key")
        await upstream.close()
