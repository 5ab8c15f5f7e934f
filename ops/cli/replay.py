"""`nexus replay`: facts of a part of the log once more, into a file, or to a SIEM when told so by name."""

from __future__ import annotations

import argparse
import asyncio
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ops.cli.endpoints import url_of
from ops.cli.exits import OK, Misused
from ops.cli.moments import moment_us
from ops.cli.output import Output, fields
from ops.cli.rebuild import settings_of
from ops.cli.record import record
from ops.progress import Progress
from ops.replay.bookmark import Bookmark, Mark
from ops.replay.file import FileTarget
from ops.replay.run import Item, Outcome, Wanted
from ops.replay.run import replay as run
from ops.replay.siem import SiemSender, target_of, token_of
from projections.live.past import past
from projections.log.connection import LogConnection
from projections.log.reader import last_sequence
from projections.log.span import Span, first_at, last_at, span_of
from schemas.aggregates.siem_target import SiemTarget
from schemas.envelope import Position, parse_position
from schemas.facts.traffic import TERMINALS
from schemas.ids import Clock, Ids, SystemClock, millis_of

CONNECT_S = 5.0
FILE, SIEM = "file", "siem"


class Count:
    """Takes everything and keeps nothing."""

    size = 0

    async def take(self, items: Sequence[Item]) -> int:
        return len(items)


def replay(args: argparse.Namespace) -> int:
    """Replay, or with `--dry-run` only say what would be."""
    output = Output(args.output)
    kind, _, name = args.into.partition(":")
    if kind not in (FILE, SIEM) or not name:
        raise Misused(f"--into takes file:PATH or siem:NAME, not {args.into!r}; views are rebuilt by `nexus rebuild`")
    if kind == FILE and args.resend:
        raise Misused("--resend is for what has effects elsewhere, such as siem:NAME; a file needs none")
    if kind == SIEM:
        _check_resend(args)
    wanted = Wanted(args.tenant or "", frozenset(args.request or ()), tuple(args.type or ()))
    progress = Progress(output.stderr)
    outcome = asyncio.run(_replay(args, kind, name, wanted, progress))
    progress.done()
    told = _told(args, outcome, progress.seconds())
    text = fields({**told, "unreadable": len(told["unreadable"]) or ""})
    output.result(told, text)
    if not outcome.complete:
        output.message("the limit was reached; the same command goes on from there")
    return OK


def _check_resend(args: argparse.Namespace) -> None:
    if args.stream != "TRAFFIC" or args.type:
        raise Misused("a SIEM is told how requests ended: neither --stream nor --type goes with siem:NAME")
    if not (args.resend or args.dry_run):
        raise Misused(
            "a SIEM would get events that it has had: say --resend if that is meant, or --dry-run to count them; each "
            "is marked with unmapped.resent and keeps its metadata.uid"
        )


async def _replay(args: argparse.Namespace, kind: str, name: str, wanted: Wanted, progress: Progress) -> Outcome:
    def show(done: int, total: int) -> None:
        progress.bar(done, total, args.into, rate="segments")

    connection = await LogConnection.open(url_of("nats", args.data), "nexus-replay", wait_s=CONNECT_S)
    try:
        limit = args.limit or 0
        spec = None
        if kind == SIEM:
            spec = target_of(await past(connection), name)
            wanted = _to_target(wanted, spec)
        if args.dry_run:
            return await run(connection, await _begin(connection, args), wanted, Count(), None, limit=limit, show=show)
        bookmark = Bookmark(
            Path(f"{name}.position") if spec is None else args.data / "replay" / f"{spec.tenant}.{spec.id}.position"
        )
        known = bookmark.load(_asked(args))
        mark = known or await _begin(connection, args)
        if spec is not None:
            token = await token_of(spec, settings_of(args.data, os.environ), connection)
            span = f"{Position(mark.span.stream, mark.place[0])} to {Position(mark.span.stream, mark.span.last)}"
            await record(connection, "replay resend", f"{span} into siem {spec.tenant}/{spec.id}")
            sender = SiemSender(connection, spec, token, Ids(SystemClock()).new())
            bookmark.save(mark)
            outcome = await run(connection, mark, wanted, sender, bookmark, limit=limit, show=show)
        else:
            file = FileTarget(Path(name), None if known is None else known.size)
            try:
                bookmark.save(mark)
                outcome = await run(connection, mark, wanted, file, bookmark, limit=limit, show=show)
            finally:
                await file.close()
        if outcome.complete:
            bookmark.remove()
        return outcome
    finally:
        await connection.close()


