"""The ClickHouse engine inside this process: one statement in, bytes out. Knows nothing of HTTP.

Only the extension module of the engine's wheel is loaded; its Python package would import pandas and pyarrow.
"""

from __future__ import annotations

import contextlib
import importlib.machinery
import importlib.util
import os
import re
import shutil
import sys
import tempfile
import time
import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ops.stack.clickhouse_sql import Insert, Statement, is_identifier, quoted, quoted_identifier
from ops.stack.wheels import clickhouse_engine

MAX_QUERY_SIZE = 262_144  # bytes; the engine's default limit for a statement
UNKNOWN_SETTING = 115  # numbers from ClickHouse's ErrorCodes
INFILE_COMPRESSIONS = {"gzip": "gzip", "deflate": "deflate", "br": "br", "zstd": "zstd", "lz4": "lz4", "xz": "xz"}

# Caches are sized for a laptop; the memory limit turns a runaway query into an error for its sender.
_SERVER_SETTINGS = {
    "max_server_memory_usage": 1024 * 1024 * 1024,
    "mark_cache_size": 32 * 1024 * 1024,
    "index_mark_cache_size": 8 * 1024 * 1024,
    "primary_index_cache_size": 16 * 1024 * 1024,
    "uncompressed_cache_size": 0,
    "index_uncompressed_cache_size": 0,
    "mmap_cache_size": 64,
    "compiled_expression_cache_size": 8 * 1024 * 1024,
    "background_pool_size": 2,
    "background_common_pool_size": 2,
    "background_move_pool_size": 1,
    "background_fetches_pool_size": 1,
    "background_schedule_pool_size": 4,
    "max_thread_pool_free_size": 4,
    "max_io_thread_pool_free_size": 0,
}
# Of every table. Merges would estimate each column's distinct values for a planner that nothing here needs. Parts that
# were merged into others stay in memory, 20 KB each, until somebody clears them away: each insert leaves one a table.
_TABLE_SETTINGS = {"auto_statistics_types": "", "cleanup_delay_period": 10, "max_cleanup_delay_period": 30}
# With every statement. An acknowledged insert is a part on disk: nothing waits in a buffer.
_DEFAULTS = {"async_insert": "0"}
_ERROR_CODE = re.compile(r"Code: (\d+)")


