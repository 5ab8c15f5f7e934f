"""The process that keeps the ledger and the counters of budgets. Composition only."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from processors.door import Door
from processors.quota import snapshot
from processors.quota.append import STREAM, StreamLedgerLog
from processors.quota.counters import Counters
from processors.quota.worker import WRITER, QuotaWorker
from processors.shared import Shared
from processors.stopping import watch
from projections.live.config import LiveConfig
from projections.live.state import Changed
from projections.log.api import call
from projections.log.connection import LogConnection
from projections.log.reader import last_sequence
from projections.log.topology import apply
from projections.valkey.spent import SpentStore
from schemas.aggregates.budget import Budget
from schemas.ids import Ids, SystemClock
from schemas.settings import Settings
from schemas.topology import CONSUMERS, EMBEDDED

log = logging.getLogger(__name__)

_QUIET_US = 20_000_000
"""Gateways give a sign of life every ten seconds: after so long without any message there are none."""


async def run(settings: Settings, stop: asyncio.Event, shared: Shared | None = None) -> None:
    """Works until `stop` is set.

    Raises:
        Unavailable: the log did not answer at the start.
    """
    clock = SystemClock()
    ids = Ids(clock)
    connection = await LogConnection.open(settings.nats_url, WRITER)
    own = Shared("", connection)
    common = shared or own
    live: LiveConfig | None = None
    counters: Counters | None = None
    store: SpentStore | None = None

    def budgets(tenant: str) -> Sequence[Budget]:
        view = live.tenants.get(tenant) if live is not None else None
        return view.budgets if view is not None else ()

    def moved(tenant: str) -> None:
        if counters is not None:
            counters.changed(tenant)

    def configured(changed: Changed) -> None:
        if changed.aggregate == "budget":
            moved(changed.tenant)

    try:
        await apply(connection, EMBEDDED, replicas=settings.replicas, partitions=settings.partitions)
        live = await common.configuration(configured)
        following = live
        boot = ids.new()
        incarnation = await _incarnation(connection)
        ledger = snapshot.load(settings.data, incarnation, await last_sequence(connection, STREAM))
        workers = [
            QuotaWorker(
                StreamLedgerLog(connection),
                ledger,
                clock,
                ids,
                boot=boot,
                budgets=budgets,
                changed=moved,
                partition=partition,
            )
            for partition in range(settings.partitions)
        ]
        await workers[0].refresh()
        if settings.valkey_url:
            store = SpentStore(settings.valkey_url, log=incarnation)
            held = await _gateways_may_run(connection)
            counters = Counters(ledger, store, clock, lambda: tuple(following.tenants), budgets, may_be_held=held)
        else:
            log.warning("event=no_counters reason=NEXUS_VALKEY_URL is not set, budgets cannot be served")
        consumer = next(declared for declared in CONSUMERS if declared.name == "quota")
        async with asyncio.TaskGroup() as tasks:
            if counters is not None:
                tasks.create_task(counters.run(stop))
            if live.task is not None:
                tasks.create_task(watch(live.task, stop))
            tasks.create_task(snapshot.keep(ledger, settings.data, incarnation, stop))
            for partition, worker in enumerate(workers):
                door = Door(
                    settings, connection, consumer, worker.handle, worker.position,
                    refresh=worker.refresh, skip=worker.skip, partition=partition, tails=common.tails,
                )  # fmt: skip
                tasks.create_task(door.run(stop))
    finally:
        common.deaf(configured)
        await own.close()
        if store is not None:
            await store.close()
        await connection.close()


async def _incarnation(connection: LogConnection) -> str:
    """Tells a ledger from one that was begun anew."""
    created: str = (await call(connection, f"STREAM.INFO.{STREAM}"))["created"]
    return created


async def _gateways_may_run(connection: LogConnection) -> bool:
    """By the clock of the log's server alone: ours may be off, and then too much would be granted."""
    info = await call(connection, "STREAM.INFO.TRAFFIC")
    if not info["state"]["last_seq"]:
        return False
    quiet = datetime.fromisoformat(info["ts"]) - datetime.fromisoformat(info["state"]["last_ts"])
    return quiet < timedelta(microseconds=_QUIET_US)