async def _begin(connection: LogConnection, args: argparse.Namespace) -> Mark:
    span = await span_between(connection, args, SystemClock())
    return Mark(_asked(args), span, (span.first, -1))


def _to_target(wanted: Wanted, spec: SiemTarget) -> Wanted:
    """Nothing but what this target would get by itself.

    Raises:
        Misused: facts of another tenant are asked for.
    """
    tenant = wanted.tenant if spec.all_tenants else spec.tenant
    if wanted.tenant and wanted.tenant != tenant:
        raise Misused(f"the SIEM target {spec.tenant}/{spec.id} gets events of {spec.tenant} only")
    return Wanted(tenant, wanted.requests, tuple(sorted(TERMINALS)))


async def span_between(connection: LogConnection, args: argparse.Namespace, clock: Clock) -> Span:
    """What `--from`, `--to` and `--request` mean now.

    Raises:
        Misused: a place of another form, or on another stream.
        NotFound: a request that TRAFFIC does not have.
    """
    stream: str = args.stream
    for text, option in ((args.from_, "--from"), (args.to, "--to")):
        if text:
            _check(text, option, stream, clock)
    if args.request and stream != "TRAFFIC":
        raise Misused("--request is for TRAFFIC")
    last = await last_sequence(connection, stream)
    spans = [await _request(connection, one) for one in args.request or ()] if not (args.from_ or args.to) else []
    if spans:
        return Span(stream, min(span.first for span in spans), max(span.last for span in spans))
    first = await _from(connection, args.from_, stream, clock) if args.from_ else 1
    if args.to:
        last = min(last, await _to(connection, args.to, stream, clock))
    return Span(stream, first or last + 1, last)


async def _from(connection: LogConnection, text: str, stream: str, clock: Clock) -> int:
    if _is_position(text):
        return parse_position(text).sequence
    if _is_request(text):
        return (await _request(connection, text)).first
    return await first_at(connection, stream, moment_us(text, "--from", clock.now_us()))


async def _to(connection: LogConnection, text: str, stream: str, clock: Clock) -> int:
    if _is_position(text):
        return parse_position(text).sequence
    if _is_request(text):
        return (await _request(connection, text)).last
    return await last_at(connection, stream, moment_us(text, "--to", clock.now_us()))


async def _request(connection: LogConnection, text: str) -> Span:
    if not _is_request(text):
        raise Misused(f"{text[:40]!r} is no id of a request, as the header x-nexus-request-id tells it")
    return await span_of(connection, text)


def _check(text: str, option: str, stream: str, clock: Clock) -> None:
    """Finds what is wrong before anything is read."""
    if _is_position(text):
        try:
            position = parse_position(text)
        except ValueError as error:
            raise Misused(f"{option}: {error}") from None
        if position.stream != stream:
            raise Misused(f"{option} is on {position.stream}, but {stream} is to be read; see --stream")
    elif _is_request(text):
        if stream != "TRAFFIC":
            raise Misused(f"{option} names a request, and those are on TRAFFIC")
    else:
        moment_us(text, option, clock.now_us())


def _is_position(text: str) -> bool:
    stream, colon, _ = text.partition(":")
    return bool(colon) and stream.isalpha() and stream.isupper()


def _is_request(text: str) -> bool:
    try:
        millis_of(text)
    except ValueError:
        return False
    return True


def _asked(args: argparse.Namespace) -> str:
    """The replay in words that are equal when it is the same one; the limit is each run's own."""
    parts = [args.stream, f"from {args.from_ or 'the beginning'}", f"to {args.to or 'the end'}", f"into {args.into}"]
    parts += [f"tenant {args.tenant}"] if args.tenant else []
    parts += [f"request {one}" for one in sorted(args.request or ())]
    parts += [f"type {one}" for one in sorted(args.type or ())]
    return ", ".join(parts)


def _told(args: argparse.Namespace, outcome: Outcome, seconds: float) -> dict[str, Any]:
    span = outcome.mark.span
    return {
        "into": args.into,
        "dry_run": args.dry_run,
        "first": str(Position(span.stream, span.first)),
        "last": str(Position(span.stream, span.last)),
        "segments": outcome.segments,
        "events": outcome.events,
        "events_in_all": outcome.mark.events,
        "unreadable": [str(Position(span.stream, sequence)) for sequence in outcome.unreadable],
        "complete": outcome.complete,
        "seconds": round(seconds, 3),
        "events_per_second": round(outcome.events / max(seconds, 1e-9)),
    }
