"""Composition root of the admin plane: builds every part, serves until told to stop, closes in order."""

from __future__ import annotations

import asyncio
import logging
import signal
from contextlib import AsyncExitStack
from functools import partial
from typing import Any

import asyncpg
from blacksheep.server.application import Application
from granian.constants import Interfaces
from granian.server.embed import Server

from ingress.admin.auth import ROOT, Authenticator, open_key_file
from ingress.admin.commands import Tools
from ingress.admin.erasures import Erasures
from ingress.admin.freshness import Freshness
from ingress.admin.health import Health, Positions, Probe
from ingress.admin.intake import intakes
from ingress.admin.metrics import Metrics
from ingress.admin.model_lists import open_model_lists
from ingress.admin.openapi import document_endpoint
from ingress.admin.proving import Proving
from ingress.admin.request_trail import RequestTrail
from ingress.admin.routes import build_application, collection_endpoints
from ingress.admin.simulations import Simulations
from ingress.admin.traffic_queries import TrafficQueries
from ingress.admin.views import ConfigFreshness, StoredFreshness, StoredTraffic
from ingress.admin.wire import Door
from projections.clickhouse import standing as clickhouse_standing
from projections.clickhouse.client import ClickHouse
from projections.erasure import Eraser
from projections.live.config import LiveConfig, OnChange
from projections.live.state import Changed
from projections.log.api import call
from projections.log.connection import LogConnection
from projections.log.durability import DurabilityWatch
from projections.log.ending import end
from projections.log.reader import last_sequence
from projections.log.standing import LogStanding
from projections.log.store import ConfigStore
from projections.log.writer import SegmentWriter
from projections.postgres import standing as postgres_standing
from projections.postgres.pool import open_pool
from projections.screening import Screener, load_builtin_rules, load_or_compile
from projections.screening.compiling import prove
from projections.valkey.store import Store as Valkey
from projections.vault import BodyVault, Vault, open_vault
from schemas.errors import Unavailable
from schemas.ids import Clock, Ids, SystemClock
from schemas.screening.model import TOO_MANY_HITS
from schemas.screening.rules import names
from schemas.settings import Settings
from schemas.topology import STREAMS

log = logging.getLogger(__name__)

VERSION = "0.1.0"
RESUME_RETRY_S = 5.0
QUEUE_BYTES = 1024 * 1024
"""Of facts about what operators do."""
STOP_S = 10.0
"""How long requests under way may take to end after the signal."""


async def run(settings: Settings, stop: asyncio.Event | None = None) -> None:
    """Serves until SIGTERM, SIGINT or `stop`.

    Raises:
        Unavailable: the log cannot be reached at the start.
        BadKeyFile, BadMasterKey: a secret on the disk cannot be trusted.
        SystemExit: a part of it ended by itself.
    """
    stop = stop or asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with AsyncExitStack() as opened:
        connection = await LogConnection.open(settings.nats_url, settings.writer or "admin")
        opened.push_async_callback(connection.close)
        watchers: list[OnChange] = []

        def on_change(changed: Changed) -> None:
            for told in watchers:
                told(changed)

        live = await LiveConfig.start(connection, on_change)
        opened.push_async_callback(live.close)
        application = await build(settings, connection, live, opened, watchers)
        server = Server(
            application,
            address=settings.admin_host,
            port=settings.admin_port,
            interface=Interfaces.ASGINL,
            websockets=False,
            log_enabled=False,
        )
        serving = asyncio.create_task(server.serve(), name="serve")
        log.info("admin plane serves host=%s port=%d", settings.admin_host, settings.admin_port)
        waiting = [asyncio.create_task(stop.wait()), serving, *([live.task] if live.task else [])]
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        waiting[0].cancel()
        in_order = stop.is_set()
        if not in_order:
            log.error("admin plane stops: serving or following the configuration ended by itself")
        server.stop()  # type: ignore[no-untyped-call]
        try:
            await asyncio.wait_for(asyncio.gather(serving, return_exceptions=True), STOP_S)
        except TimeoutError:
            log.warning("admin plane stops with requests under way after_s=%.0f", STOP_S)
    if not in_order:
        raise SystemExit(1)


