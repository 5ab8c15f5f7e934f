"""One chat request from its receipt to its last byte: waits, errors, streams and cuts as its behaviour says."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ops.mock import answer, wire
from ops.mock.behaviour import Behaviour
from ops.mock.coding import UNCODED, Coder
from ops.mock.connection import Connection, Request
from ops.mock.refusal import Refusal, injected
from ops.mock.request import ChatRequest

if TYPE_CHECKING:
    from ops.mock.server import MockProvider

_BATCH = 256 * 1024
"""Bytes of a stream gathered for one write; the transport's flow control is asked between writes."""


class Chat:
    """The exchange of one chat request. ``body`` is None when, and only when, ``refusal`` says why."""

    __slots__ = (
        "_answer",
        "_behaviour",
        "_body",
        "_coder",
        "_connection",
        "_due",
        "_group",
        "_groups",
        "_provider",
        "_refusal",
        "_request",
        "_stalled",
        "_timer",
        "_tokens",
        "ident",
        "model",
        "n",
        "over",
        "sent",
    )

    def __init__(
        self,
        provider: MockProvider,
        connection: Connection,
        request: Request,
        n: int,
        body: ChatRequest | None,
        behaviour: Behaviour,
        refusal: Refusal | None,
    ) -> None:
        self.n = n
        self.ident = request.headers.get(b"x-nexus-request-id", b"").decode("latin-1")
        self.model = "" if body is None else body.model
        self.sent = 0
        """Stream events handed to the transport."""
        self.over = False
        self._provider = provider
        self._connection = connection
        self._request = request
        self._body = body
        self._behaviour = behaviour
        self._coder = Coder(behaviour.coding) if behaviour.coding else UNCODED
        self._refusal = refusal
        self._timer: asyncio.TimerHandle | None = None
        self._stalled = False

    @property
    def hangs(self) -> bool:
        """Whether this request will never be answered."""
        return self._refusal is None and self._behaviour.hang

    def begin(self, recorded: bool = True) -> None:
        """Start answering. ``recorded`` False: the ledger could not be written, so nobody is answered."""
        if self.over:
            return
        if not recorded:
            self._disconnect()
            return
        if self._refusal is not None:
            self._finish_refused()
            return
        behaviour = self._behaviour
        if behaviour.hang:
            self._provider.stats.hung += 1
            self._provider.changed()
            return
        status = None
        if behaviour.error is not None or behaviour.error_rate is not None:
            status = behaviour.fails(self._provider.draw() if behaviour.error_rate is not None else 0.0)
        wait_ms = behaviour.delay_ms
        if status is not None:
            self._provider.stats.injected += 1
            self._refusal = injected(status)
            step = self._finish_refused
        elif behaviour.disconnect_after == 0:
            step = self._disconnect
        else:
            streams = self._compose()
            step = self._start_stream if streams else self._finish_plain
            if not streams:
                wait_ms += behaviour.token_ms * self._tokens
        if wait_ms:
            self._timer = self._provider.loop.call_later(wait_ms / 1000, step)
        else:
            step()

    def _compose(self) -> bool:
        """Decide what to say; whether it is streamed."""
        assert self._body is not None
        self._answer = answer.compose(self._body, self._behaviour)
        self._tokens = len(self._answer.pieces)
        return self._body.stream is True

    def _told(self, refusal: Refusal, request_id: bytes) -> tuple[int, bytes, bytes]:
        """Status and body for a refusal, and the header lines that name the request."""
        return refusal.status, wire.error(refusal), b"x-request-id: req_%s\r\n" % request_id

    def _finish_refused(self) -> None:
        assert self._refusal is not None
        retry_after = self._behaviour.retry_after
        lines = b"" if retry_after is None else b"retry-after: %d\r\n" % retry_after
        self._provider.stats.refused += 1
        self._over()
        status, body, named = self._told(self._refusal, self._provider.ident(self.n))
        self._provider.send(self._connection, self._request, status, body, named + lines)

    def _stamp(self) -> wire.Stamp:
        return wire.Stamp(self._provider.ident(self.n), self._provider.second(), wire.encode(self.model))

    def _finish_plain(self) -> None:
        behaviour, stamp = self._behaviour, self._stamp()
        if behaviour.malformed:
            body = wire.broken_completion(self._answer, stamp)
        elif isinstance(self._answer.pieces, tuple):
            body = self._provider.templates.completion(self._answer, stamp, not behaviour.no_usage)
        else:
            body = wire.completion(self._answer, stamp, not behaviour.no_usage)
        body = self._coder.whole(body)
        lines = b"%sx-request-id: req_%s\r\n" % (self._coder.lines, stamp.ident)
        if behaviour.disconnect_after is not None:
            lines = self._provider.lines(False, lines)
            self._connection.transport.write(wire.head(200, wire.JSON, len(body), lines) + body[: len(body) // 2])
            self._disconnect()
            return
        self._completed()
        self._provider.send(self._connection, self._request, 200, body, lines)

    def _start_stream(self) -> None:
        behaviour, stamp, request, found = self._behaviour, self._stamp(), self._request, self._answer
        with_usage = not behaviour.no_usage
        chunked = not request.http_1_0
        request.keep_alive = request.keep_alive and chunked
        lines = b"%scache-control: no-cache\r\nx-request-id: req_%s\r\n" % (self._coder.lines, stamp.ident)
        head = wire.head(200, wire.EVENTS, None, self._provider.lines(request.keep_alive, lines), chunked=chunked)
        if isinstance(found.pieces, tuple) and chunked and not behaviour.steps:
            self.sent = wire.events_in(found, with_usage)
            self._connection.transport.write(head + self._provider.templates.stream(found, stamp, with_usage))
            self._completed()
            self._connection.done(request.keep_alive)
            return
        self._groups = wire.events(found, stamp, with_usage)
        if behaviour.malformed:
            self._groups = _broken(self._groups, stamp)
        self._group = 0
        self._due = self._provider.loop.time()
        self._advance(head)

    def _advance(self, head: bytes = b"") -> None:
        """Send until a token's time has not come, the transport is full, the cut is reached, or all is said."""
        out, size = [head], 0
        frame = bytes if self._request.http_1_0 else wire.chunk
        behaviour, coder = self._behaviour, self._coder
        cut, token_s = behaviour.disconnect_after, behaviour.token_ms / 1000
        write = self._connection.transport.write
        tokens = self._tokens
        for group in self._groups:
            if cut is not None and self.sent + len(group) >= cut:
                group = group[: cut - self.sent]
                self.sent = cut
                write(b"".join([*out, *(frame(coder.piece(event)) for event in group)]))
                self._disconnect()
                return
            for event in group:
                framed = frame(coder.piece(event))
                out.append(framed)
                size += len(framed)
            self.sent += len(group)
            self._group += 1
            if token_s and self._group <= tokens:
                write(b"".join(out))
                self._due += token_s
                self._timer = self._provider.loop.call_at(self._due, self._tick)
                return
            if size >= _BATCH:
                write(b"".join(out))
                out, size = [], 0
                if self._connection.paused:
                    self._stalled = True
                    return
        if last := coder.end():
            out.append(frame(last))
        if not self._request.http_1_0:
            out.append(wire.LAST_CHUNK)
        write(b"".join(out))
        self._completed()
        self._connection.done(self._request.keep_alive)

    def _tick(self) -> None:
        if self._connection.paused:
            self._stalled = True
        else:
            self._advance()

    def resume(self) -> None:
        """The transport takes bytes again."""
        if self._stalled:
            self._stalled = False
            self._advance()

    def lost(self) -> None:
        """The client left before the answer was whole."""
        self._provider.left(self)
        self._over()

    def _disconnect(self) -> None:
        self._provider.stats.disconnected += 1
        self._over()
        self._connection.close()

    def _completed(self) -> None:
        self._provider.completed(self._answer, self.sent)
        self._over()

    def _over(self) -> None:
        self.over = True
        if self._timer is not None:
            self._timer.cancel()
        self._provider.changed()


def _broken(groups: Iterator[list[bytes]], stamp: wire.Stamp) -> Iterator[list[bytes]]:
    for index, group in enumerate(groups):
        yield [wire.broken_event(stamp)] if index == 1 else group
