"""Asks a webhook: where it may be, what it is sent and how long it gets. What its reply means is in schemas.

Signed as Standard Webhooks says (`webhook-id`, `webhook-timestamp`, `webhook-signature: v1,…`).
"""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from ingress.gateway.authenticate import Caller
from ingress.gateway.hooks import HookFailed
from schemas.hooks.decision import Finding, Seen
from schemas.hooks.hook import Hook
from schemas.hooks.replies import MOST_REPLY_BYTES, signature, webhook_body, webhook_finding
from schemas.ids import Clock

_MOST_HEAD = 16_384

SecretOf = Callable[[Caller, str], str | None]
Resolve = Callable[[str, int], Awaitable[list[str]]]


class Webhooks:
    """Calls webhooks, each on a connection of its own to the very address that was looked at."""

    def __init__(self, secret_of: SecretOf, clock: Clock, resolve: Resolve | None = None) -> None:
        """
        Args:
            secret_of: the secret of a credential by id.
            resolve: the addresses of a host.
        """
        self._secret_of = secret_of
        self._clock = clock
        self._resolve = resolve or resolve_host
        self._tls = ssl.create_default_context()
        self._looking: dict[tuple[str, int], asyncio.Task[list[str]]] = {}
        """Names that are being looked up: a few threads of the process do that for everybody, and one whose server does
        not answer must not have them all."""

    async def ask(self, caller: Caller, hook: Hook, seen: Seen, request: str) -> Finding | None:
        """What the webhook says; None when it abstains. Whoever asks bounds the time.

        Raises:
            HookFailed: it could not be asked, or did not answer with 200.
            BadReply: what it answered is no reply.
        """
        secret = self._secret_of(caller, hook.options.credential)
        if not secret:
            raise HookFailed("its credential is missing")
        body = webhook_body(hook, seen, request)
        identifier = f"msg_{request}_{seen.stage}_{hook.id}"
        moment = self._clock.now_us() // 1_000_000
        headers = (
            ("content-type", "application/json"),
            ("accept", "application/json"),
            ("webhook-id", identifier),
            ("webhook-timestamp", str(moment)),
            ("webhook-signature", signature(secret, identifier, moment, body)),
        )
        try:
            raw = await self._post(hook, headers, body)
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError) as problem:
            # the text of these may hold what came over the wire
            raise HookFailed(f"it could not be reached: {type(problem).__name__}") from None
        return webhook_finding(raw, seen)

    async def _post(self, hook: Hook, headers: tuple[tuple[str, str], ...], body: bytes) -> bytes:
        url = urlsplit(hook.options.url)
        host = url.hostname or ""
        tls = url.scheme == "https"
        port = url.port or (443 if tls else 80)
        address = await self._address(host, port, private=hook.options.private)
        reader, writer = await asyncio.open_connection(
            address, port, limit=_MOST_HEAD, ssl=self._tls if tls else None, server_hostname=host if tls else None
        )
        try:
            target = (url.path or "/") + (f"?{url.query}" if url.query else "")
            named = f"[{host}]" if ":" in host else host
            lines = [
                f"POST {target} HTTP/1.1",
                f"host: {named}:{port}",
                "connection: close",
                "accept: application/json",
            ]
            lines += [f"{name}: {value}" for name, value in headers]
            lines.append(f"content-length: {len(body)}")
            writer.write("\r\n".join([*lines, "", ""]).encode("ascii") + body)
            await writer.drain()
            return await _read(reader)
        finally:
            writer.transport.abort()

    async def _address(self, host: str, port: int, *, private: bool) -> str:
        """An address of the host that may be called. All of them must be: one bad one is reason not to trust the name.

        Raises:
            HookFailed
        """
        found = await self._looked_up(host, port)
        if not found:
            raise HookFailed("its host has no address")
        if not private and not all(map(is_public, found)):
            raise HookFailed("its address is private, of this machine or link-local, which its options do not allow")
        return found[0]

    async def _looked_up(self, host: str, port: int) -> list[str]:
        """What `resolve` gives; who asks meanwhile waits for the same answer. Raises OSError, as that does."""
        place = (host, port)
        task = self._looking.get(place)
        if task is None:
            task = self._looking[place] = asyncio.ensure_future(_started(self._resolve, host, port))
            task.add_done_callback(lambda done: self._looked(place, done))
        return await asyncio.shield(task)

    def _looked(self, place: tuple[str, int], task: asyncio.Task[list[str]]) -> None:
        del self._looking[place]
        if not task.cancelled():
            task.exception()  # nobody may be waiting for it any more


async def _started(resolve: Resolve, host: str, port: int) -> list[str]:
    return await resolve(host, port)


def is_public(text: str) -> bool:
    """Whether an address is one of the open internet: not private, loopback, link-local (where clouds keep their
    metadata), multicast, reserved, nor one of these within an IPv6 address."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
        if inner is None and address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
        if inner is not None:
            return is_public(str(inner))
    if address.is_reserved or (isinstance(address, ipaddress.IPv6Address) and address.is_site_local):
        return False
    return address.is_global and not address.is_multicast and address != _AZURE


_AZURE = ipaddress.ip_address("168.63.129.16")
"""Public by its number, and on every machine of Azure's the way to its host, which knows the machine's secrets."""
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


async def resolve_host(host: str, port: int) -> list[str]:
    """Every address of a host."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=1)
    return list(dict.fromkeys(str(address[0]) for _, _, _, _, address in found))


async def _read(reader: asyncio.StreamReader) -> bytes:
    """The body of a 200; a redirect is none.

    Raises:
        HookFailed: another status, or more than a reply may be.
    """
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    status = head[0].split(" ", 2)
    if len(status) < 2 or not status[0].startswith("HTTP/1."):
        raise HookFailed("it does not speak HTTP/1.1")
    if status[1] != "200":
        raise HookFailed(f"it answered with status {status[1][:3]}")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
    if "chunked" in headers.get("transfer-encoding", "").lower():
        return await _chunks(reader)
    if (length := headers.get("content-length", "")).isdigit():
        if int(length) > MOST_REPLY_BYTES:
            raise HookFailed("its reply is too large")
        return await reader.readexactly(int(length))
    raw = bytearray()
    while piece := await reader.read(16_384):
        _grow(raw, piece)
    return bytes(raw)


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    raw = bytearray()
    while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
        if size > MOST_REPLY_BYTES:
            raise HookFailed("its reply is too large")
        _grow(raw, await reader.readexactly(size))
        await reader.readexactly(2)
    return bytes(raw)


def _grow(raw: bytearray, piece: bytes) -> None:
    raw += piece
    if len(raw) > MOST_REPLY_BYTES:
        raise HookFailed("its reply is too large")