async def build(
    settings: Settings,
    connection: LogConnection,
    live: LiveConfig,
    opened: AsyncExitStack,
    watchers: list[OnChange],
) -> Application:
    """The web application over a connected log; whatever else it opens is closed with `opened`.

    Args:
        watchers: are told whatever changes in `live`.
    """
    clock = SystemClock()
    ids = Ids(clock)
    store = ConfigStore(connection, clock, ids, writer=settings.writer or "admin")
    built_in = load_builtin_rules()
    rules = frozenset({TOO_MANY_HITS, *names(built_in)})
    vault = await open_vault(settings, connection)
    tools = Tools(store, live, vault, rules, Proving(prove, live, {rule.id for rule in built_in}))
    pool = await _open_postgres(settings, opened)
    traffic = StoredTraffic(pool)
    health = await _open_health(settings, connection, live, pool, clock, opened)
    writer = await _open_writer(settings, connection, clock, ids, opened)
    lists = await open_model_lists(settings, live, vault, store, writer, clock, ids, watchers, opened)
    endpoints = [
        *(endpoint for intake in intakes().values() for endpoint in collection_endpoints(intake, tools, live)),
        *TrafficQueries(traffic, RequestTrail(connection), live).endpoints(),
        *Erasures(await _open_eraser(connection, live, vault, writer, opened), vault, live).endpoints(),
        *Simulations(
            live, clock, lambda: Screener(load_or_compile(settings.data / "packs")), vault.hash_key
        ).endpoints(),
        *health.endpoints(),
        *lists.endpoints(),
        *Metrics(health.look, lists.families).endpoints(),
    ]
    authenticator = Authenticator({open_key_file(settings.data): ROOT})
    freshness = Freshness(
        {"CONFIG": ConfigFreshness(live), "TRAFFIC": StoredFreshness(traffic.position, clock)},
    )
    door = Door(authenticator, freshness, clock, ids, settings.body_timeout_s)
    application = build_application([*endpoints, document_endpoint(endpoints, VERSION)], door)
    await application.start()  # type: ignore[no-untyped-call]
    return application


async def _open_health(
    settings: Settings,
    connection: LogConnection,
    live: LiveConfig,
    pool: asyncpg.Pool[Any] | None,
    clock: Clock,
    opened: AsyncExitStack,
) -> Health:
    """How the log and each store that is configured are, as far as they are asked here."""
    probes: dict[str, Probe] = {"log": partial(call, connection, "INFO")}
    positions: dict[str, Positions] = {}
    if pool is not None:
        probes["postgres"] = partial(postgres_standing.check, pool)
        positions["postgres"] = partial(postgres_standing.positions, pool)
    if settings.valkey_url:
        valkey = Valkey(settings.valkey_url)
        opened.push_async_callback(valkey.close)
        probes["valkey"] = valkey.epoch
    if settings.clickhouse_url:
        clickhouse = ClickHouse(settings.clickhouse_url)
        opened.push_async_callback(clickhouse.close)
        probes["clickhouse"] = partial(clickhouse_standing.check, clickhouse)
        positions["clickhouse"] = partial(clickhouse_standing.positions, clickhouse)
    durability = await DurabilityWatch(connection, settings.nats_monitor).start()
    opened.push_async_callback(durability.close)
    standing = LogStanding(connection, clock)
    positions["siem"] = lambda: standing.siem(list(live.all_of("siem-target")))
    return Health(
        probes=probes,
        streams=partial(_last_sequences, connection),
        positions=positions,
        config=lambda: (live.sequence, live.age_s),
        stale_s=settings.config_stale_s,
        durability=lambda: durability.standing,
        waiting=standing.waiting_s,
        record=standing.record,
    )


async def _open_writer(
    settings: Settings, connection: LogConnection, clock: Clock, ids: Ids, opened: AsyncExitStack
) -> SegmentWriter:
    """For what is done here besides changing the configuration."""
    writer = SegmentWriter(
        connection,
        clock,
        ids,
        stream="OPS",
        writer=settings.writer or "admin",
        boot=ids.new(),
        queue_bytes=QUEUE_BYTES,
        segment_bytes=settings.segment_bytes,
    )
    await writer.start()
    opened.push_async_callback(writer.close)
    return writer


async def _open_eraser(
    connection: LogConnection, live: LiveConfig, vault: Vault, writer: SegmentWriter, opened: AsyncExitStack
) -> Eraser:
    eraser = Eraser(BodyVault(connection, vault), live, writer, partial(last_sequence, connection, "CONFIG"))
    resuming = asyncio.create_task(_resume(eraser, connection), name="resume erasures")
    opened.push_async_callback(end, {resuming})
    return eraser


async def _resume(eraser: Eraser, connection: LogConnection) -> None:
    """Erasures whose process died in the middle are done to the end, beside what else is served."""
    while True:
        try:
            await eraser.resume(connection)
            return
        except Unavailable as error:
            log.warning("event=erasures_not_resumed error=%s", error)
        await asyncio.sleep(RESUME_RETRY_S)


async def _open_postgres(settings: Settings, opened: AsyncExitStack) -> asyncpg.Pool[Any] | None:
    """A pool that connects when first asked: the control plane serves configuration without Postgres too."""
    if not settings.postgres_url:
        return None
    pool = await open_pool(settings.postgres_url, name=settings.writer or "admin", smallest=0)
    opened.callback(pool.terminate)
    return pool


async def _last_sequences(connection: LogConnection) -> dict[str, int]:
    names = [stream.name for stream in STREAMS]
    return dict(zip(names, await asyncio.gather(*(last_sequence(connection, name) for name in names)), strict=True))
