"""Composition root of the data plane: builds the parts, serves until told to stop, and stops in order."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal

from ingress.gateway.authenticate import Authenticator
from ingress.gateway.calling import Calls
from ingress.gateway.circuits import Circuits
from ingress.gateway.classifier import Classifier
from ingress.gateway.hooks import Hooks
from ingress.gateway.http import Gateway
from ingress.gateway.identity import Identity
from ingress.gateway.limits import RateLimits
from ingress.gateway.listener import Listener
from ingress.gateway.parts import Credentials, Parts
from ingress.gateway.record import OpenRequests
from ingress.gateway.screening import Screening
from ingress.gateway.switches import Switches
from ingress.gateway.tokens import Tokens
from ingress.gateway.upstream import Upstream
from ingress.gateway.webhook import Webhooks
from projections.live.config import LiveConfig
from projections.live.state import Changed
from projections.log.connection import LogConnection
from projections.log.durability import DurabilityWatch
from projections.log.ending import unless_stopped
from projections.log.writer import SegmentWriter
from projections.screening import Screener
from projections.screening.shipped import Shipped, obtain_built_in
from projections.screening.tenants import TenantPacks
from projections.valkey.leases import Leases
from projections.vault import BodyVault, open_vault
from schemas import subjects
from schemas.ids import Ids, SystemClock
from schemas.settings import Settings

log = logging.getLogger(__name__)

DRAIN_S = 25.0
"""How long requests under way may take to end after the process was told to stop."""
LEAVE_S = 3.0
"""How long, before that, new requests are still taken, each as the last of its connection: until whoever sends them has
seen that this process is no longer ready."""
CONNECTIONS = 4_096
GC_AFTER = 20_000
"""New containers between two collections. A request makes some hundreds, nearly all of which end without one."""


async def run(settings: Settings, stop: asyncio.Event | None = None) -> None:
    """Serves until SIGTERM, SIGINT or `stop`.

    Raises:
        Unavailable: the log cannot be reached at the start.
        BadMasterKey: the master key is missing, or another one than the keys of this installation are sealed under.
    """
    stop = stop or asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)

    clock = SystemClock()
    ids = Ids(clock)
    name = settings.writer or "gateway-1"
    opened = OpenRequests(name, ids.new())
    connection = await LogConnection.open(settings.nats_url, name)
    vault = await open_vault(settings, connection)
    credentials = Credentials(vault)
    tokens = Tokens(clock.monotonic)

    def on_change(changed: Changed) -> None:
        if changed.aggregate == "credential":
            credentials.forget()
            tokens.forget()
        if packs is not None:
            packs.changed(changed)

    packs: TenantPacks | None = None
    configuration = await LiveConfig.start(connection, on_change)
    shipped = Shipped(connection, configuration)
    built_in = await unless_stopped(stop, obtain_built_in(settings.data / "packs", shipped))
    if built_in is not None:
        packs = TenantPacks(built_in, configuration, shipped)
        await unless_stopped(stop, packs.settle())
    if packs is None or stop.is_set():
        log.info("gateway told to stop before it served")
        if packs is not None:
            await packs.close()
        await configuration.close()
        await connection.close()
        return
    writers = [
        SegmentWriter(
            connection,
            clock,
            ids,
            stream="TRAFFIC",
            # one chain for each partition
            writer=name if settings.partitions == 1 else f"{name}-p{partition}",
            boot=opened.boot,
            queue_bytes=settings.queue_bytes,
            segment_bytes=settings.segment_bytes,
            home=subjects.traffic(partition),
            open_requests=lambda: opened.count,
            spool_dir=settings.data / "spool" / name,
        )
        for partition in range(settings.partitions)
    ]
    for writer in writers:
        await writer.start()
        # who closes the requests of dead writers is to know from the first one on what this one bears
        writer.beat()
    durability = await DurabilityWatch(connection, settings.nats_monitor).start()
    leases = Leases(settings.valkey_url, clock, f"{name}/{opened.boot}")
    await leases.start()
    upstream = Upstream(clock.monotonic)
    identity = Identity(upstream, tokens, clock, os.environ, settings.ambient_tenants)
    bodies = BodyVault(connection, vault)
    await bodies.start()
    screening = Screening(Screener(packs.built_in), connection, vault.hash_key, packs)
    classifier = Classifier()
    parts = Parts(
        settings=settings,
        clock=clock,
        ids=ids,
        configuration=configuration,
        authenticator=Authenticator(configuration, vault.hash_key),
        limits=RateLimits(clock.monotonic),
        switches=Switches(configuration, clock),
        screening=screening,
        hooks=Hooks(
            screening,
            clock,
            {
                "webhook_forward": Webhooks(credentials.named, clock).ask,
                "model_classifier": classifier.ask,
            },
        ),
        circuits=Circuits(clock.monotonic, lambda: writers[0].resumed_at),
        calls=Calls(upstream, identity),
        leases=leases,
        vault=vault,
        bodies=bodies,
        credentials=credentials,
        writers=writers,
        opened=opened,
        durability=durability,
    )
    classifier.parts = parts
    gateway = Gateway(parts)
    listener = Listener(gateway.handle, CONNECTIONS)
    # what lives as long as the process need not be looked at by every collection
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_AFTER, 20, 20)
    try:
        await listener.start(settings.gateway_host, settings.gateway_port)
        log.info("gateway serving port=%d boot=%s", settings.gateway_port, opened.boot)
        following = configuration.task
        waits = [asyncio.create_task(stop.wait()), *([following] if following else [])]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        if not stop.is_set():
            log.error("gateway stops: following the configuration ended by itself")
        gateway.draining = True
        await listener.take_leave(LEAVE_S)
        listener.stop()
        try:
            async with asyncio.timeout(DRAIN_S):
                await opened.idle.wait()
                await listener.emptied()
        except TimeoutError:
            log.warning("gateway drain timed out open_requests=%d", opened.count)
    finally:
        await listener.close()
        await leases.close()
        for writer in writers:
            await writer.close()
        await tokens.close()
        await upstream.close()
        await bodies.close()
        await durability.close()
        screening.close()
        await packs.close()
        await configuration.close()
        await connection.close()
    if not stop.is_set():
        raise SystemExit(1)
