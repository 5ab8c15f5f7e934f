"""The plug of a whole Nexus: every file it has lies on the disk that loses what was not synced. See `power_loss`."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import secrets
import signal
import time
from collections import Counter
from pathlib import Path

from benchmarks.chaos.crowd import CONFIGURATION, Crowd
from benchmarks.chaos.disks import MEGABYTE, Disk
from benchmarks.chaos.oracle import Promise, Seen, read_log, read_postgres, read_siem
from benchmarks.chaos.small_site import SmallSite
from projections.log.connection import LogConnection
from projections.log.verify import verify_chains

_DISK = 1_500 * MEGABYTE
_QUIET_S = 90.0
SIEM = """
[[siem-targets]]
id = "file"
tenant = "system"
kind = "file"
file = "events.ndjson"
all_tenants = true
"""


async def cut_whole(directory: Path, seed: int) -> list[Promise]:
    """Callers, the plug, a start as after a boot, and what every store says then."""
    key = "nvk_" + secrets.token_hex(32)
    site = SmallSite(directory, processes="gateway,admin,workers")
    with Disk(directory / "power", _DISK, site.data) as disk:
        try:
            await asyncio.to_thread(
                site.start, lambda url: CONFIGURATION.format(tenant="cut", policy="spool", key=key, url=url) + SIEM
            )
            crowd = Crowd(site.endpoints["gateway"], key)
            crowd.start()
            await asyncio.sleep(random.Random(seed).uniform(2.0, 5.0))
            pids = [row["pid"] for row in await asyncio.to_thread(site.processes) if row["pid"]]
            answered = set(crowd.told.answered)
            disk.cut()
            for pid in reversed(pids):  # the one that watches over the others stands last
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            await crowd.stop()
            await asyncio.to_thread(disk.unmount)
            disk.mount()
            began = time.monotonic()
            await asyncio.to_thread(site.up)
            back_s = time.monotonic() - began
            return await _judge(site, answered, back_s)
        finally:
            await asyncio.to_thread(site.stop)


async def _judge(site: SmallSite, answered: set[str], back_s: float) -> list[Promise]:
    give_up = time.monotonic() + _QUIET_S
    connection = await LogConnection.open(site.endpoints["nats"], "chaos")
    try:
        while True:
            seen: Seen = await read_log(connection)
            rows = await read_postgres(site.endpoints["postgres_admin"])
            told = Counter(read_siem(Path(site.endpoints["siem_file"])))
            same = {row for row, _ in rows} == seen.terminals.keys() <= told.keys()
            if (same and not seen.open and +seen.spent == +seen.cost()) or time.monotonic() > give_up:
                break
            await asyncio.sleep(0.5)
        report = await verify_chains(connection)
    finally:
        await connection.close()
    lost = answered - seen.terminals.keys()
    missing = seen.terminals.keys() - {row for row, _ in rows}
    untold = seen.terminals.keys() - told.keys()
    doubles = [request for request in seen.terminals if told[request] > 1]
    several = [request for request, found in seen.terminals.items() if len(found) != 1]
    return [
        Promise(
            "whole Nexus: what callers were answered is on the log",
            not lost and bool(answered),
            f"answered={len(answered)} lost={len(lost)} back_s={back_s:.1f}",
        ),
        Promise(
            "whole Nexus: one terminal fact for each request",
            not several and not seen.open,
            f"not_one={len(several)} open={len(seen.open)}",
        ),
        Promise("whole Nexus: PostgreSQL = log", not missing and len(rows) == len(seen.terminals), f"rows={len(rows)}"),
        Promise(
            "whole Nexus: SIEM file = log, each once",
            not untold and not doubles,
            f"missing={len(untold)} double={len(doubles)}",
        ),
        Promise("whole Nexus: LEDGER = cost of terminal facts", +seen.spent == +seen.cost(), f"{dict(seen.spent)}"),
        Promise("whole Nexus: chains verify", not report.faults, f"segments={report.segments}"),
    ]
