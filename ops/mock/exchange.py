"""One request of any wire format but OpenAI's plain chat: what ``wires`` composed, sent as its behaviour says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ops.mock import wire
from ops.mock.behaviour import Behaviour
from ops.mock.chat import Chat
from ops.mock.connection import Connection, Request
from ops.mock.refusal import Refusal
from ops.mock.wires.speaking import Reply, Speaker, Wanted

if TYPE_CHECKING:
    from ops.mock.server import MockProvider


class Exchange(Chat):
    """As ``Chat``; ``wanted`` is None when, and only when, ``refusal`` says why."""

    __slots__ = ("_reply", "_speaker", "_wanted")
    _reply: Reply

    def __init__(
        self,
        provider: MockProvider,
        connection: Connection,
        request: Request,
        n: int,
        speaker: Speaker,
        wanted: Wanted | None,
        behaviour: Behaviour,
        refusal: Refusal | None,
    ) -> None:
        super().__init__(provider, connection, request, n, None, behaviour, refusal)
        self._speaker = speaker
        self._wanted = wanted
        self.model = "" if wanted is None else wanted.model

    def _compose(self) -> bool:
        assert self._wanted is not None
        self._reply = self._wanted.make(self._behaviour, self._stamp())
        self._tokens = self._reply.tokens
        return self._reply.groups is not None

    def _told(self, refusal: Refusal, request_id: bytes) -> tuple[int, bytes, bytes]:
        speaker, ident = self._speaker, "req_" + request_id.decode()
        lines = speaker.error_lines(refusal, ident)
        return (
            speaker.error_status(refusal),
            speaker.error(refusal, ident),
            lines + b"x-request-id: %s\r\n" % ident.encode(),
        )

    def _finish_plain(self) -> None:
        reply, behaviour = self._reply, self._behaviour
        body = self._coder.whole(reply.body[: len(reply.body) // 2] if behaviour.malformed else reply.body)
        lines = b"%sx-request-id: req_%s\r\n%s" % (self._coder.lines, self._provider.ident(self.n), reply.lines)
        kind = reply.kind or wire.JSON
        if behaviour.disconnect_after is not None:
            lines = self._provider.lines(False, lines)
            self._connection.transport.write(wire.head(200, kind, len(body), lines) + body[: len(body) // 2])
            self._disconnect()
            return
        self._completed()
        self._provider.send(self._connection, self._request, reply.status, body, lines, kind)

    def _start_stream(self) -> None:
        reply, request = self._reply, self._request
        assert reply.groups is not None
        chunked = not request.http_1_0
        request.keep_alive = request.keep_alive and chunked
        named = b"cache-control: no-cache\r\nx-request-id: req_%s\r\n" % self._provider.ident(self.n)
        lines = self._coder.lines + named + reply.lines
        lines = self._provider.lines(request.keep_alive, lines)
        self._groups = _broken(reply.groups, reply.broken) if self._behaviour.malformed else reply.groups
        self._group = 0
        self._due = self._provider.loop.time()
        self._advance(wire.head(reply.status, reply.kind or wire.EVENTS, None, lines, chunked=chunked))

    def _completed(self) -> None:
        self._provider.counted(self._reply.prompt_tokens, self._reply.completion_tokens, self.sent)
        self._over()


def _broken(groups: Iterator[list[bytes]], frame: bytes) -> Iterator[list[bytes]]:
    for index, group in enumerate(groups):
        yield [frame] if index == 1 else group
