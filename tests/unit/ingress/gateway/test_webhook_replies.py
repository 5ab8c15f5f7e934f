"""What a webhook may send back instead of a reply: each is a failure in words, none of them a wait or a crash."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import pytest

from ingress.gateway.authenticate import Caller
from ingress.gateway.hooks import HookFailed
from ingress.gateway.webhook import Webhooks
from schemas.hooks.replies import BadReply
from schemas.ids import SystemClock
from tests.unit.schemas.hooks.given import hook, seen

SECRET_TEXT = "my pin is 4711"
OK = b"HTTP/1.1 200 OK\r\n"


@asynccontextmanager
async def serving(raw: bytes, *, endless: bytes = b"") -> AsyncIterator[str]:
    """A server that answers every connection with these bytes, then with `endless` ones for as long as it is read."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(raw)
            while endless:
                writer.write(endless)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/judge"
    finally:
        server.close()


async def failure(raw: bytes, *, endless: bytes = b"") -> str:
    webhooks = Webhooks(lambda caller, identifier: "secret", SystemClock())
    async with serving(raw, endless=endless) as url, asyncio.timeout(10):
        wanted = hook("webhook_forward", url=url, credential="main", private=True)
        with pytest.raises((HookFailed, BadReply)) as error:
            await webhooks.ask(cast("Caller", None), wanted, seen(SECRET_TEXT), "r1")
    assert "4711" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"", "could not be reached"),
        (b"\x16\x03\x01\x02\x00\x01\x00", "could not be reached"),
        (b"SSH-2.0-OpenSSH_9.6\r\n\r\n", "does not speak HTTP/1.1"),
        (b"HTTP/2 200\r\n\r\n{}", "does not speak HTTP/1.1"),
        (b"HTTP/1.1 301 Moved\r\nlocation: http://169.254.169.254/\r\n\r\n", "status 301"),
        (b"HTTP/1.1 307 Again\r\nlocation: /judge\r\n\r\n", "status 307"),
        (b"HTTP/1.1 204 None\r\n\r\n", "status 204"),
        (OK + b"content-length: 99999999\r\n\r\n{}", "too large"),
        (OK + b"content-length: 20\r\n\r\n{}", "could not be reached"),
        (OK + b"transfer-encoding: chunked\r\n\r\nFFFFFFF\r\n{}", "too large"),
        (OK + b"transfer-encoding: chunked\r\n\r\n-5\r\n{}", "could not be reached"),
        (OK + b"transfer-encoding: chunked\r\n\r\nzz\r\n{}", "could not be reached"),
        (OK + b"x: " + b"y" * 20_000 + b"\r\n\r\n{}", "could not be reached"),
        (OK + b"\r\n" + b"[" * 5_000, "not {decision, reason, redactions}"),
        (OK + b"\r\n<html>my pin is 4711</html>", "not {decision, reason, redactions}"),
        (OK + b'\r\n{"decision": "my pin is 4711"}', "unknown"),
        (OK + b'\r\n{"decision": "modify"}', "says not what"),
        (OK + b'\r\n{"decision": "modify", "redactions": [{"start": 9, "end": 3}]}', "outside"),
    ],
)
async def test_what_is_no_reply_is_a_failure_in_words(raw: bytes, why: str) -> None:
    assert why in await failure(raw)


@pytest.mark.parametrize("head", [OK + b"\r\n", OK + b"transfer-encoding: chunked\r\n\r\n"])
async def test_a_reply_without_an_end_is_cut_off(head: bytes) -> None:
    piece = b"x" * 4_096
    endless = piece if b"chunked" not in head else b"1000\r\n" + piece + b"\r\n"
    assert "too large" in await failure(head, endless=endless)
