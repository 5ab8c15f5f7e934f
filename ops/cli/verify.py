"""`nexus verify`: checks every chain, holds the log against its signed checkpoints, and says where it is broken."""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from ops.cli.endpoints import url_of
from ops.cli.exits import FAILED, OK, CommandFailed, Misused
from ops.cli.log_of import log_at
from ops.cli.moments import moment_us
from ops.cli.output import Output, table
from ops.cli.places import is_position
from ops.cli.verify_views import verify_views, views_as_text
from ops.progress import Progress
from projections.log.checkpoints import Series, read_checkpoints
from projections.log.counting import Unclosed
from projections.log.noted import FILE, noted_in
from projections.log.verify import SEGMENTED, Fault, Report, faults_of, verify_chains
from projections.vault.signing import public_key_in
from schemas.codec import Malformed
from schemas.envelope import Position, parse_position
from schemas.facts.ops import CheckpointAnnounced, SigningKeyRotated
from schemas.ids import SystemClock, iso
from schemas.ocsf.checkpoint import announced_in

SILENT_US = 60_000_000
"""Six signs of life missed."""
COLUMNS = ("stream", "chains", "segments", "facts", "ranges", "faults")
FAULT_COLUMNS = ("stream", "sequence", "writer", "boot", "number", "kind", "detail")


def verify(args: argparse.Namespace) -> int:
    """Exit 1 when a chain is broken, or is not what was checkpointed, or a view is not what the log makes of it."""
    output = Output(args.output)
    began = time.monotonic()
    reports, checkpoints = asyncio.run(_verify(args, output))
    views = asyncio.run(verify_views(args.data, output)) if args.views else []
    now_us = SystemClock().now_us()
    faults = faults_of(checkpoints) + [fault for report in reports.values() for fault in report.faults]
    told, text = as_json(reports, faults, checkpoints), as_text(reports, faults, checkpoints)
    rotten = [fault for view in views for fault in view.faults]
    if args.views:
        told |= {"ok": not faults and not rotten, "views": [msgspec.to_builtins(view) for view in views]}
        text = f"{text}\n\n{views_as_text(views)}"
    output.result(told, text)
    for report in reports.values():
        for one in report.unclosed:
            if silent(one, now_us):
                output.message(crashed(one))
    facts, seconds = sum(report.facts for report in reports.values()), time.monotonic() - began
    output.message(f"{facts:,} facts in {seconds:.1f} s, {facts / max(seconds, 1e-6):,.0f} facts/s")
    return FAILED if faults or rotten else OK


async def _verify(args: argparse.Namespace, output: Output) -> tuple[dict[str, Report], Series]:
    now_us = SystemClock().now_us()
    streams, places = _places(args, now_us)
    roots = [_root(text) for text in args.root or ()]
    try:
        # before the checkpoints are read: what is noted was written
        noted = noted_in(args.data)
    except ValueError as problem:
        raise CommandFailed(f"{problem}: what it knew cannot be held against the log; move it away to go on") from None
    kept = [(path, announced_in_file(path)) for path in args.siem_file or ()]
    reports = {}
    async with log_at(url_of("nats", args.data), "verify") as connection:
        # before the streams: what they gain meanwhile is in none of these
        checkpoints = await read_checkpoints(connection, public_key_in(args.data))
        if noted is not None and not checkpoints.has(noted):
            checkpoints.require_announced(noted, str(args.data / FILE))
        for root in roots:
            checkpoints.require(root)
        for path, found in kept:
            for line, said in found:
                if isinstance(said, SigningKeyRotated):
                    checkpoints.require_handover(said, f"{path}:{line}")
                else:
                    checkpoints.require_announced(said, f"{path}:{line}")
            handovers = sum(isinstance(said, SigningKeyRotated) for _, said in found)
            told = f", and {handovers} handovers between signing keys" if handovers else ""
            output.message(f"{path}: {len(found) - handovers} checkpoints{told} held against the log")
        for stream in streams:
            # one a stream: the rate is that of what is read now
            progress = Progress(output.stderr)
            reports[stream] = await verify_chains(
                connection,
                (stream,),
                _shown_on(progress),
                checkpoints=checkpoints,
                from_us=places.get("from_us", 0),
                to_us=places.get("to_us", 0),
                from_sequence=places.get("from_sequence", 0),
                to_sequence=places.get("to_sequence", 0),
                now_us=now_us,
            )
            progress.done()
    return reports, checkpoints


