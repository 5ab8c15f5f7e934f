"""One connection to ClickHouse over HTTP for asynchronous code, and which of its errors are an outage."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import clickhouse_connect
from clickhouse_connect.driver import options
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError, DataError
from urllib3.exceptions import HTTPError

from schemas.errors import Invalid, Rejected

ResultT = TypeVar("ResultT")

_CONNECT_S = 5
_ANSWER_S = 60
_TABLE_ALREADY_EXISTS = 57
_DATA_CODES = frozenset(
    {
        6,  # CANNOT_PARSE_TEXT
        27,  # CANNOT_PARSE_INPUT_ASSERTION_FAILED
        38,  # CANNOT_PARSE_DATE
        41,  # CANNOT_PARSE_DATETIME
        53,  # TYPE_MISMATCH
        69,  # ARGUMENT_OUT_OF_BOUND
        70,  # CANNOT_CONVERT_TYPE
        72,  # CANNOT_PARSE_NUMBER
        128,  # TOO_LARGE_ARRAY_SIZE
        131,  # TOO_LARGE_STRING_SIZE
        321,  # VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE
        407,  # DECIMAL_OVERFLOW
        457,  # BAD_QUERY_PARAMETER
    }
)
"""The same rows fail for ever. Whatever else goes wrong, an unknown table or column, missing rights, a full disk, is
mended by somebody, and must neither end the process nor send to DEAD what could be stored then."""


_FOREIGN = ("np", "pd", "pd_time_test", "arrow", "pl")
"""Libraries whose tables the driver would take too. Only to ask whether rows are one of theirs it would import all that
are installed, 100 MB of them; rows here are tuples."""


class AlreadyThere(Rejected):
    """Somebody else has just made the table."""


class ClickHouse:
    """Statements run one at a time in a thread of their own; the loop never waits for a socket."""

    def __init__(self, url: str) -> None:
        """
        Args:
            url: `http://user:password@host:port[/database]`. Nothing is opened yet.
        """
        self._url = url
        self._client: Client | None = None
        self._alone = threading.Lock()
        self.exclusive = asyncio.Lock()
        """For whoever changes tables."""

    async def query(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """The rows of a statement. `parameters` are bound by the server: `{name:Type}` in the text.

        Raises:
            Rejected: ClickHouse cannot answer now.
        """
        return await self._run(lambda client: _rows(client.query(sql, parameters=_given(parameters)).result_rows))

    async def scan(self, sql: str, take: Callable[[Sequence[Sequence[Any]]], None]) -> None:
        """Hands the rows of a statement to `take` block by block, in another thread. Raises Rejected as `query`."""

        def work(client: Client) -> None:
            with client.query_row_block_stream(sql) as blocks:
                for block in blocks:
                    take(block)

        await self._run(work)

    async def command(self, sql: str, settings: Mapping[str, Any] | None = None) -> None:
        """A statement without rows. Raises Rejected as `query`."""
        await self._run(lambda client: client.command(sql, settings=_given(settings)))

    async def insert(
        self, table: str, columns: Sequence[tuple[str, str]], rows: Sequence[Sequence[Any]], settings: Mapping[str, Any]
    ) -> None:
        """Inserts rows in one block.

        Args:
            columns: name and type of each.

        Raises:
            Invalid: no table of these columns ever takes the rows.
            Rejected: it failed or its outcome is unknown.
        """
        names = [name for name, _ in columns]
        types = [kind for _, kind in columns]
        await self._run(
            lambda client: client.insert(
                table,
                list(zip(*rows, strict=True)),
                column_names=names,
                column_type_names=types,
                column_oriented=True,
                settings=dict(settings),
            ),
            stores=True,
        )

    async def close(self) -> None:
        """Closes the connections."""
        client, self._client = self._client, None
        if client is not None:
            await asyncio.to_thread(client.close)

    async def _run(self, work: Callable[[Client], ResultT], *, stores: bool = False) -> ResultT:
        try:
            return await asyncio.to_thread(self._work, work)
        except (ClickHouseError, HTTPError, OSError) as error:
            code = getattr(error, "code", None)
            if code == _TABLE_ALREADY_EXISTS:
                raise AlreadyThere("clickhouse: the table exists") from error
            told = f"{type(error).__name__} {code or ''}".rstrip()
            # what cannot be read is the store's own, such as a damaged part
            if stores and (code in _DATA_CODES or isinstance(error, DataError)):
                raise Invalid(f"clickhouse cannot hold it: {told}") from error
            raise Rejected(f"clickhouse: {told}", retry_after=1) from error

    def _work(self, work: Callable[[Client], ResultT]) -> ResultT:
        with self._alone:
            if self._client is None:
                for chatter in ("clickhouse_connect", "urllib3.connectionpool"):
                    # each failure is told by whoever waits for the answer
                    logging.getLogger(chatter).setLevel(logging.ERROR)
                vars(options).update(dict.fromkeys(_FOREIGN))
                self._client = clickhouse_connect.get_client(
                    dsn=self._url,
                    compress=False,
                    autogenerate_session_id=False,
                    connect_timeout=_CONNECT_S,
                    send_receive_timeout=_ANSWER_S,
                    query_retries=0,
                )
            return work(self._client)


def _given(values: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return None if values is None else dict(values)


def _rows(found: Sequence[Sequence[Any]]) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in found]
