"""One call as its provider wants it made: presented, and followed to where the answer is."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol
from urllib.parse import urlsplit

import msgspec

from ingress.codecs.codec import Malformed
from ingress.codecs.replicate.prediction import cancel_url, metrics_of, next_call, read_answer
from ingress.gateway.call import CallFailed
from ingress.gateway.identity import Errand, Headers, Identity
from ingress.gateway.upstream import Upstream
from schemas.aggregates.provider import Provider
from schemas.conversation.parts import Text

log = logging.getLogger(__name__)

ASK_AGAIN_S = 0.5
METRICS_S = 3.0
"""How long the end of a stream may wait for what it took."""
CANCEL_S = 3.0
"""How long a prediction that nobody waits for may hold up whoever gave up on it."""
_DONE = b"event: done"


class Arriving(Protocol):
    """An answer that is arriving, see `upstream.ProviderStream`."""

    status: int

    async def each(self, take: Callable[[bytes], bool]) -> bool: ...

    async def end(self) -> None: ...


class Arrived:
    """An answer that came whole where a stream was wanted."""

    status = 200

    def __init__(self, raw: bytes) -> None:
        self._raw = raw

    async def each(self, take: Callable[[bytes], bool]) -> bool:
        raw, self._raw = self._raw, b""
        return bool(raw) and not take(raw)

    async def end(self) -> None:
        self._raw = b""


class Opened:
    """A stream whose first piece has been looked at."""

    status = 200

    def __init__(self, first: list[bytes], rest: Arriving) -> None:
        self._first = first
        self._rest = rest

    async def each(self, take: Callable[[bytes], bool]) -> bool:
        while self._first:
            if not take(self._first.pop(0)):
                return True
        return await self._rest.each(take)

    async def end(self) -> None:
        await self._rest.end()


class Followed:
    """A prediction's stream, and before its end what it took, which has to be asked for. One that is left before its
    end is cancelled: the provider would go on with it."""

    status = 200

    def __init__(
        self, arriving: Arriving, metrics: Callable[[], Awaitable[bytes]], cancel: Callable[[], Awaitable[None]]
    ) -> None:
        self._arriving = arriving
        self._metrics = metrics
        self._cancel = cancel
        self._held = b""
        """What is not a whole event yet; in the end the last one."""
        self._over = False

    async def each(self, take: Callable[[bytes], bool]) -> bool:
        def look(piece: bytes) -> bool:
            whole, gap, self._held = (self._held + piece).rpartition(b"\n\n")
            whole += gap
            at = 0 if whole.startswith(_DONE) else whole.find(b"\n\n" + _DONE) + 2
            if whole.startswith(_DONE) or at > 1:
                # the server may leave the connection open behind this
                self._over, self._held, whole = True, whole[at:], whole[:at]
            return (not whole or take(whole)) and not self._over

        if not self._over and await self._arriving.each(look) and not self._over:
            return True
        last, self._held = self._held, b""
        if self._over and last:
            last = await self._metrics() + last
        return bool(last) and not take(last)

    async def end(self) -> None:
        await self._arriving.end()
        if not self._over:
            await self._cancel()


class Calls:
    """Makes calls. Raises CallFailed, as `upstream.Upstream` does, which it is the door to."""

    def __init__(self, upstream: Upstream, identity: Identity) -> None:
        self._upstream = upstream
        self._identity = identity

    async def send(self, errand: Errand) -> bytes:
        """The whole answer."""
        headers = await self._identity.headers(errand)
        outgoing = errand.outgoing
        provider, key = errand.provider, errand.client_key
        try:
            raw = await self._upstream.send(provider, outgoing.path, headers, outgoing.body, client_key=key)
        except CallFailed as failure:
            headers = await self._identity.renewed(errand, failure)
            raw = await self._upstream.send(provider, outgoing.path, headers, outgoing.body, client_key=key)
        if outgoing.followed:
            raw = await self._waited_for(errand, headers, raw)
        return _sound(outgoing.refusal, raw)

    async def stream(self, errand: Errand) -> Arriving:
        """The answer as it arrives."""
        headers = await self._identity.headers(errand)
        outgoing, provider, key = errand.outgoing, errand.provider, errand.client_key
        arriving: Arriving
        if not outgoing.followed:
            try:
                arriving = await self._upstream.stream(provider, outgoing.path, headers, outgoing.body, client_key=key)
            except CallFailed as failure:
                headers = await self._identity.renewed(errand, failure)
                arriving = await self._upstream.stream(provider, outgoing.path, headers, outgoing.body, client_key=key)
            return arriving if outgoing.refusal is None else await _looked_at(arriving, outgoing.refusal)
        raw = await self._upstream.send(provider, outgoing.path, headers, outgoing.body, client_key=key)
        try:
            asked, streamed = next_call(raw), next_call(raw, stream=True)
        except Malformed:
            raise CallFailed("malformed") from None
        if streamed is None or streamed == asked:
            return Arrived(_as_stream(_sound(outgoing.refusal, await self._waited_for(errand, headers, raw))))
        server, path = _told(provider, streamed[1])
        wanted = [*_without_body(headers), ("accept", "text/event-stream"), ("cache-control", "no-store")]
        try:
            arriving = await self._upstream.stream(server, path, wanted, b"", method=streamed[0], client_key=key)
            if outgoing.refusal is not None:
                arriving = await _looked_at(arriving, outgoing.refusal)
        except BaseException:
            await self._cancel(errand, headers, raw)
            raise
        return Followed(
            arriving, lambda: self._metrics(errand, headers, raw), lambda: self._cancel(errand, headers, raw)
        )

    async def _waited_for(self, errand: Errand, headers: Headers, raw: bytes) -> bytes:
        """As `_ended`; a prediction that is given up is cancelled."""
        try:
            return await self._ended(errand, headers, raw)
        except BaseException:
            await self._cancel(errand, headers, raw)
            raise

    async def _cancel(self, errand: Errand, headers: Headers, raw: bytes) -> None:
        """Tells the provider that nobody waits for a prediction any more. Where that fails, it ends at the time that
        was set when it was asked for."""
        try:
            if not (url := cancel_url(raw)):
                return
            server, path = _told(errand.provider, url)
            async with asyncio.timeout(CANCEL_S):
                await self._upstream.send(
                    server, path, _without_body(headers), b"", method="POST", client_key=errand.client_key
                )
        except (CallFailed, Malformed, TimeoutError) as problem:
            log.info("a prediction was not cancelled account=%s: %s", errand.provider.id, type(problem).__name__)

    async def _metrics(self, errand: Errand, headers: Headers, raw: bytes) -> bytes:
        """What a prediction took, once its stream has been told; nothing when that cannot be had in time."""
        try:
            async with asyncio.timeout(METRICS_S):
                return metrics_of(await self._ended(errand, headers, raw, pause_s=0.0))
        except (CallFailed, Malformed, TimeoutError):
            # the answer is whole without it; its tokens are counted here then
            return b""

    async def _ended(self, errand: Errand, headers: Headers, raw: bytes, pause_s: float = ASK_AGAIN_S) -> bytes:
        """The prediction once it has ended, asked for again until then, within the time for a first byte."""
        provider = errand.provider
        loop = asyncio.get_running_loop()
        due = loop.time() + min(provider.first_byte_timeout_ms, provider.total_timeout_ms) / 1000
        while True:
            try:
                asked = next_call(raw)
            except Malformed:
                raise CallFailed("malformed") from None
            if asked is None:
                return raw
            left = due - loop.time() - pause_s
            if left <= 0:
                raise CallFailed("timeout")
            await asyncio.sleep(pause_s)
            pause_s = ASK_AGAIN_S
            server, path = _told(provider, asked[1])
            raw = await self._upstream.send(
                server, path, _without_body(headers), b"", method=asked[0], client_key=errand.client_key, limit_s=left
            )


async def _looked_at(arriving: Arriving, refusal: Callable[[bytes], int]) -> Arriving:
    """The stream, unless its first piece says that there will be none."""
    first: list[bytes] = []

    def take(piece: bytes) -> bool:
        first.append(piece)
        return False

    try:
        await arriving.each(take)
        _sound(refusal, b"".join(first))
    except BaseException:
        await arriving.end()
        raise
    return Opened(first, arriving)


def _sound(refusal: Callable[[bytes], int] | None, raw: bytes) -> bytes:
    """The answer, unless it says that there is none."""
    if refusal is not None and (status := refusal(raw)):
        raise CallFailed("status", status, raw)
    return raw


def _without_body(headers: Headers) -> Headers:
    return [header for header in headers if header[0] not in ("content-type", "prefer", "cancel-after")]


def _told(provider: Provider, url: str) -> tuple[Provider, str]:
    """Where a provider's answer says that the rest is, as the account that is asked there.

    Raises:
        CallFailed: it is no place that may see the account's credential: not the account's own host, nor beside it
            under the same domain.
    """
    try:
        told, own = urlsplit(url), urlsplit(provider.url)
        ports = told.port, own.port
    except ValueError:
        raise CallFailed("malformed") from None
    host, own_host = told.hostname or "", own.hostname or ""
    domain, own_domain = host.partition(".")[2], own_host.partition(".")[2]
    named = "." in own_domain and not own_host.replace(".", "").isdecimal()
    near = host == own_host or (named and domain == own_domain) or (named and host == own_domain)
    clean = url.isascii() and url.isprintable() and " " not in url and told.username is None
    if not near or not clean or told.scheme != own.scheme or ports[0] != ports[1]:
        raise CallFailed("malformed")
    server = msgspec.structs.replace(provider, base_url=f"{told.scheme}://{told.netloc}")
    return server, (told.path or "/") + (f"?{told.query}" if told.query else "")


def _as_stream(raw: bytes) -> bytes:
    """A prediction that has ended, in the events of its stream."""
    try:
        choices = read_answer(raw).choices
    except Malformed:
        raise CallFailed("malformed") from None
    text = "".join(part.text for choice in choices for part in choice.parts if isinstance(part, Text))
    lines = "".join(f"data: {line}\n" for line in text.split("\n"))
    return f"event: output\n{lines}\n".encode() + metrics_of(raw) + b"event: done\ndata: {}\n\n"
