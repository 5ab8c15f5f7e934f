"""How far behind the log each sink is, and what a foreign writer can do to the log. Watches; decides nothing."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import clickhouse_connect

from benchmarks.chaos.site import Site
from projections.log.connection import LogConnection
from projections.log.reader import last_sequence

ANSWER_S = 5.0


@dataclass(frozen=True)
class Standing:
    pending: int
    """Messages that are not applied yet."""
    position: int
    """Everything up to here is."""


class Lag:
    """Through a connection of the campaign's own."""

    def __init__(self, connection: LogConnection, site: Site) -> None:
        self.connection = connection
        self._site = site
        self._postgres: Any = None

    async def last(self) -> int:
        """Sequence of the newest message of TRAFFIC."""
        return await last_sequence(self.connection, "TRAFFIC")

    async def behind(self, store: str) -> Standing:
        """Where the view of traffic in a store stands, by the store's own word. Raises what its client raises."""
        if store == "postgres":
            self._postgres = self._postgres or await asyncpg.connect(self._site.endpoints["postgres_admin"])
            try:
                position = await self._postgres.fetchval(
                    "SELECT sequence FROM position WHERE sink = 'audit' AND stream = 'TRAFFIC'", timeout=ANSWER_S
                )
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError):
                self._postgres.terminate()
                self._postgres = None
                raise
        else:
            position = await asyncio.to_thread(clickhouse_position, self._site.endpoints["clickhouse"])
        last = await self.last()
        return Standing(max(0, last - (position or 0)), position or 0)

    async def close(self) -> None:
        if self._postgres is not None:
            self._postgres.terminate()

    def newest_delivered(self) -> float:
        """When the newest event happened that the SIEM's receiver has, seconds since the epoch; 0 for none."""
        path: Path = self._site.siem_ledger
        if not path.exists():
            return 0.0
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - 262_144))
            # the last one may be half written, the first one cut off
            lines = file.read().rpartition(b"\n")[0].splitlines()
        return json.loads(lines[-1])["newest_ms"] / 1000 if lines and lines[-1].startswith(b"{") else 0.0

    @contextlib.asynccontextmanager
    async def refused_rows(self) -> AsyncIterator[None]:
        """While it lasts, PostgreSQL takes no row of traffic."""
        connection = await asyncpg.connect(self._site.endpoints["postgres_admin"])
        try:
            await connection.execute(
                "CREATE FUNCTION chaos() RETURNS trigger LANGUAGE plpgsql AS "
                "$$ BEGIN RAISE EXCEPTION 'chaos' USING ERRCODE = 'disk_full'; END $$"
            )
            await connection.execute(
                "CREATE TRIGGER chaos BEFORE INSERT ON traffic_event FOR EACH ROW EXECUTE FUNCTION chaos()"
            )
            yield
        finally:
            await connection.execute("DROP FUNCTION IF EXISTS chaos() CASCADE")
            await connection.close()


def clickhouse_position(url: str) -> int:
    """How far the generation in use is; a batch is announced before it is inserted."""
    client = clickhouse_connect.get_client(dsn=url, compress=False, send_receive_timeout=int(ANSWER_S))
    try:
        generation = client.query("SELECT max(generation) FROM traffic_generation").result_rows[0][0]
        return int(client.query(f"SELECT max(last) FROM traffic_position_{int(generation)}").result_rows[0][0])
    finally:
        client.close()
