"""Rows that somebody edits, deletes, inserts or swaps in a store: every one of them is found and named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks.mutations import CHANGES, campaign
from projections.clickhouse.tables import current, table
from tests.integration.nats_fixture import NatsServer, nats_server
from tests.integration.test_cli_log import nexus
from tests.integration.views_fixture import clickhouse_url, database, module_database
from tests.integration.views_rig import Rig, rig, workers

__all__ = ["clickhouse_url", "database", "module_database", "nats_server"]

EACH = 3
"""Rows for each kind of change; `python -m benchmarks mutations` makes more of them."""


async def verified(made: Rig) -> tuple[int, list[dict[str, Any]], str]:
    """Exit code of `nexus verify --views`, the rows it names, and what it says besides."""
    settings = made.settings
    urls = {"nats": settings.nats_url, "postgres": settings.postgres_url, "clickhouse": settings.clickhouse_url}
    (settings.data / "endpoints.json").write_text(json.dumps(urls))
    code, out, err = await nexus("verify", "--data", settings.data_dir, "--views", "--output", "json")
    told = json.loads(out)
    assert told["faults"] == []
    return code, [{"store": view["store"], **fault} for view in told["views"] for fault in view["faults"]], err


async def test_every_row_that_somebody_changes_is_found_and_named(
    nats_server: NatsServer, database: str, clickhouse_url: str, tmp_path: Path
) -> None:
    async with rig(nats_server, database, clickhouse_url, tmp_path) as made, workers(made.settings):
        await made.write(40)
        await made.settle()
        code, rotten, said = await verified(made)
        assert (code, rotten) == (0, []) and "rows/s" in said
        made_of, unfound = await campaign(made.connection, made.pool, EACH)
        assert (dict(made_of), unfound) == (dict.fromkeys(CHANGES, EACH), [])

        # what stays changed is told by the command, with the row's place and the column
        (row, *_, last) = await made.pool.fetch("SELECT * FROM nexus.traffic_event ORDER BY sequence, position")
        await made.pool.execute("UPDATE nexus.traffic_event SET cost_micros = 1 + cost_micros WHERE request_id = $1",
                                row["request_id"])  # fmt: skip
        await made.pool.execute("DELETE FROM nexus.traffic_event WHERE request_id = $1", last["request_id"])
        code, rotten, _ = await verified(made)
        place = f"TRAFFIC:{row['sequence']}.{row['position']}"
        assert code == 1
        assert rotten[0] | {"place": place} == rotten[0]
        assert [(one["key"], one["kind"], one["column"]) for one in rotten] == [
            (row["request_id"], "changed", "cost_micros"),
            (last["request_id"], "removed", ""),
        ]


async def test_a_view_that_says_it_is_behind_or_ahead_is_not_believed(
    nats_server: NatsServer, database: str, clickhouse_url: str, tmp_path: Path
) -> None:
    async with rig(nats_server, database, clickhouse_url, tmp_path) as made:
        async with workers(made.settings):
            await made.write(12)
            await made.settle()
        assert (await verified(made))[:2] == (0, [])
        rows = await made.pool.fetch("SELECT * FROM nexus.traffic_event ORDER BY sequence, position")
        place = "WHERE stream = 'TRAFFIC'"
        was = await made.pool.fetchval(f"SELECT sequence FROM nexus.position {place}")
        await made.pool.execute(f"UPDATE nexus.position SET sequence = {was + 1_000} {place}")
        code, rotten, _ = await verified(made)
        assert code == 1 and {(one["table"], one["key"]) for one in rotten} == {("position", "TRAFFIC")}
        await made.pool.execute(f"UPDATE nexus.position SET sequence = {rows[5]['sequence']} {place}")
        await made.pool.execute("DELETE FROM nexus.traffic_event WHERE request_id = $1", rows[-1]["request_id"])
        code, rotten, _ = await verified(made)
        assert code == 1
        assert [(one["key"], one["kind"]) for one in rotten] == [(rows[-1]["request_id"], "removed")]


async def test_rows_of_clickhouse_are_held_to_the_log_too(
    nats_server: NatsServer, database: str, clickhouse_url: str, tmp_path: Path
) -> None:
    async with rig(nats_server, database, clickhouse_url, tmp_path) as made, workers(made.settings):
        await made.write(30)
        await made.settle()
        assert (await verified(made))[:2] == (0, [])
        rows = await made.store.query("SELECT request_id FROM traffic_events ORDER BY sequence, position")
        edited, deleted, copied = rows[3][0], rows[17][0], rows[-1][0]
        own = table("traffic_events", await current(made.store))
        at_once = {"mutations_sync": 1}
        await made.store.command(f"ALTER TABLE {own} UPDATE model = 'x' WHERE request_id = '{edited}'", at_once)
        await made.store.command(f"ALTER TABLE {own} DELETE WHERE request_id = '{deleted}'", at_once)
        one = f"(SELECT * FROM {own} WHERE request_id = '{copied}')"
        await made.store.command(f"INSERT INTO {own} SELECT * REPLACE ('forged' AS request_id) FROM {one}")
        code, rotten, _ = await verified(made)
        assert code == 1
        assert {(one["store"], one["key"], one["kind"], one["column"]) for one in rotten} == {
            ("clickhouse", edited, "changed", "model"),
            ("clickhouse", deleted, "removed", ""),
            ("clickhouse", "forged", "inserted", ""),
        }
