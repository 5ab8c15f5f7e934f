"""A database of one's own on the running stack, for tests of views."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from projections.clickhouse.client import ClickHouse
from projections.postgres.pool import open_pool
from tests.stack_fixture import StackThread


def _with_path(url: str, path: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{path}"))


@pytest.fixture
async def database(stack: StackThread) -> AsyncIterator[str]:
    """The URL of an empty database."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    admin = await asyncpg.connect(stack.endpoints["postgres_admin"])
    try:
        owner = urlsplit(stack.endpoints["postgres"]).username
        await admin.execute(f'CREATE DATABASE {name} OWNER "{owner}" STRATEGY file_copy')
        yield _with_path(stack.endpoints["postgres"], name)
        await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await admin.close()


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
