"""Applies the numbered migrations to a schema, and mends one whose tables were dropped by hand."""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Iterable
from importlib import resources
from typing import Any

import asyncpg
import msgspec

from projections.postgres.pool import LIVE, outage

log = logging.getLogger(__name__)

TABLES_OF = {
    "TRAFFIC": ("traffic_event", "finding"),
    "DECISIONS": ("finding",),
    "LEDGER": ("spend", "spend_through"),
    "CONFIG": ("config_current",),
}
"""Which tables a stream fills: one that was lost is filled again from the beginning of its streams."""
TABLES = ("position", *sorted({table for tables in TABLES_OF.values() for table in tables}))

_NAME = re.compile(r"(\d{4})_[a-z0-9_]+\.sql\Z")


class Migration(msgspec.Struct, frozen=True):
    number: int
    name: str
    sql: str

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()


class Changed(RuntimeError):
    """A migration was edited after it had been applied: write a new one instead."""


def migrations() -> tuple[Migration, ...]:
    """All migrations of this version in their order."""
    found = []
    for entry in resources.files("projections.postgres").joinpath("migrations").iterdir():
        if match := _NAME.match(entry.name):
            found.append(Migration(int(match[1]), entry.name, entry.read_text(encoding="utf-8")))
    return tuple(sorted(found, key=lambda migration: migration.number))


def version() -> int:
    """The number of the newest migration."""
    return migrations()[-1].number


async def migrate(pool: asyncpg.Pool[Any], schema: str = LIVE) -> list[str]:
    """Brings a schema up to this version and returns what was applied; several processes may do so at once.

    Raises:
        Changed: what is applied there is not what this version knows under the same number.
        Rejected: Postgres does not answer.
    """
    async with outage("postgres"), pool.acquire() as connection, connection.transaction():
        await _enter(connection, schema)
        applied = dict(await connection.fetch("SELECT number, sha256 FROM migration"))
        done = []
        for migration in migrations():
            if migration.number not in applied:
                await _apply(connection, migration)
                done.append(migration.name)
            elif applied[migration.number] != migration.sha256:
                raise Changed(f"{migration.name} was changed after it had been applied to schema {schema}")
        return done


async def missing(pool: asyncpg.Pool[Any], schema: str = LIVE) -> list[str]:
    """Tables that should be there and are not."""
    async with outage("postgres"):
        found = await pool.fetch(
            "SELECT name FROM unnest($1::text[]) AS name WHERE to_regclass(format('%I.%I', $2::text, name)) IS NULL",
            TABLES,
            schema,
        )
    return [row["name"] for row in found]


async def mend(pool: asyncpg.Pool[Any], schema: str = LIVE) -> list[str]:
    """Makes missing tables anew and sends the streams that fill them back to their beginning.

    What is applied again meets the rows that are still there and changes none of them.

    Returns:
        The tables that were missing.
    """
    async with outage("postgres"), pool.acquire() as connection, connection.transaction():
        await _enter(connection, schema)
        lost = [
            name
            for name in TABLES
            if not await connection.fetchval("SELECT to_regclass(format('%I.%I', $1::text, $2::text))", schema, name)
        ]
        if not lost:
            return []  # another process was faster
        for migration in migrations():
            await _apply(connection, migration)
        if {"spend", "spend_through"} & set(lost):
            await connection.execute("TRUNCATE spend, spend_through")  # sums: only whole together
        streams = [stream for stream, tables in TABLES_OF.items() if set(tables) & set(lost)]
        await connection.execute("DELETE FROM position WHERE stream = ANY($1::text[])", streams)
    log.warning("event=tables_mended schema=%s tables=%s streams=%s", schema, ",".join(lost), ",".join(streams))
    return lost


async def drop(pool: asyncpg.Pool[Any], schema: str) -> None:
    """Removes a schema with everything in it; nothing when it does not exist."""
    async with outage("postgres"), pool.acquire() as connection:
        await connection.execute(f"DROP SCHEMA IF EXISTS {quoted(schema)} CASCADE")


def quoted(name: str) -> str:
    """An identifier in quotes."""
    return '"' + name.replace('"', '""') + '"'


def lock_key(schema: str) -> int:
    """The advisory lock of a schema: writers hold it shared for a transaction, who changes the schema alone."""
    return int.from_bytes(hashlib.sha256(b"nexus schema " + schema.encode()).digest()[:8], "big", signed=True)


async def _enter(connection: Any, schema: str) -> None:
    await connection.execute("SELECT pg_advisory_xact_lock($1)", lock_key(schema))
    await connection.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(schema)}")
    await connection.execute(f"SET LOCAL search_path TO {quoted(schema)}, pg_catalog")
    await connection.execute(
        "CREATE TABLE IF NOT EXISTS migration (number integer PRIMARY KEY, name text NOT NULL, "
        "sha256 text NOT NULL, applied timestamptz NOT NULL DEFAULT now())"
    )


async def _apply(connection: Any, migration: Migration) -> None:
    await connection.execute(migration.sql)
    await connection.execute(
        "INSERT INTO migration (number, name, sha256) VALUES ($1, $2, $3) "
        "ON CONFLICT (number) DO UPDATE SET name = excluded.name, sha256 = excluded.sha256",
        migration.number,
        migration.name,
        migration.sha256,
    )


def columns_of(names: Iterable[str]) -> str:
    """Column names for a statement."""
    return ", ".join(quoted(name) for name in names)
