"""`nexus replay`: a part of the log once more, into a view or a file, or to a SIEM when told so by name."""

from __future__ import annotations

import argparse
import asyncio
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ops.cli.endpoints import url_of
from ops.cli.exits import OK, CommandFailed, Misused
from ops.cli.log_of import log_at
from ops.cli.nearest import nearest
from ops.cli.output import Output, fields
from ops.cli.places import span_between
from ops.cli.rebuild import settings_of
from ops.cli.record import record
from ops.progress import Progress
from ops.replay.bookmark import Bookmark, Mark
from ops.replay.file import FileTarget
from ops.replay.run import Item, Outcome, Wanted
from ops.replay.run import replay as run
from ops.replay.siem import SiemSender, target_of, token_of
from ops.replay.views import Counted, opened, replay_into
from projections.live.past import past
from projections.log.api import call
from projections.log.connection import LogConnection
from projections.log.span import Span
from projections.postgres.replaying import STREAMS as POSTGRES_STREAMS
from schemas.aggregates.siem_target import SiemTarget
from schemas.envelope import Position
from schemas.errors import Conflict
from schemas.ids import Ids, SystemClock
from schemas.registry import FACTS

FILE, SIEM = "file", "siem"
VIEWS = {"postgres": POSTGRES_STREAMS, "clickhouse": ("TRAFFIC",)}
"""Views, and the streams of which a part can be applied again."""


class Count:
    """Takes everything and keeps nothing."""

    size = 0

    async def take(self, items: Sequence[Item]) -> int:
        return len(items)


def replay(args: argparse.Namespace) -> int:
    """Replay, or with `--dry-run` only say what would be."""
    output = Output(args.output)
    kind, _, name = args.into.partition(":")
    if kind in VIEWS and not name:
        _check_view(args, kind)
    elif kind not in (FILE, SIEM) or not name:
        likely = nearest(kind, (*VIEWS, FILE, SIEM)) if kind not in (*VIEWS, FILE, SIEM) else ""
        raise Misused(f"--into takes postgres, clickhouse, file:PATH or siem:NAME, not {args.into!r}{likely}")
    if args.resume and args.dry_run:
        raise Misused("--dry-run begins anew and remembers nothing: there is nothing for --resume to go on with")
    for one in args.type or ():
        if not any(fact.name.startswith(one) for fact in FACTS):
            # a newer version's facts may be on the log
            output.message(f"no fact that this version knows has a name that starts with {one}")
    if kind != SIEM and args.resend:
        raise Misused("--resend is for what has effects elsewhere, such as siem:NAME; nothing else needs it")
    if kind == SIEM:
        _check_resend(args)
    wanted = Wanted(args.tenant or "", frozenset(args.request or ()), tuple(args.type or ()))
    progress = Progress(output.stderr)
    outcome = asyncio.run(_replay(args, kind, name, wanted, progress))
    progress.done()
    told = _told(args, outcome, progress.seconds())
    quiet = {"left_out": told["left_out"] or "", "beyond": ""}
    text = fields({**told, "unreadable": len(told["unreadable"]) or "", **quiet})
    output.result(told, text)
    if outcome.beyond:
        output.message(
            f"{outcome.beyond} segments at the end are left to the view's own writer, which has not come to them, or "
            "not for sure"
        )
    if not outcome.complete:
        goes_on = "the rest was not counted" if args.dry_run else "the same command, or --resume, goes on from there"
        output.message(f"the limit was reached; {goes_on}")
    return OK


def _check_view(args: argparse.Namespace, kind: str) -> None:
    if args.tenant or args.request or args.type:
        raise Misused("a view holds what the log says of everybody: no --tenant, --request or --type goes with it")
    if args.stream not in VIEWS[kind]:
        raise Misused(
            f"of {args.stream} no part can be applied to {kind} again, for what it makes is right as a whole only; "
            f"`nexus rebuild {kind}` does that, and --stream {' or '.join(VIEWS[kind])} goes by parts"
        )


def _check_resend(args: argparse.Namespace) -> None:
    if args.stream != "TRAFFIC" or args.type:
        raise Misused(
            "a SIEM is told how requests ended and what was found in them: neither --stream nor --type goes with it"
        )
    if not (args.resend or args.dry_run):
        raise Misused(
            "a SIEM would get events that it has had: say --resend if that is meant, or --dry-run to count them; each "
            "is marked with unmapped.resent and keeps its metadata.uid"
        )


