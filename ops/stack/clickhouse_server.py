"""Serves the embedded ClickHouse engine over HTTP on the loopback interface: sockets, threads and signals.

``python -m ops.stack.clickhouse_server --data DIR --port N --password-file FILE [--user NAME]``
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import httptools

from ops.stack import clickhouse_http as http
from ops.stack.clickhouse_engine import Engine, QueryFailed
from ops.stack.clickhouse_sql import Insert
from ops.stack.credentials import read_secret
from ops.stack.ports import LOOPBACK

log = logging.getLogger(__name__)

MAX_BODY = 512 * 1024 * 1024  # bytes; rows of a larger insert have to come in several
CONCURRENT_QUERIES = 8
READ_SIZE = 256 * 1024
FINISH_TIMEOUT = 10.0  # seconds that running queries get when the server stops


class RequestReader:
    """Reads the requests of one connection, one after another."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._parser = httptools.HttpRequestParser(self)
        self._complete: list[http.Request] = []
        self._begin()

    def _begin(self) -> None:
        self._url, self._headers, self._size = b"", dict[str, str](), 0
        self._chunks: list[bytes] = []

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        if self._headers.get("expect", "").lower() == "100-continue":
            self._writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, chunk: bytes) -> None:
        self._size += len(chunk)
        if self._size <= MAX_BODY:
            self._chunks.append(chunk)

    def on_message_complete(self) -> None:
        request = http.Request(
            method=self._parser.get_method().decode("latin-1"),
            target=self._url.decode("latin-1"),
            headers=self._headers,
            body=b"".join(self._chunks),
            keep_alive=self._parser.should_keep_alive(),
            oversized=self._size > MAX_BODY,
        )
        self._complete.append(request)
        self._begin()

    async def next(self) -> http.Request | None:
        """The next request; None when the client has closed. Raises httptools.HttpParserError."""
        while not self._complete:
            data = await self._reader.read(READ_SIZE)
            if not data:
                return None
            self._parser.feed_data(data)
        return self._complete.pop(0)


class Server:
    """Answers HTTP requests from the engine, each statement in a thread."""

    def __init__(self, engine: Engine, user: str, password: str) -> None:
        self._engine, self._user, self._password = engine, user, password
        self._threads = ThreadPoolExecutor(CONCURRENT_QUERIES, thread_name_prefix="query")
        self._idle: set[asyncio.StreamWriter] = set()
        self._busy: set[asyncio.Task[None]] = set()
        self._stopping = False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, for asyncio.start_server (which sets TCP_NODELAY)."""
        requests = RequestReader(reader, writer)
        task = asyncio.current_task()
        assert task is not None
        try:
            while not self._stopping:
                self._idle.add(writer)
                request = await requests.next()
                self._idle.discard(writer)
                if request is None:
                    return
                self._busy.add(task)
                response = await self._answer(request)
                keep_alive = request.keep_alive and not self._stopping
                writer.write(response.encoded(keep_alive=keep_alive, head=request.method == "HEAD"))
                await writer.drain()
                self._busy.discard(task)
                if not keep_alive:
                    return
        except httptools.HttpParserError:
            writer.write(http.plain("Bad request\n", 400).encoded(keep_alive=False))
        except ConnectionError as error:
            log.debug("event=connection_lost error=%s", type(error).__name__)
        finally:
            self._idle.discard(writer)
            self._busy.discard(task)
            writer.close()

    async def stop(self) -> None:
        """Close idle connections and let running statements finish, within a bound."""
        self._stopping = True
        for writer in self._idle.copy():
            writer.close()
        if self._busy:
            await asyncio.wait(self._busy, timeout=FINISH_TIMEOUT)
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _answer(self, request: http.Request) -> http.Response:
        path = urlsplit(request.target).path
        if path in ("/ping", "/replicas_status"):
            return http.plain("Ok.\n")
        if path != "/":
            return http.plain("There is no handle " + path + "\n", 404)
        parameters = http.parameters_of(request)
        query_id = http.query_id_of(parameters)
        try:
            if request.oversized:
                raise http.Refused(http.QUERY_IS_TOO_LARGE, "The body is too large. (QUERY_IS_TOO_LARGE)")
            if not parameters and not request.body:
                return http.plain("Ok.\n")
            http.authenticate(request, parameters, self._user, self._password)
            work = asyncio.get_running_loop().run_in_executor(self._threads, self._run, request, parameters, query_id)
            return await work
        except (http.Refused, QueryFailed) as error:
            return http.failure(error.code, str(error), query_id=query_id, version=self._engine.version)

    def _run(self, request: http.Request, parameters: dict[str, str], query_id: str) -> http.Response:
        encoding, body = http.content_encoding(request), request.body
        query = None
        if encoding is not None and parameters.get("query"):
            query = http.query_of(request, parameters, b"", encoding)  # the statement is in the clear
        if query is not None and isinstance(query.statement, Insert):
            query = http.with_data(query, body)
        else:
            body = self._engine.decompress(body, encoding) if encoding is not None else body
            query = http.query_of(request, parameters, body, None)
        if query is None:
            raise http.Refused(http.SYNTAX_ERROR, "Empty query. (SYNTAX_ERROR)")
        result = self._engine.run(query)
        return http.success(query, result, query_id=query_id, timezone=self._engine.timezone)


async def run(data: Path, port: int, user: str, password: str) -> None:
    """Serve until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    engine = Engine(data)
    server = Server(engine, user, password)
    listener = await asyncio.start_server(server.serve, LOOPBACK, port, limit=READ_SIZE)
    log.info("event=serving port=%d engine=%s", port, engine.version)
    await stop.wait()
    listener.close()
    await server.stop()
    await asyncio.to_thread(engine.close)
    log.info("event=stopped")


def main(argv: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="clickhouse_server", description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--user", default="nexus")
    parser.add_argument("--password-file", type=Path, required=True)
    options = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    password = read_secret(options.password_file)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(run(options.data.resolve(), options.port, options.user, password))


if __name__ == "__main__":
    main(sys.argv[1:])