def _places(args: argparse.Namespace, now_us: int) -> tuple[Sequence[str], dict[str, int]]:
    """The streams to read, and where to begin and end in them: a position says of which stream.

    Raises:
        Misused: it says another stream than is to be read, or the end comes before the beginning.
    """
    streams: list[str] = list(args.stream or ())
    places = {}
    for name, text in (("from", args.from_), ("to", args.to)):
        if not text:
            continue
        if not is_position(text):
            # 0 stands for none
            places[f"{name}_us"] = max(moment_us(text, f"--{name}", now_us), 1)
            continue
        try:
            position = parse_position(text)
        except ValueError as error:
            raise Misused(f"--{name}: {error}") from None
        if (streams or [position.stream]) != [position.stream] or position.stream not in SEGMENTED:
            raise Misused(f"--{name} is on {position.stream}: name that with --stream, or leave --stream out")
        streams = [position.stream]
        places[f"{name}_sequence"] = position.sequence
    for kind in ("us", "sequence"):
        if 0 < places.get(f"to_{kind}", 0) < places.get(f"from_{kind}", 0):
            raise Misused(f"--from {args.from_} comes after --to {args.to}: nothing lies between")
    return streams or SEGMENTED, places


def silent(one: Unclosed, now_us: int) -> bool:
    """Whether a writer that has not closed is over; otherwise it may be at work."""
    return one.superseded or now_us - one.last_us > SILENT_US


def crashed(one: Unclosed) -> str:
    """What is known, and what can not be known, of the requests of a writer that did not end in order."""
    if one.counted is None:
        known = f"it never counted; {one.since} requests of it are here"
    else:
        known = f"the {one.counted} requests up to its last count at {iso(one.counted_us)} are held against the log"
        known += f", {one.since} came after that"
    return (
        f"writer {one.writer} boot {one.boot} crashed after {iso(one.last_us)} (TRAFFIC:{one.sequence}): {known}; "
        "what else it had accepted is not accounted for: no answer to it has left, unless a spool has yet to be read"
    )


def announced_in_file(path: Path) -> list[tuple[int, CheckpointAnnounced | SigningKeyRotated]]:
    """(line number, checkpoint or handover between signing keys) of all that events in NDJSON tell of.

    Raises:
        Misused: the file cannot be read, or proves nothing since no checkpoint is in it.
    """
    found = []
    try:
        with path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                try:
                    said = announced_in(line)
                except Malformed:
                    continue  # torn, or not of Nexus: what it would have said is not known
                if said is not None:
                    found.append((number, said))
    except OSError as problem:
        raise Misused(f"{path} cannot be read ({problem.strerror})") from None
    if not any(isinstance(said, CheckpointAnnounced) for _, said in found):
        raise Misused(f"{path} has no checkpoint in it: nothing can be held against it")
    return found


def _root(text: str) -> bytes:
    try:
        found = bytes.fromhex(text)
    except ValueError:
        found = b""
    if len(found) != 32:
        raise Misused("--root must be 64 hex digits: `root` of a checkpoint that was kept elsewhere")
    return found


def _shown_on(progress: Progress) -> Callable[[str, int, int], None]:
    def show(stream: str, at: int, last: int) -> None:
        progress.bar(at, last, stream, rate="segments")

    return show


def as_json(reports: dict[str, Report], faults: list[Fault], checkpoints: Series) -> dict[str, Any]:
    """The whole result for machines."""
    last = checkpoints.valid[-1] if checkpoints.valid else None
    return {
        "ok": not faults,
        "items": [_row(stream, report) for stream, report in reports.items()],
        "checkpoints": {
            "valid": len(checkpoints.valid),
            "last_us": last.time_us if last else None,
            "root": last.root.hex() if last else None,
            "public_key": last.public_key.hex() if last else None,
        },
        "faults": [msgspec.to_builtins(fault) for fault in faults],
        "unclosed": [msgspec.to_builtins(one) for report in reports.values() for one in report.unclosed],
    }


def as_text(reports: dict[str, Report], faults: list[Fault], checkpoints: Series) -> str:
    """Tables of streams and of faults, and a verdict."""
    rows = [_row(stream, report) for stream, report in reports.items()]
    parts = [table([[str(row[column]) for column in COLUMNS] for row in rows], COLUMNS)]
    if faults:
        parts.append(table([[str(getattr(fault, name)) for name in FAULT_COLUMNS] for fault in faults], FAULT_COLUMNS))
    parts.append(_checkpointed(checkpoints))
    chains = sum(report.chains for report in reports.values())
    if faults:
        first = faults[0]
        where = f", the first at {Position(first.stream, first.sequence)} ({first.kind})" if first.sequence else ""
        parts.append(f"{len(faults)} faults in {chains} chains{where}")
    else:
        parts.append(f"all {chains} chains are whole")
    return "\n\n".join(parts)


def _checkpointed(checkpoints: Series) -> str:
    if not checkpoints.valid:
        return "no checkpoints: segments missing from the ends of chains do not show"
    last = checkpoints.valid[-1]
    signed = f"signed with {last.public_key.hex()}"
    return f"{len(checkpoints.valid)} checkpoints {signed}, the last at {iso(last.time_us)}"


def _row(stream: str, report: Report) -> dict[str, Any]:
    return {
        "stream": stream,
        "chains": report.chains,
        "segments": report.segments,
        "facts": report.facts,
        "ranges": report.ranges,
        "faults": len(report.faults),
    }
