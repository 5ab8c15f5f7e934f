"""Which errors of Postgres are an outage, and which are ours."""

from __future__ import annotations

import asyncpg
import pytest

from projections.postgres.pool import is_outage, outage
from schemas.errors import Rejected


@pytest.mark.parametrize(
    "error",
    [
        ConnectionResetError(),
        TimeoutError(),
        asyncpg.InterfaceError("connection is closed"),
        asyncpg.ConnectionDoesNotExistError(),
        asyncpg.CannotConnectNowError(),
        asyncpg.AdminShutdownError(),
        asyncpg.TooManyConnectionsError(),
        asyncpg.DiskFullError(),
        asyncpg.DeadlockDetectedError(),
        asyncpg.LockNotAvailableError(),
        asyncpg.ReadOnlySQLTransactionError(),
        asyncpg.UndefinedTableError(),
        asyncpg.InvalidSchemaNameError(),
        asyncpg.InvalidCatalogNameError(),
    ],
)
async def test_an_outage_is_rejected_and_not_poison(error: Exception) -> None:
    assert is_outage(error)
    with pytest.raises(Rejected) as raised:
        async with outage("postgres"):
            raise error
    assert type(error).__name__ in str(raised.value)


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.UniqueViolationError(),
        asyncpg.NotNullViolationError(),
        asyncpg.UndefinedColumnError(),
        asyncpg.InsufficientPrivilegeError(),
        asyncpg.InvalidPasswordError(),
        KeyError("x"),
    ],
)
async def test_any_other_error_stays_what_it_is(error: Exception) -> None:
    with pytest.raises(type(error)):
        async with outage("postgres"):
            raise error