class QueryFailed(Exception):
    """The engine refused a statement: ``code`` is ClickHouse's number for why."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, kw_only=True)
class Query:
    """A statement and the circumstances it runs in."""

    statement: Statement | Insert
    output_format: str
    database: str | None = None
    settings: Mapping[str, str]
    parameters: Mapping[str, str]
    read_only: bool = False
    encoding: str | None = None


@dataclass(frozen=True, kw_only=True)
class Result:
    """What a statement gave: its output as formatted bytes, counts of rows and bytes, and elapsed nanoseconds."""

    data: bytes
    rows: int
    bytes_processed: int
    read_rows: int
    read_bytes: int
    written_rows: int
    elapsed_ns: int


def _load() -> Any:
    path = clickhouse_engine()
    package = types.ModuleType("chdb")
    package.__path__ = [str(path.parent)]
    loader = importlib.machinery.ExtensionFileLoader("chdb._chdb", str(path))
    spec = importlib.machinery.ModuleSpec("chdb._chdb", loader, origin=str(path))
    sys.modules["chdb"] = package
    flags = sys.getdlopenflags()
    # The engine brings its own allocator; its symbols must win over a C++ library loaded before it.
    sys.setdlopenflags(flags | getattr(os, "RTLD_DEEPBIND", 0))
    try:
        module = importlib.util.module_from_spec(spec)
        loader.exec_module(module)
    finally:
        sys.setdlopenflags(flags)
    return module


class Engine:
    """One data directory, held exclusively by this process. ``run`` may be called from several threads at once."""

    def __init__(self, data: Path) -> None:
        """Opens or creates the directory. Raises RuntimeError when another process holds it."""
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._incoming = data / "incoming"
        shutil.rmtree(self._incoming, ignore_errors=True)  # rows of inserts that a kill interrupted
        self._incoming.mkdir(mode=0o700)
        config = data / "engine.xml"
        config.write_text(
            f"<clickhouse>\n{_xml(_SERVER_SETTINGS)}<merge_tree>\n{_xml(_TABLE_SETTINGS)}</merge_tree>\n</clickhouse>\n"
        )
        self._address = f"{data}?config-file={config}"
        self._module = _load()
        self._module.set_signal_handlers_enabled(0)  # signals are the server's business
        self._keeper = self._module.connect(self._address)  # the engine shuts down with its last connection
        self.version = self._scalar("SELECT version()")
        self.timezone = self._scalar("SELECT timezone()")

    def run(self, query: Query) -> Result:
        """Run one statement in a session of its own (0.3 ms to open). Blocks. Raises QueryFailed."""
        started = time.monotonic_ns()
        session = self._module.connect(self._address)
        try:
            if query.database:
                self._execute(session, b"USE " + quoted_identifier(query.database))
            self._apply(session, query)
            if isinstance(query.statement, Insert):
                with self._received(query.statement.data) as path:
                    outcome = self._execute(session, _from_file(query.statement, path, query.encoding))
                written = int(outcome.rows_read())
            else:
                outcome = self._execute(session, query.statement.text, query.output_format)
                written = 0
            return Result(
                data=outcome.bytes(),
                rows=int(outcome.rows_read()),
                bytes_processed=int(outcome.bytes_read()),
                read_rows=int(outcome.storage_rows_read()),
                read_bytes=int(outcome.storage_bytes_read()),
                written_rows=written,
                elapsed_ns=time.monotonic_ns() - started,
            )
        finally:
            session.close()

    def decompress(self, data: bytes, encoding: str) -> bytes:
        """Undo an HTTP content coding that the engine knows. Raises QueryFailed."""
        session = self._module.connect(self._address)
        try:
            with self._received(data) as path:
                arguments = b", ".join(
                    [quoted(str(path)), b"'RawBLOB'", b"'x String'", quoted(INFILE_COMPRESSIONS[encoding])]
                )
                body: bytes = self._execute(session, b"SELECT x FROM file(%s)" % arguments, "RawBLOB").bytes()
                return body
        finally:
            session.close()

    def close(self) -> None:
        """Finish what runs in the background and release the directory."""
        self._keeper.close()

    def _scalar(self, sql: str) -> str:
        text: str = self._execute(self._keeper, sql.encode(), "TSVRaw").bytes().decode().strip()
        return text

    def _apply(self, session: Any, query: Query) -> None:
        if query.parameters:
            parameters = _assignments({f"param_{name}": value for name, value in query.parameters.items()})
            if large := len(parameters) > MAX_QUERY_SIZE // 2:  # a value is part of the SET that assigns it
                self._execute(session, b"SET max_query_size = %d" % (len(parameters) * 2))
            self._execute(session, b"SET " + parameters)
            if large:
                self._execute(session, b"SET max_query_size = DEFAULT")
        settings = {**_DEFAULTS, **query.settings}
        if query.read_only:
            settings["readonly"] = "2"
        self._execute(session, b"SET " + _assignments(settings))

    @staticmethod
    def _execute(session: Any, sql: bytes, output_format: str = "TabSeparated") -> Any:
        try:
            return session.query(sql, output_format)
        except RuntimeError as error:
            message = str(error)
            found = _ERROR_CODE.search(message)
            raise QueryFailed(int(found[1]) if found else 1002, message) from None

    @contextlib.contextmanager
    def _received(self, data: bytes) -> Iterator[Path]:
        descriptor, name = tempfile.mkstemp(dir=self._incoming)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
            yield Path(name)
        finally:
            os.unlink(name)


def _xml(settings: Mapping[str, object]) -> str:
    return "".join(f"  <{name}>{value}</{name}>\n" for name, value in settings.items())


def _assignments(values: Mapping[str, str]) -> bytes:
    """``name = 'value', ...``. Raises QueryFailed for a name that is none."""
    if not all(map(is_identifier, values)):
        raise QueryFailed(UNKNOWN_SETTING, "Unknown setting: its name is not an identifier. (UNKNOWN_SETTING)")
    return b", ".join(name.encode() + b" = " + quoted(value) for name, value in values.items())


def _from_file(insert: Insert, path: Path, encoding: str | None) -> bytes:
    compression = b""
    if encoding is not None:
        compression = b" COMPRESSION " + quoted(INFILE_COMPRESSIONS[encoding])
    return insert.head + b" FROM INFILE " + quoted(str(path)) + compression + b" " + insert.tail
