"""A database of one's own on the running stack, for tests of views."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from projections.clickhouse.client import ClickHouse
from projections.postgres.pool import open_pool
from tests.stack_fixture import StackThread


def _with_path(url: str, path: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{path}"))


async def _as_admin(stack: StackThread, *statements: str) -> None:
    admin = await asyncpg.connect(stack.endpoints["postgres_admin"])
    try:
        for statement in statements:
            await admin.execute(statement)
    finally:
        await admin.close()


@pytest.fixture(scope="module")
def module_database(stack: StackThread) -> Iterator[str]:
    """The URL of a database for the tests of one file: to make and to drop one costs seconds."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    owner = urlsplit(stack.endpoints["postgres"]).username
    stack.call(_as_admin(stack, f'CREATE DATABASE {name} OWNER "{owner}" STRATEGY wal_log'))
    yield _with_path(stack.endpoints["postgres"], name)
    stack.call(_as_admin(stack, f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture
async def database(module_database: str) -> AsyncIterator[str]:
    """The URL of an empty database."""
    connection = await asyncpg.connect(module_database)
    try:
        for row in await connection.fetch("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'nexus%'"):
            await connection.execute(f'DROP SCHEMA "{row[0]}" CASCADE')
    finally:
        await connection.close()
    yield module_database


@pytest.fixture
async def pool(database: str) -> AsyncIterator[asyncpg.Pool[Any]]:
    """Connections to that database; the migrations are the test's business."""
    opened = await open_pool(database, name="test", largest=8)
    try:
        yield opened
    finally:
        await opened.close()


@pytest.fixture
async def clickhouse_url(stack: StackThread) -> AsyncIterator[str]:
    """The URL of an empty database of ClickHouse."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    admin = ClickHouse(stack.endpoints["clickhouse"])
    try:
        await admin.command(f"CREATE DATABASE {name}")
        yield _with_path(stack.endpoints["clickhouse"], name)
        await admin.command(f"DROP DATABASE {name}")
    finally:
        await admin.close()


@pytest.fixture
async def store(clickhouse_url: str) -> AsyncIterator[ClickHouse]:
    """A client of that database."""
    opened = ClickHouse(clickhouse_url)
    try:
        yield opened
    finally:
        await opened.close()
