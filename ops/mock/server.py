"""The mock provider itself: its routes, counters, life cycle, and the handle that tests hold; one process, one loop."""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qsl

import msgspec

from ops.mock import routes, wire
from ops.mock.answer import Answer
from ops.mock.behaviour import PLAIN, Behaviour, Names
from ops.mock.chat import Chat
from ops.mock.connection import Connection, Request
from ops.mock.exchange import Exchange
from ops.mock.ledger import Ledger
from ops.mock.recorded import Recordings
from ops.mock.refusal import Refusal
from ops.mock.request import ChatRequest, decode
from ops.mock.routes import Stats
from ops.mock.templates import Templates
from ops.mock.wire import Stamp
from ops.mock.wires.openai import SPEAKER as OPENAI
from ops.mock.wires.openai_chat import read_chat
from ops.mock.wires.speakers import Found, find
from ops.mock.wires.speaking import Incoming, Speaker, Wanted


class Received(msgspec.Struct, frozen=True):
    """One request for a model as it came; header names are in lower case.

    ``body`` is None when it was refused, or when it was no plain chat in OpenAI's format.
    """

    n: int
    id: str
    headers: dict[bytes, bytes]
    raw: bytes
    body: ChatRequest | None
    behaviour: Behaviour

    def __repr__(self) -> str:  # the headers hold a key, the body a prompt
        return f"Received(n={self.n}, id={self.id!r})"


