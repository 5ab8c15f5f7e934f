"""`nexus retention`: how long what requests leave behind is kept, removing what is older, and what has gone so far."""

from __future__ import annotations

import argparse
import os
from contextlib import AsyncExitStack
from typing import Any

from ops.cli.exits import OK
from ops.cli.log_of import on_log
from ops.cli.output import Output
from ops.cli.rebuild import settings_of
from ops.cli.record import operator, record, tell
from projections.clickhouse.client import ClickHouse
from projections.gone import KIND
from projections.live.past import past
from projections.log.connection import LogConnection
from projections.log.facts import facts_on
from projections.postgres.pool import open_pool
from projections.retention import Retainer, Went, kept
from schemas import subjects
from schemas.facts.ops import RetentionApplied
from schemas.ids import Ids, SystemClock, iso

SHOWN = ("tenant", "bodies", "rows", "findings", "facts", "holds")
WENT = ("tenant", "kind", "count", "held", "before")
TOLD = ("time", "tenant", "kind", "count", "held", "before", "actor")


def show(args: argparse.Namespace) -> int:
    """What is in force, by tenant; what is not named is kept."""

    async def work(connection: LogConnection) -> list[dict[str, Any]]:
        state = (await past(connection)).state
        return [
            {
                "tenant": one.tenant,
                **{
                    kind: f"{days} days" if days else "kept" for kind, days in one._asdict().items() if kind != "tenant"
                },
                "holds": len(list(state.all_of("hold", one.tenant))),
            }
            for one in kept(state.all_of("retention", args.tenant))
        ]

    nothing = "everything is kept: there are no retentions; POST /api/admin/retentions, or [[retentions]] in a file"
    Output(args.output).rows(on_log(args.data, "retention", work), SHOWN, nothing)
    return OK


def apply(args: argparse.Namespace) -> int:
    """Remove what is older than the retentions allow, now; a worker does so every hour."""
    settings = settings_of(args.data, os.environ)

    async def work(connection: LogConnection) -> list[Went]:
        clock = SystemClock()
        run = Ids(clock).new()

        async def say(tenant: str, done: RetentionApplied) -> None:
            await tell(connection, done, KIND, actor=operator(), correlation=run, tenant=tenant)

        async with AsyncExitStack() as opened:
            pool = store = None
            if settings.postgres_url:
                pool = await open_pool(settings.postgres_url, name="retention", smallest=0, largest=1)
                opened.callback(pool.terminate)
            if settings.clickhouse_url:
                store = ClickHouse(settings.clickhouse_url)
                opened.push_async_callback(store.close)
            if not args.dry_run:
                await record(connection, "retention apply", args.tenant or "all tenants")
            state = (await past(connection)).state
            retainer = Retainer(connection, clock, pool, store)
            return await retainer.apply(state, say, tenant=args.tenant or "", dry_run=args.dry_run)

    rows = [_row(went.tenant, one) for went in on_log(args.data, "retention", work) for one in went.removed]
    output = Output(args.output)
    output.rows(rows, WENT, "nothing is older than it may be", {"dry_run": args.dry_run})
    if args.dry_run and rows:
        output.message("This would go; without --dry-run it goes, for good.")
    return OK


def report(args: argparse.Namespace) -> int:
    """What went so far, the oldest first, as the log has it."""

    async def work(connection: LogConnection) -> list[dict[str, Any]]:
        found = []
        async for fact, data in facts_on(connection, "OPS", subjects.ops(KIND)):
            if isinstance(data, RetentionApplied) and args.tenant in (None, fact.tenant):
                common = {"time": iso(fact.time), "actor": fact.actor}
                found += [{**common, **_row(fact.tenant, one)} for one in data.removed]
        return found

    Output(args.output).rows(on_log(args.data, "retention", work), TOLD, "nothing has gone so far")
    return OK


def _row(tenant: str, one: Any) -> dict[str, Any]:
    return {
        "tenant": tenant,
        "kind": one.kind,
        "count": one.count,
        "held": one.held,
        "before": iso(one.before_us),
    }