async def _replay(args: argparse.Namespace, kind: str, name: str, wanted: Wanted, progress: Progress) -> Outcome:
    def show(done: int, total: int) -> None:
        progress.bar(done, total, args.into, rate="segments")

    async with log_at(url_of("nats", args.data), "replay") as connection:
        limit = args.limit or 0
        if kind in VIEWS:
            return await _into_view(connection, args, kind, show, progress)
        spec = None
        if kind == SIEM:
            spec = target_of(await past(connection), name)
            wanted = _to_target(wanted, spec)
        if args.dry_run:
            return await run(connection, await _begin(connection, args), wanted, Count(), None, limit=limit, show=show)
        bookmark = Bookmark(
            Path(f"{name}.position") if spec is None else args.data / "replay" / f"{spec.tenant}.{spec.id}.position"
        )
        known = _known(bookmark, args)
        mark = known or await _begin(connection, args)
        progress.goes_on(mark.place[0] - mark.span.first)
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


async def _into_view(
    connection: LogConnection,
    args: argparse.Namespace,
    kind: str,
    show: Callable[[int, int], None],
    progress: Progress,
) -> Outcome:
    """Each batch leaves the view as right as it was or righter; ClickHouse's is switched at the end."""
    limit = args.limit or 0
    if args.dry_run:
        return await replay_into(
            connection, await _begin(connection, args), Counted(kind), None, limit=limit, show=show
        )
    bookmark = Bookmark(args.data / "replay" / f"view.{kind}.position")
    mark = _known(bookmark, args) or await _begin(connection, args)
    progress.goes_on(mark.place[0] - mark.span.first)
    async with opened(kind, connection, settings_of(args.data, os.environ), args.stream) as view:
        span = f"{Position(mark.span.stream, mark.place[0])} to {Position(mark.span.stream, mark.span.last)}"
        await record(connection, "replay", f"{span} into {kind}")
        try:
            asked_last = mark.span.last
            mark = await view.begin(mark)
        except Conflict:
            bookmark.remove()  # there is nothing to go on with
            raise
        bookmark.save(mark)
        outcome = await replay_into(connection, mark, view, bookmark, limit=limit, show=show)
    outcome.beyond = asked_last - mark.span.last
    if outcome.complete:
        bookmark.remove()
    return outcome


def _known(bookmark: Bookmark, args: argparse.Namespace) -> Mark | None:
    """Where the same replay was cut off; with `--resume` alone, whichever it was.

    Raises:
        CommandFailed: it is another replay's, or with `--resume` there is none.
    """
    mark = bookmark.load("" if args.resume and not (args.from_ or args.to) else _asked(args))
    if args.resume and mark is None:
        raise CommandFailed(f"there is nothing to go on with: no replay into {args.into} was cut off")
    return mark


async def _begin(connection: LogConnection, args: argparse.Namespace) -> Mark:
    span = await span_between(
        connection, args.from_, args.to, SystemClock(), stream=args.stream, requests=args.request or ()
    )
    if args.into in VIEWS:
        # what the log has given up stands in the view alone, and stays there
        state = (await call(connection, f"STREAM.INFO.{span.stream}"))["state"]
        span = Span(span.stream, max(span.first, int(state["first_seq"])), span.last)
    return Mark(_asked(args), span, (span.first, -1))


def _to_target(wanted: Wanted, spec: SiemTarget) -> Wanted:
    """Nothing but what this target would get by itself.

    Raises:
        Misused: facts of another tenant are asked for.
    """
    tenant = wanted.tenant if spec.all_tenants else spec.tenant
    if wanted.tenant and wanted.tenant != tenant:
        raise Misused(f"the SIEM target {spec.tenant}/{spec.id} gets events of {spec.tenant} only")
    return Wanted(tenant, wanted.requests, told=True)


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
        "left_out": outcome.left_out,
        "unreadable": [str(Position(span.stream, sequence)) for sequence in outcome.unreadable],
        "beyond": outcome.beyond,
        "complete": outcome.complete,
        "seconds": round(seconds, 3),
        "events_per_second": round(outcome.events / max(seconds, 1e-9)),
    }
