"""Which errors of Postgres are an outage, and which are ours."""

from __future__ import annotations

import asyncpg
import pytest

from projections.postgres.pool import is_outage, outage, storing
from schemas.errors import Invalid, Rejected


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
        asyncpg.InsufficientPrivilegeError(),
        asyncpg.InvalidPasswordError(),
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
        asyncpg.DataError("a number of 65 bits"),
        KeyError("x"),
    ],
)
async def test_any_other_error_stays_what_it_is(error: Exception) -> None:
    with pytest.raises(type(error)):
        async with outage("postgres"):
            raise error


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.DataError("a number of 65 bits"),
        asyncpg.NumericValueOutOfRangeError(),
        asyncpg.CharacterNotInRepertoireError(),
        asyncpg.NotNullViolationError(),
        asyncpg.ProgramLimitExceededError(),
    ],
)
async def test_what_a_sink_can_never_store_is_poison(error: Exception) -> None:
    with pytest.raises(Invalid, match=type(error).__name__):
        async with storing():
            raise error


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.UndefinedColumnError(),
        asyncpg.InvalidPasswordError(),
        asyncpg.CheckViolationError(),
        asyncpg.InterfaceError("connection is closed"),
        asyncpg.InternalClientError("unexpected state"),
        asyncpg.ProtocolError("unexpected message"),
        EOFError("the stream ended"),
        ConnectionResetError(),
    ],
)
async def test_what_somebody_can_mend_in_the_store_is_tried_again(error: Exception) -> None:
    with pytest.raises(Rejected, match=type(error).__name__):
        async with storing():
            raise error
