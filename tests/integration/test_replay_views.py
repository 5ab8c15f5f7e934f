"""`nexus replay --into postgres|clickhouse`: a part of a view becomes what the log says, however often cut off."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from ops.replay.bookmark import Bookmark, Mark
from projections.clickhouse.rebuilding import alone
from projections.log import api
from projections.rebuild import rebuild
from schemas import subjects
from schemas.errors import Conflict
from tests.integration.contents import Contents, in_clickhouse, in_postgres
from tests.integration.nats_fixture import NatsServer, nats_server
from tests.integration.sample_log import message
from tests.integration.test_cli_log import nexus
from tests.integration.views_fixture import clickhouse_url, database, module_database
from tests.integration.views_rig import Rig, rig, workers
from tests.waiting import BOUND

__all__ = ["clickhouse_url", "database", "module_database", "nats_server"]

BOTH = pytest.mark.parametrize("view", ["postgres", "clickhouse"])


class Made:
    """Views of some traffic, and the command on them."""

    def __init__(self, rig: Rig, data: Path) -> None:
        self.rig = rig
        self.data = data

    async def replay(self, view: str, *argv: str) -> tuple[int, Any]:
        whole = ("replay", "--into", view, *argv, "--data", str(self.data), "--output", "json")
        code, out, err = await nexus(*whole)
        return code, json.loads(out) if out else err

    async def damage(self, view: str) -> None:
        """Takes rows away, changes some, and adds one that never was."""
        pool, store = self.rig.pool, self.rig.store
        if view == "postgres":
            await pool.execute("DELETE FROM nexus.traffic_event WHERE sequence % 3 = 0")
            await pool.execute("UPDATE nexus.traffic_event SET cost_micros = 7, model = 'x' WHERE sequence % 3 = 1")
            await pool.execute("DELETE FROM nexus.finding WHERE sequence % 2 = 0")
            await pool.execute(
                'INSERT INTO nexus.traffic_event SELECT (jsonb_populate_record(held, \'{"request_id": "never"}\')).* '
                "FROM nexus.traffic_event AS held ORDER BY sequence DESC LIMIT 1"
            )
            return
        (name,) = (await store.query("SELECT max(generation) FROM traffic_generation"))[0]
        quick = {"mutations_sync": 2}
        await store.command(f"ALTER TABLE traffic_events_{name} DELETE WHERE sequence % 3 = 0", quick)
        await store.command(f"ALTER TABLE traffic_events_{name} UPDATE cost_micros = 7 WHERE sequence % 3 = 1", quick)

    async def contents(self, view: str) -> dict[str, Contents]:
        """Both stores' own, without holding one against the other."""
        if view == "postgres":
            return await in_postgres(self.rig.pool)
        return await in_clickhouse(self.rig.store)


@pytest.fixture
async def made(nats_server: NatsServer, database: str, clickhouse_url: str, tmp_path: Path) -> AsyncIterator[Made]:
    urls = {"nats": nats_server.url, "postgres": database, "clickhouse": clickhouse_url}
    (tmp_path / "endpoints.json").write_text(json.dumps(urls))
    async with rig(nats_server, database, clickhouse_url, tmp_path) as running:
        async with workers(running.settings):
            for _ in range(8):
                await running.write(20)
            await running.settle()
        yield Made(running, tmp_path)


@BOTH
async def test_a_damaged_view_becomes_what_a_rebuild_gives_part_by_part(made: Made, view: str) -> None:
    before = await made.contents(view)
    code, told = await made.replay(view)
    assert (code, told["complete"]) == (0, True), told
    assert await made.contents(view) == before, "applied again, nothing counts twice"
    await made.damage(view)
    damaged = await made.contents(view)
    last = made.rig.writer.last_sequence
    code, told = await made.replay(view, "--from", f"TRAFFIC:{last // 2 + 1}", "--to", f"TRAFFIC:{last}")
    assert (code, told["first"]) == (0, f"TRAFFIC:{last // 2 + 1}"), told
    assert await made.contents(view) not in (before, damaged), "what is not named stays as it is"
    code, told = await made.replay(view, "--to", f"TRAFFIC:{last // 2}")
    assert code == 0, told
    assert await made.contents(view) == before
    await rebuild(view, made.rig.settings, lambda done, total: None)
    assert await made.contents(view) == before


