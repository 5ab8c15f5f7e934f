"""The grammar of the commands on the log and its views. Imports no command, so help is fast."""

from __future__ import annotations

import argparse
from pathlib import Path

from ops.cli.grammar import Grammar, count

COMMANDS = {
    "tail": "ops.cli.tail:tail",
    "rebuild": "ops.cli.rebuild:rebuild",
    "verify": "ops.cli.verify:verify",
    "replay": "ops.cli.replay:replay",
    "at": "ops.cli.at:at",
    "whatif": "ops.cli.whatif:whatif",
    "dead ls": "ops.cli.dead:ls",
    "dead show": "ops.cli.dead:show",
    "dead retry": "ops.cli.dead:retry",
    "dead drop": "ops.cli.dead:drop",
}

STREAMS = ("TRAFFIC", "DECISIONS", "CONFIG", "LEDGER", "OPS")
"""Streams that hold segments."""


def add_log(grammar: Grammar) -> None:
    """Adds the commands."""
    command, group = grammar.command, grammar.group
    _tailing(command("tail", "facts of a stream, a line each"))
    rebuilding = command("rebuild", "build a view anew from the log, beside the live one, and swap")
    rebuilding.add_argument("projection", metavar="PROJECTION", help="postgres or clickhouse")
    _verifying(command("verify", "check every chain of the log, and hold it against the signed checkpoints"))

    _replaying(command("replay", "a part of the log once more, into a view, a file or a SIEM"))
    _supposing(
        command("whatif", "what another policy, route, budget, rate or price would have made of what is recorded")
    )
    past = command("at", "what was in force at a time, who had changed it last, and when")
    past.add_argument("time", metavar="TIME", help="such as 2026-11-20T12:00Z, -2h, now, or a position CONFIG:12")
    past.add_argument("what", choices=("config", "route", "key", "budget"), help="what to tell")
    past.add_argument("name", nargs="?", default="", metavar="NAME", help="a model, a key's first characters, a budget")
    past.add_argument("--tenant", help="only this tenant's")

    dead = group("dead", "what workers could not apply")
    listing = command("dead ls", "messages that were given up, the oldest first", dead)
    listing.add_argument("--consumer", default="", help="only what this one gave up")
    listing.add_argument("--limit", type=count, default=50, metavar="N", help="default 50")
    showing = command("dead show", "one message: why, from where, and what is in it", dead)
    showing.add_argument("id", metavar="DEAD:N", help="as `nexus dead ls` shows it; the number alone will do")
    showing.add_argument("--bytes", type=Path, metavar="FILE", help="write its bytes to a new file")
    _choosing(command("dead retry", "hand messages back to the worker that gave them up", dead))
    dropping = command("dead drop", "delete messages for good; who did so is recorded", dead)
    _choosing(dropping)
    dropping.add_argument("--reason", default="", help="why, for the record")


def _verifying(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--stream", action="append", choices=STREAMS, help="only this stream; may be given more than once"
    )
    place = "a time, a span back (2h), or a position (TRAFFIC:12), which stands for its stream alone"
    parser.add_argument("--from", dest="from_", default="", metavar="WHEN", help=place)
    parser.add_argument("--to", default="", metavar="WHEN", help="likewise; default: the end")
    parser.add_argument(
        "--root",
        action="append",
        metavar="HEX",
        help="root of a checkpoint that was kept elsewhere and must be there; may be given more than once",
    )
    parser.add_argument(
        "--siem-file",
        action="append",
        type=Path,
        metavar="FILE",
        help="events as a SIEM has them (NDJSON): every checkpoint in it must be there; may be given more than once",
    )
    parser.add_argument(
        "--views", action="store_true", help="hold every row in PostgreSQL and ClickHouse against the log as well"
    )


def _tailing(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--stream", choices=STREAMS, default="TRAFFIC", help="default TRAFFIC")
    parser.add_argument("--follow", "-f", action="store_true", help="go on with what is still to come")
    parser.add_argument("--since", metavar="WHEN", help="a time (2026-11-20T12:00Z) or a span back from now (15m)")
    parser.add_argument(
        "--limit", "-n", type=count, default=200, metavar="N", help="segments to go back without --since (default 200)"
    )
    parser.add_argument("--tenant", help="only facts of this tenant")
    parser.add_argument("--request", metavar="ID", help="only facts of this request, command or job")
    parser.add_argument("--type", metavar="NAME", help="only facts whose name starts so, such as request.")


def _replaying(parser: argparse.ArgumentParser) -> None:
    place = "a position (TRAFFIC:12), a time, a span back from now (-2h), or a request's id"
    parser.add_argument("--from", dest="from_", default="", metavar="P", help=f"{place}; default: the beginning")
    parser.add_argument("--to", default="", metavar="P", help="likewise, inclusive; default: the end as it is now")
    parser.add_argument(
        "--into",
        required=True,
        metavar="TARGET",
        help="postgres or clickhouse (the view is made what the log says), file:PATH (CloudEvents, a line each), "
        "or siem:NAME",
    )
    parser.add_argument("--stream", choices=STREAMS, default="TRAFFIC", help="default TRAFFIC")
    parser.add_argument("--tenant", help="only facts of this tenant")
    parser.add_argument("--request", action="append", metavar="ID", help="only facts of this request; may be repeated")
    parser.add_argument("--type", action="append", metavar="NAME", help="only facts whose name starts so; likewise")
    parser.add_argument("--limit", type=count, metavar="N", help="most facts (of a view: rows) of this run")
    parser.add_argument("--resume", action="store_true", help="go on where a replay was cut off; an error if none was")
    parser.add_argument("--dry-run", action="store_true", help="read and count, write nothing")
    parser.add_argument(
        "--resend", action="store_true", help="needed for siem:NAME: it gets again what it has had, marked"
    )


def _supposing(parser: argparse.ArgumentParser) -> None:
    for name, what in (
        ("policy", "a policy"),
        ("route", "a route"),
        ("prices", "prices of models"),
        ("budget", "a budget"),
        ("key", "keys' requests_per_minute"),
    ):
        parser.add_argument(
            f"--{name}",
            action="append",
            type=Path,
            metavar="FILE",
            help=f"TOML or JSON with {what}, as for `nexus apply`; may be given more than once",
        )
    place = "a position (TRAFFIC:12), a time, a span back from now (-2h), or a request's id"
    parser.add_argument("--from", dest="from_", required=True, metavar="P", help=place)
    parser.add_argument("--to", required=True, metavar="P", help="likewise, inclusive")
    parser.add_argument("--tenant", help="only requests of this tenant; also whose the candidate is if it does not say")
    parser.add_argument("--limit", type=count, metavar="N", help="most requests to judge")
    parser.add_argument("--reason", default="", help="why bodies may be opened, for the record")


def _choosing(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("ids", nargs="*", metavar="DEAD:N", help="as `nexus dead ls` shows them")
    parser.add_argument("--all", action="store_true", help="all there are")
    parser.add_argument("--consumer", default="", help="with --all: only what this one gave up")
