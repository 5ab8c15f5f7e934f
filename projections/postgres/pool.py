"""Connections to Postgres, and which of its errors are an outage. No statement of a view lives here."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from schemas.errors import Rejected

LIVE = "nexus"
"""The schema with the views in use; a rebuild makes another and gives it this name."""

_OUTAGE_CLASSES = ("08", "40", "53", "55", "57", "58", "XX")
"""SQLSTATE classes (PostgreSQL, appendix A): connection, rollback, resources, prerequisites, intervention, system."""
_OUTAGE_CODES = ("25006", "3D000", "3F000", "42P01")
"""Read-only, no such database, schema, table: somebody is working on it, or dropped it, and it comes back."""


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
    return isinstance(error, asyncpg.InterfaceError | OSError | TimeoutError)


@asynccontextmanager
async def outage(what: str) -> AsyncIterator[None]:
    """Turns errors of an outage into `Rejected`; the text names the kind of error, never a statement or its data."""
    try:
        yield
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
        if not is_outage(error):
            raise
        raise Rejected(f"{what}: {type(error).__name__}", retry_after=1) from error