@BOTH
async def test_cut_off_it_leaves_the_view_good_and_goes_on(made: Made, view: str, tmp_path: Path) -> None:
    before = await made.contents(view)
    await made.damage(view)
    damaged = await made.contents(view)
    code, told = await made.replay(view, "--limit", "30")
    assert (code, told["complete"]) == (0, False)
    between = await made.contents(view)
    if view == "clickhouse":
        assert between == damaged, "the live tables are not touched before all is done"
    else:
        assert between not in (before, damaged)
    code, why = await made.replay(view, "--from", "TRAFFIC:2")
    assert (code, "another replay" in why) == (1, True)
    code, told = await made.replay(view, "--resume")
    assert (code, told["complete"]) == (0, True), told
    assert await made.contents(view) == before
    code, why = await made.replay(view, "--resume")
    assert (code, "nothing to go on with" in why) == (1, True)
    assert not (tmp_path / "replay" / f"view.{view}.position").exists()


@BOTH
async def test_a_crash_in_the_middle_leaves_the_view_good(
    made: Made, view: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = await made.contents(view)
    saved = 0

    def crash(self: Bookmark, mark: Mark, save: Any = Bookmark.save) -> None:
        nonlocal saved
        saved += 1
        # early: the view may have said that it has the rows before it said how far it has come
        if saved == 2:
            raise RuntimeError("killed between the rows and the mark")
        save(self, mark)

    with monkeypatch.context() as patched:
        patched.setattr(Bookmark, "save", crash)
        patched.setattr("ops.replay.views.BATCH", 2)
        with pytest.raises(RuntimeError, match="killed"):
            await made.replay(view)
    assert await made.contents(view) == before
    code, told = await made.replay(view, "--resume")
    assert (code, told["complete"]) == (0, True), told
    assert await made.contents(view) == before


@BOTH
async def test_while_traffic_goes_on(made: Made, view: str) -> None:
    await made.damage(view)
    stop = asyncio.Event()

    async def load() -> None:
        while not stop.is_set():
            await made.rig.write(5)
            await asyncio.sleep(0.03)

    async with workers(made.rig.settings):
        loading = asyncio.create_task(load())
        try:
            code, told = await made.replay(view)
            assert code == 0, told
        finally:
            stop.set()
            await loading
        await made.rig.settle()
        postgres, _ = await made.rig.contents()
    assert postgres["traffic_event"].rows == postgres["finding"].rows == made.rig.requests


@BOTH
async def test_a_dry_run_counts_and_a_view_that_is_not_there_is_told(made: Made, view: str) -> None:
    before = await made.contents(view)
    await made.damage(view)
    damaged = await made.contents(view)
    code, told = await made.replay(view, "--dry-run")
    rows = sum(table.rows for name, table in before.items() if name in ("traffic_event", "traffic_events", "finding"))
    assert (code, told["dry_run"], told["events"]) == (0, True, rows), "of the view's own tables"
    assert await made.contents(view) == damaged
    if view == "postgres":
        await made.rig.pool.execute("DELETE FROM nexus.position")
    else:
        await made.rig.store.command("DROP TABLE traffic_generation")
    code, why = await made.replay(view)
    assert (code, "nexus rebuild" in why) == (1, True)


async def test_one_command_at_a_time_fills_tables_of_clickhouse(made: Made) -> None:
    before = await made.contents("clickhouse")
    with alone(made.data):
        code, why = await made.replay("clickhouse")
        assert (code, "wait for its end" in why) == (1, True)
        with pytest.raises(Conflict, match="wait for its end"):
            await rebuild("clickhouse", made.rig.settings, lambda done, total: None)
        assert (await made.replay("clickhouse", "--dry-run"))[0] == 0
    assert (await made.replay("clickhouse"))[0] == 0
    assert await made.contents("clickhouse") == before


async def test_findings_of_decisions_go_by_parts_as_well(made: Made) -> None:
    code, why = await made.replay("postgres", "--stream", "DECISIONS")
    assert (code, "nexus rebuild" in why) == (1, True), "there are none yet"
    facts = made.rig.source.request(hits=2)[1:2]
    subject = subjects.decisions("compliance", facts[0].tenant)
    payload = message(1, facts, stream="DECISIONS", subject=subject).payload
    assert (await api.publish(made.rig.connection, subject, payload, {})).error is None
    query = "SELECT count(*) FROM nexus.finding WHERE log = 'DECISIONS'"
    async with workers(made.rig.settings), asyncio.timeout(BOUND):
        while not await made.rig.pool.fetchval(query):
            await made.rig.settle()
    before = await made.contents("postgres")
    await made.rig.pool.execute("DELETE FROM nexus.finding WHERE log = 'DECISIONS' AND hit = 1")
    code, told = await made.replay("postgres", "--stream", "DECISIONS")
    assert (code, told["events"]) == (0, 2), told
    assert await made.contents("postgres") == before