class MockProvider:
    """Every provider on one TCP port: OpenAI's API at the root, each of the others behind its name as first segment.

    See ``behaviour`` for how to make it misbehave.
    """

    def __init__(
        self,
        *,
        ledger: Path | None = None,
        ledger_fsync: bool = False,
        keep: int = 256,
        seed: int = 0,
        aws_secret: str = "",
        replay: Path | None = None,
    ) -> None:
        """``ledger`` is appended to; the last ``keep`` requests stay in ``requests``; ``seed`` decides error rates.

        ``aws_secret`` is what signatures must come from; ``replay`` a folder of recorded exchanges that are all that
        is answered then. Raises ValueError for a recording that cannot be read.
        """
        self.stats = Stats()
        self.requests: deque[Received] = deque(maxlen=keep)
        self.connections: set[Connection] = set()
        self.url = ""
        self.port = 0
        self.loop: asyncio.AbstractEventLoop
        self._ledger_path = ledger
        self._ledger_fsync = ledger_fsync
        self._ledger: Ledger | None = None
        self.templates = Templates()
        self._names = Names()
        self._random = random.Random(seed)
        self._aws_secret = aws_secret
        self._kept: dict[str, bytes] = {}
        self._recordings = None if replay is None else Recordings(replay)
        self._server: asyncio.Server | None = None
        self._watchers: set[asyncio.Event] = set()
        self._boot = secrets.randbits(32)
        self._created = int(time.time())
        self._second = 0
        self._date = b""

    # Life cycle

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Open the ledger and listen; port 0 is any free one. Raises OSError."""
        self.loop = asyncio.get_running_loop()
        if self._ledger_path is not None:
            self._ledger = Ledger(self._ledger_path, fsync=self._ledger_fsync, loop=self.loop)
        self._server = await self.loop.create_server(self._connect, host, port, backlog=1024)
        self.port = self._server.sockets[0].getsockname()[1]
        self.url = f"http://{f'[{host}]' if ':' in host else host}:{self.port}"

    async def stop(self, grace_s: float = 2.0) -> None:
        """Stop listening, let answers under way end within ``grace_s``, close what is idle or hangs."""
        if self._server is None:
            return
        self._server.close()
        for connection in list(self.connections):
            if connection.exchange is None:
                connection.close()
        busy = [chat for connection in self.connections if isinstance(chat := connection.exchange, Chat)]
        answers = [chat for chat in busy if not chat.hangs]
        with_grace = self.until(lambda _: all(chat.over for chat in answers), grace_s)
        await asyncio.gather(with_grace, return_exceptions=True)
        for connection in list(self.connections):
            connection.abort()
        await self._server.wait_closed()
        self._server = None
        if self._ledger is not None:
            self._ledger.close()
            self._ledger = None

    def _connect(self) -> Connection:
        self.stats.connections += 1
        return Connection(self, self.loop)

    async def until(self, condition: Callable[[MockProvider], bool], timeout_s: float = 5.0) -> None:
        """Wait until ``condition`` holds; it is asked after every change. Raises TimeoutError after ``timeout_s``."""
        changed = asyncio.Event()
        self._watchers.add(changed)
        try:
            async with asyncio.timeout(timeout_s):
                while not condition(self):
                    await changed.wait()
                    changed.clear()
        finally:
            self._watchers.discard(changed)

    def changed(self) -> None:
        """Have every ``until`` look again."""
        for watcher in self._watchers:
            watcher.set()

    # Routes

    def answer(self, connection: Connection, request: Request) -> None:
        """Answer one request of any path."""
        self.stats.requests += 1
        path = request.target
        if self._recordings is not None and request.fault is None:
            status, kind, body = self._recordings.answer(request.method, path, request.body)
            self.send(connection, request, status, body, b"", kind)
            return
        if request.fault is None and request.method == b"POST" and path.partition(b"?")[0] == routes.CHAT:
            self._chat(connection, request)
            return
        if request.fault is None and (found := find(request.method, path)) is not None:
            self._other(connection, request, found)
            return
        try:
            body, status, lines = routes.page(request, self.stats, self._names, self._created), 200, b""
        except Refusal as refusal:
            body, status = wire.error(refusal), refusal.status
            lines = b"allow: %s\r\n" % routes.allowed(request.target) if status == 405 else b""
        self.send(connection, request, status, body, lines)

    def _chat(self, connection: Connection, request: Request) -> None:
        n = self.stats.chat = self.stats.chat + 1
        headers = request.headers
        body, behaviour, refusal, wanted = None, PLAIN, None, None
        try:
            routes.authorise(headers)
            body = decode(request.body)
            if body.stream:
                self.stats.streams += 1
            behaviour = self._names.read(body.model, [field for field in headers.items() if field[0][:7] == b"x-mock-"])
            if behaviour.elaborate:
                wanted = read_chat(self._incoming(request, {}))
        except Refusal as problem:
            refusal = problem.with_traceback(None)  # its frames hold this request
        chat: Chat
        if behaviour.elaborate:
            chat = Exchange(self, connection, request, n, OPENAI, wanted, behaviour, refusal)
        else:
            chat = Chat(self, connection, request, n, body, behaviour, refusal)
        self._begin(connection, request, chat, body, behaviour)

    def _incoming(self, request: Request, path: dict[str, str]) -> Incoming:
        target = request.target.decode("latin-1")
        query = dict(parse_qsl(target.partition("?")[2], keep_blank_values=True))
        method, headers, body = request.method.decode(), request.headers, request.body
        return Incoming(method, target, path, query, headers, body, self._aws_secret, self._kept)

    def _other(self, connection: Connection, request: Request, found: Found) -> None:
        """A request of another operation or another provider."""
        speaker, operation = found.speaker, found.operation
        incoming = self._incoming(request, found.path)
        wanted, behaviour, refusal = None, PLAIN, None
        try:
            speaker.authorise(incoming)
            if operation is None:
                raise found.refusal(incoming)
            wanted = operation.read(incoming)
            knobs = [field for field in request.headers.items() if field[0][:7] == b"x-mock-"]
            behaviour = self._names.read(wanted.model, knobs) if wanted.model else PLAIN
        except Refusal as problem:
            refusal = problem.with_traceback(None)
        if operation is None or operation.listed:
            self._listed(connection, request, speaker, wanted, refusal)
            return
        n = self.stats.chat = self.stats.chat + 1
        if wanted is not None and wanted.stream:
            self.stats.streams += 1
        exchange = Exchange(self, connection, request, n, speaker, wanted, behaviour, refusal)
        self._begin(connection, request, exchange, None, behaviour)

    def _listed(
        self,
        connection: Connection,
        request: Request,
        speaker: Speaker,
        wanted: Wanted | None,
        refusal: Refusal | None,
    ) -> None:
        """Answer what is neither counted nor recorded."""
        if wanted is None:
            assert refusal is not None
            lines = speaker.error_lines(refusal, "req_0")
            self.send(connection, request, speaker.error_status(refusal), speaker.error(refusal, "req_0"), lines)
            return
        reply = wanted.make(PLAIN, Stamp(self.ident(0), self.second(), b'""'))
        body = b"".join(b"".join(group) for group in reply.groups) if reply.groups is not None else reply.body
        self.send(connection, request, reply.status, body, reply.lines, reply.kind or wire.JSON)

    def _begin(
        self, connection: Connection, request: Request, chat: Chat, body: ChatRequest | None, behaviour: Behaviour
    ) -> None:
        connection.exchange = chat
        if self.requests.maxlen:
            self.requests.append(Received(chat.n, chat.ident, request.headers, request.body, body, behaviour))
        self.changed()
        if self._ledger is None:
            chat.begin()
        else:
            self._ledger.received(chat.ident, chat.n, chat.model, chat.begin)

    # What exchanges need

    def draw(self) -> float:
        """The next number in [0, 1) of the seed; the k-th request with an error rate gets the k-th."""
        return self._random.random()

    def second(self) -> int:
        """Wall clock in seconds since the epoch."""
        now = int(time.time())
        if now != self._second:
            self._second = now
            self._date = wire.date(now)
        return now

    def ident(self, n: int) -> bytes:
        """A fixed-width name for the n-th chat request, different in every start."""
        return b"%08x%012x" % (self._boot, n)

    def lines(self, keep_alive: bool, lines: bytes) -> bytes:
        """The header lines of every answer, before ``lines``."""
        self.second()
        return self._date + lines if keep_alive else b"%sconnection: close\r\n%s" % (self._date, lines)

    def send(
        self,
        connection: Connection,
        request: Request,
        status: int,
        body: bytes,
        lines: bytes,
        kind: bytes = wire.JSON,
    ) -> None:
        """Write a whole answer and end the exchange."""
        keep_alive = request.keep_alive
        lines = self.lines(keep_alive, lines)
        if request.http_1_0 and keep_alive:
            lines += b"connection: keep-alive\r\n"
        head = wire.head(status, kind, len(body), lines)
        connection.transport.write(head if request.method == b"HEAD" else head + body)
        connection.done(keep_alive)

    def completed(self, answer: Answer, events: int) -> None:
        """Count an answer that was sent whole."""
        self.counted(answer.prompt_tokens, answer.completion_tokens, events)

    def counted(self, prompt_tokens: int, completion_tokens: int, events: int) -> None:
        """As ``completed``, by the numbers."""
        stats = self.stats
        stats.completed += 1
        stats.events += events
        stats.prompt_tokens += prompt_tokens
        stats.completion_tokens += completion_tokens

    def left(self, chat: Chat) -> None:
        """Count and record a client that went away."""
        self.stats.aborted += 1
        if self._ledger is not None:
            self._ledger.aborted(chat.ident, chat.n, chat.model, chat.sent)


@asynccontextmanager
async def running_mock(
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    ledger: Path | None = None,
    ledger_fsync: bool = False,
    keep: int = 256,
    seed: int = 0,
    aws_secret: str = "",
    replay: Path | None = None,
) -> AsyncIterator[MockProvider]:
    """A mock provider in this loop for the length of the block; its address is ``url``."""
    mock = MockProvider(
        ledger=ledger, ledger_fsync=ledger_fsync, keep=keep, seed=seed, aws_secret=aws_secret, replay=replay
    )
    await mock.start(host, port)
    try:
        yield mock
    finally:
        await mock.stop()
