"""Connections to Postgres, and which of its errors are an outage, which the data's. No view's statement lives here."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from schemas.errors import Invalid, Rejected

LIVE = "nexus"
"""The schema with the views in use; a rebuild makes another and gives it this name."""

_OUTAGE_CLASSES = ("08", "28", "40", "53", "55", "57", "58", "XX")
"""SQLSTATE classes (PostgreSQL, appendix A): connection, authorization, rollback, resources, prerequisites,
intervention, system."""
_OUTAGE_CODES = ("25006", "3D000", "3F000", "42501", "42P01")
"""Read-only, no such database, schema, right, table: somebody is working on it, or took it away, and it comes back."""
_DATA_CLASSES = ("22", "23", "54")
"""Data exceptions, constraints, limits such as an index entry that is too long: the same rows fail for ever."""
_STORE = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, EOFError)
"""What the driver raises; the last two when a connection died in the middle of something."""
_NO_PARTITION = "23514"
"""A check that failed; tables here have none but that a row's partition is there."""


async def open_pool(url: str, *, name: str, smallest: int = 1, largest: int = 4) -> asyncpg.Pool[asyncpg.Record]:
    """A pool whose sessions speak UTC and are named in `pg_stat_activity`.

    Raises:
        Rejected: nobody answers.
    """
    logging.getLogger("asyncpg.pool").setLevel(logging.ERROR)  # a failure is told by whoever waits for the answer
    async with outage("postgres"):
        return await asyncpg.create_pool(
            url,
            min_size=smallest,
            max_size=largest,
            timeout=10,
            command_timeout=60,
            server_settings={"application_name": f"nexus {name}"[:63], "timezone": "UTC"},
        )


def is_outage(error: BaseException) -> bool:
    """Whether the same statement may well succeed later."""
    if isinstance(error, asyncpg.PostgresError):
        state: Any = error.sqlstate or ""
        return state[:2] in _OUTAGE_CLASSES or state in _OUTAGE_CODES
    # a value that the driver cannot even encode is no fault of a connection, whatever it is derived from
    return isinstance(error, asyncpg.InterfaceError | OSError | TimeoutError) and not is_data(error)


def is_data(error: BaseException) -> bool:
    """Whether what was to be stored is to blame: no store of this shape ever takes it."""
    if isinstance(error, asyncpg.PostgresError):
        state: Any = error.sqlstate or ""
        return state[:2] in _DATA_CLASSES and state != _NO_PARTITION
    # of rows that are copied, the driver tells as Python does
    return isinstance(error, asyncpg.DataError | OverflowError | UnicodeError)


@asynccontextmanager
async def outage(what: str) -> AsyncIterator[None]:
    """Turns errors of an outage into `Rejected`; the text names the kind of error, never a statement or its data."""
    try:
        yield
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
        if not is_outage(error):
            raise
        raise Rejected(f"{what}: {type(error).__name__}", retry_after=1) from error


@asynccontextmanager
async def storing() -> AsyncIterator[None]:
    """Around what a sink writes: either the data are to blame (`Invalid`), or it is tried again (`Rejected`).

    A store that lacks a column, or rights, is somebody's work under way. It must neither end the process, in which
    other workers have their stores, nor send to DEAD what could be stored once that is mended.
    """
    try:
        yield
    except (*_STORE, OSError, TimeoutError, OverflowError, UnicodeError) as error:
        if is_data(error):
            raise Invalid(f"postgres cannot hold it: {type(error).__name__}") from error
        raise Rejected(f"postgres: {type(error).__name__}", retry_after=1) from error
