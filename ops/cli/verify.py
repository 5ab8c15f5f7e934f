"""`nexus verify`: checks every chain of the log and says where one is broken."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Callable
from typing import Any

import msgspec

from ops.cli.endpoints import url_of
from ops.cli.exits import FAILED, OK
from ops.cli.output import Output, table
from ops.progress import Progress
from projections.log.connection import LogConnection
from projections.log.verify import SEGMENTED, Fault, Report, verify_chains

CONNECT_S = 5.0
COLUMNS = ("stream", "chains", "segments", "facts", "faults")
FAULT_COLUMNS = ("stream", "sequence", "writer", "boot", "number", "kind", "detail")


def verify(args: argparse.Namespace) -> int:
    """Exit 1 when a chain is broken."""
    output = Output(args.output)
    reports = asyncio.run(_verify(args, output))
    faults = [fault for report in reports.values() for fault in report.faults]
    output.result(as_json(reports), as_text(reports, faults))
    return FAILED if faults else OK


async def _verify(args: argparse.Namespace, output: Output) -> dict[str, Report]:
    connection = await LogConnection.open(url_of("nats", args.data), "nexus-verify", wait_s=CONNECT_S)
    reports = {}
    try:
        for stream in args.stream or SEGMENTED:
            # one a stream: the rate is that of what is read now
            progress = Progress(output.stderr)
            reports[stream] = await verify_chains(connection, (stream,), _shown_on(progress))
            progress.done()
    finally:
        await connection.close()
    return reports


def _shown_on(progress: Progress) -> Callable[[str, int, int], None]:
    def show(stream: str, at: int, last: int) -> None:
        progress.bar(at, last, stream, rate="segments")

    return show


def as_json(reports: dict[str, Report]) -> dict[str, Any]:
    """The whole result for machines."""
    return {
        "ok": all(report.ok for report in reports.values()),
        "items": [_row(stream, report) for stream, report in reports.items()],
        "faults": [msgspec.to_builtins(fault) for report in reports.values() for fault in report.faults],
    }


def as_text(reports: dict[str, Report], faults: list[Fault]) -> str:
    """Tables of streams and of faults, and a verdict."""
    rows = [_row(stream, report) for stream, report in reports.items()]
    parts = [table([[str(row[column]) for column in COLUMNS] for row in rows], COLUMNS)]
    if faults:
        parts.append(table([[str(getattr(fault, name)) for name in FAULT_COLUMNS] for fault in faults], FAULT_COLUMNS))
    chains = sum(report.chains for report in reports.values())
    parts.append(f"{len(faults)} faults in {chains} chains" if faults else f"all {chains} chains are whole")
    return "\n\n".join(parts)


def _row(stream: str, report: Report) -> dict[str, Any]:
    return {
        "stream": stream,
        "chains": report.chains,
        "segments": report.segments,
        "facts": report.facts,
        "faults": len(report.faults),
    }
