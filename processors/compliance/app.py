"""The compliance process: verdicts on request, and a late look at what gateways let pass."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from processors.compliance.observe import Observer
from processors.compliance.packing import Packing
from processors.compliance.reported import WORKER
from processors.compliance.scanning import Scanner
from processors.compliance.work import ScreeningDesk
from processors.door import Door
from processors.history import PastConfig
from processors.shared import Shared
from processors.stopping import watch
from projections.live.config import OnChange
from projections.live.state import Changed
from projections.log.api import CONSUMER_NOT_FOUND, ApiError, call
from projections.log.connection import LogConnection
from projections.log.ending import end, unless_stopped
from projections.log.store import ConfigStore
from projections.log.tail import Tails
from projections.log.topology import durable_name
from projections.log.writer import SegmentWriter
from projections.screening.shipped import Shipped, obtain_built_in
from projections.screening.tenants import TenantPacks
from projections.vault import BodyVault, open_vault
from schemas.ids import Ids, SystemClock
from schemas.settings import Settings
from schemas.topology import CONSUMERS

log = logging.getLogger(__name__)

QUEUE_BYTES = 16 * 1024 * 1024


async def run(settings: Settings, stop: asyncio.Event, shared: Shared | None = None) -> None:
    """Works until `stop` is set.

    Raises:
        BadMasterKey: the vault cannot be opened.
        PackError: the rules cannot be compiled.
        Unavailable: the log did not answer at the start.
    """
    connection = await LogConnection.open(settings.nats_url, WORKER)
    own = Shared("", connection)
    common = shared or own
    scanner: Scanner | None = None
    told: list[OnChange] = []

    def on_change(change: Changed) -> None:
        for each in told:
            each(change)

    try:
        vault = await open_vault(settings, connection)
        clock = SystemClock()
        ids = Ids(clock)
        configuration = await common.configuration(on_change)
        shipped = Shipped(connection, configuration)
        pack = await unless_stopped(stop, obtain_built_in(settings.data / "packs", shipped))
        if pack is None:
            return
        packs = TenantPacks(pack, configuration, shipped)
        store = ConfigStore(connection, clock, ids, writer=settings.writer or WORKER)
        packing = Packing(configuration, shipped, store, pack, ids.new)
        told += [packs.changed, packing.changed]
        scanner = Scanner(pack, hash_key=vault.hash_key, packs=packs)
        shipping = asyncio.create_task(packing.run(), name="packing")
        writer = SegmentWriter(
            connection,
            clock,
            ids,
            stream="DECISIONS",
            writer=settings.writer or WORKER,
            boot=ids.new(),
            queue_bytes=QUEUE_BYTES,
            segment_bytes=settings.segment_bytes,
        )
        desk = ScreeningDesk(connection, scanner)
        bodies = BodyVault(connection, vault)
        try:
            await unless_stopped(stop, packs.settle())
            await writer.start()
            await desk.open()
            await bodies.start()
            async with asyncio.TaskGroup() as doors:
                for partition in range(settings.partitions):
                    position = await _said_up_to(connection, settings, partition)
                    observer = Observer(connection, configuration, bodies, scanner, writer, position, packs)
                    doors.create_task(_observe(settings, connection, observer, stop, partition, common.tails))
                doors.create_task(_followed(configuration, stop))
        finally:
            await desk.close()
            await bodies.close()
            await writer.close()
            await end({shipping})
            await packs.close()
    finally:
        common.deaf(on_change)
        await own.close()
        if scanner is not None:
            scanner.close()
        await connection.close()


async def _observe(
    settings: Settings,
    connection: LogConnection,
    observer: Observer,
    stop: asyncio.Event,
    partition: int,
    tails: Tails,
) -> None:
    consumer = next(declared for declared in CONSUMERS if declared.name == WORKER)
    door = Door(
        settings,
        connection,
        consumer,
        observer.handle,
        observer.position,
        skip=observer.skip,
        partition=partition,
        tails=tails,
    )
    await door.run(stop)


async def _said_up_to(connection: LogConnection, settings: Settings, partition: int) -> int:
    """Where the durable stands: everything up to there was handled. Without it, reading begins at the beginning, and
    what was said already is found on DECISIONS."""
    consumer = next(declared for declared in CONSUMERS if declared.name == WORKER)
    name = durable_name(consumer, partition, settings.partitions)
    try:
        info: dict[str, Any] = await call(connection, f"CONSUMER.INFO.{consumer.stream}.{name}")
    except ApiError as error:
        if error.number != CONSUMER_NOT_FOUND:
            raise
        return 0
    return int(info["ack_floor"]["stream_seq"])


async def _followed(configuration: PastConfig, stop: asyncio.Event) -> None:
    """Fails when the configuration is no longer followed."""
    following = configuration.task
    assert following is not None
    await watch(following, stop)
    if following.done():
        raise RuntimeError("the configuration is no longer followed")
