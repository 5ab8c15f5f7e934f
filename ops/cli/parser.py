"""The grammar of the command line and the module behind each command. Imports nothing but argparse, so help is fast."""

from __future__ import annotations

import argparse
from pathlib import Path

from ops.cli import parser_screening

PASSED_ON = ("test", "mock-provider")
"""Commands whose arguments are another program's."""

COMMANDS = {
    "up": "ops.up:up",
    "down": "ops.up:down",
    "status": "ops.up:status",
    "test": "ops.cli.passed_on:test",
    "mock-provider": "ops.cli.passed_on:mock_provider",
    "apply": "ops.cli.apply:apply",
    "keys create": "ops.cli.keys:create",
    "keys ls": "ops.cli.keys:ls",
    "keys revoke": "ops.cli.keys:revoke",
    "keys rotate-signing": "ops.cli.rotate_signing:rotate_signing",
    "keys rotate-master": "ops.cli.rotate_master:rotate_master",
    "traffic ls": "ops.cli.traffic:ls",
    "traffic get": "ops.cli.traffic:get",
    "tail": "ops.cli.tail:tail",
    "rebuild": "ops.cli.rebuild:rebuild",
    "verify": "ops.cli.verify:verify",
    "evidence": "ops.cli.evidence:evidence",
    "replay": "ops.cli.replay:replay",
    "at": "ops.cli.at:at",
    "whatif": "ops.cli.whatif:whatif",
    "dead ls": "ops.cli.dead:ls",
    "dead show": "ops.cli.dead:show",
    "dead retry": "ops.cli.dead:retry",
    "dead drop": "ops.cli.dead:drop",
    "erase": "ops.cli.erasure:erase",
    "hold add": "ops.cli.holds:add",
    "hold rm": "ops.cli.holds:rm",
    "hold ls": "ops.cli.holds:ls",
    "kill on": "ops.cli.switches:kill_on",
    "kill off": "ops.cli.switches:kill_off",
    "kill ls": "ops.cli.switches:kill_ls",
    "passthrough on": "ops.cli.switches:passthrough_on",
    "passthrough off": "ops.cli.switches:passthrough_off",
    "passthrough ls": "ops.cli.switches:passthrough_ls",
    "retention show": "ops.cli.retention:show",
    "retention apply": "ops.cli.retention:apply",
    "retention report": "ops.cli.retention:report",
    "models ls": "ops.cli.models:ls",
    "providers refresh": "ops.cli.models:refresh",
    "prices ls": "ops.cli.prices:ls",
    "prices show": "ops.cli.prices:show",
    "schemas export": "ops.cli.schemas:export",
    **parser_screening.COMMANDS,
}
"""Module and function: `def command(args: argparse.Namespace) -> int`."""

DEFAULTS = {"output": "text", "data": Path(".nexus")}

PROCESSES = ("gateway", "admin", "mock", "workers")
STREAMS = ("TRAFFIC", "DECISIONS", "CONFIG", "LEDGER", "OPS")
"""Streams that hold segments."""

EPILOG = """\
exit codes: 0 ok, 1 failed, 2 usage, 3 authentication, 4 not allowed, 5 not found
NEXUS_ADMIN_URL and NEXUS_ADMIN_KEY take the place of what DIR/endpoints.json and DIR/admin.key say"""


def build() -> argparse.ArgumentParser:
    """The parser; its namespace has `command` (a key of `COMMANDS`), `output`, `data` and the command's own names."""
    everywhere = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    everywhere.add_argument(
        "--output", choices=("text", "json"), default=argparse.SUPPRESS, help="form of the result (default text)"
    )
    everywhere.add_argument(
        "--data", type=Path, default=argparse.SUPPRESS, metavar="DIR", help="data directory (default .nexus)"
    )
    parser = argparse.ArgumentParser(
        prog="nexus",
        description="Event-sourced gateway that makes AI traffic safe, accountable and replayable.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[everywhere],
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="store_true", help="print the version")
    commands = parser.add_subparsers(metavar="COMMAND")

    def command(
        name: str, text: str, within: argparse._SubParsersAction[argparse.ArgumentParser] = commands
    ) -> argparse.ArgumentParser:
        made = within.add_parser(
            name.rpartition(" ")[2], help=text, description=text, parents=[everywhere], allow_abbrev=False
        )
        made.set_defaults(command=name)
        return made

    def group(name: str, text: str) -> argparse._SubParsersAction[argparse.ArgumentParser]:
        made = commands.add_parser(name, help=text, description=text)
        return made.add_subparsers(metavar="COMMAND", required=True)

    _starting(command("up", "start the embedded stack and Nexus, until Ctrl-C"))
    command("down", "stop what runs on the data directory, and wait for its end")
    command("status", "what runs, where, and how it is")
    _applying(command("apply", "bring the configuration of a TOML file into force"))

    keys = group("keys", "virtual keys, with which applications authenticate; the master key, and the one that signs")
    _creating(command("keys create", "issue a key; it is printed once", keys))
    listing = command("keys ls", "the keys there are", keys)
    _tenant(listing)
    revoking = command("keys revoke", "refuse a key from now on, for ever", keys)
    revoking.add_argument("id", metavar="ID", help="id of the key, or the 12 characters it is shown by")
    revoking.add_argument("--reason", default="", help="why, for the record")
    _tenant(revoking)

    rotating = command("keys rotate-master", "put a new master key in the place of the old, while all serves", keys)
    rotating.add_argument(
        "--new-key-file", type=Path, metavar="FILE", help="64 hex digits, mode 0600 (default: made beside master.key)"
    )

    command("keys rotate-signing", "sign checkpoints with a new key, which the old one announces on the log", keys)

    traffic = group("traffic", "requests that were made")
    _filtering(command("traffic ls", "the latest requests", traffic))
    getting = command("traffic get", "one request and its trail, fact by fact", traffic)
    getting.add_argument("id", metavar="ID", help="the request's id, from the header x-nexus-request-id")

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
    listing.add_argument("--limit", type=_count, default=50, metavar="N", help="default 50")
    showing = command("dead show", "one message: why, from where, and what is in it", dead)
    showing.add_argument("id", metavar="DEAD:N", help="as `nexus dead ls` shows it; the number alone will do")
    showing.add_argument("--bytes", type=Path, metavar="FILE", help="write its bytes to a new file")
    _choosing(command("dead retry", "hand messages back to the worker that gave them up", dead))
    dropping = command("dead drop", "delete messages for good; who did so is recorded", dead)
    _choosing(dropping)
    dropping.add_argument("--reason", default="", help="why, for the record")

    erasing = command("erase", "make everything kept of a data subject unreadable, in every copy, for good")
    _about_subject(erasing)
    holds = group("hold", "legal holds: whose data must not be erased")
    holding = command("hold add", "forbid the erasure of a data subject", holds)
    holding.add_argument("--id", default="", help="id of the hold (default: made up)")
    _about_subject(holding)
    lifting = command("hold rm", "take a hold away", holds)
    lifting.add_argument("id", metavar="ID", help="id of the hold")
    lifting.add_argument("--reason", default="", help="why, for the record")
    _tenant(lifting)
    _tenant(command("hold ls", "the holds in force", holds))
    proving = command("evidence", "prove what the log says about a request: REQUEST_ID -o FILE, or verify FILE")
    proving.add_argument("request", metavar="REQUEST_ID|verify", help="from the header x-nexus-request-id")
    proving.add_argument("file", nargs="?", type=Path, metavar="FILE", help="with verify: the file to check, offline")
    proving.add_argument("-o", dest="out", type=Path, metavar="FILE", help="where to write the proof")
    proving.add_argument("--public-key", metavar="HEX|FILE", help="with verify: the key that must have signed")

    kills = group("kill", "kill switches: what is refused, within two seconds everywhere")
    _switching(command("kill on", "refuse a route, a key, a tenant or everything", kills), "key", "virtual key")
    _lifting(command("kill off", "take a kill switch away", kills))
    _tenant(command("kill ls", "the kill switches that are on", kills))
    around = group("passthrough", "emergencies: go around hooks, cache or normalisation, at most 8 hours")
    passing = command("passthrough on", "go around them from now on; it ends by itself", around)
    passing.add_argument("--bypass", type=_names, required=True, metavar="LIST", help="of hooks, cache, normalize")
    passing.add_argument("--for", dest="span", default="1h", metavar="SPAN", help="30m, 4h; default 1h, at most 8h")
    _switching(passing, "provider", "provider account")
    _lifting(command("passthrough off", "end a passthrough before its time", around))
    _tenant(command("passthrough ls", "the passthroughs there are", around))

    retention = group("retention", "how long what requests leave behind is kept")
    _tenant(command("retention show", "what is in force", retention))
    removing = command("retention apply", "remove what is older, now, for good; workers do so every hour", retention)
    removing.add_argument("--dry-run", action="store_true", help="only count")
    _tenant(removing)
    _tenant(command("retention report", "what has gone so far", retention))

    prices = group("prices", "what well-known models cost, in US dollars for a million tokens, as of the day shown")
    listed = command("prices ls", "all that are known", prices)
    listed.add_argument("--wire", default="", help="kind of provider, such as openai or bedrock")
    shown = command("prices show", "the prices that a model would get", prices)
    shown.add_argument("wire", help="kind of provider")
    shown.add_argument("name", help="the provider's name of the model")

    models = group("models", "what there is to call")
    _tenant(command("models ls", "all that callers may name, configured or listed by a provider", models))
    providers = group("providers", "accounts of providers")
    refreshing = command("providers refresh", "ask a provider for the models of an account now", providers)
    refreshing.add_argument("id", metavar="NAME", help="id of the account")
    _tenant(refreshing)

    parser_screening.add_screening(command, group)
    schemas = group("schemas", "shapes of what is on the log")
    exporting = command("schemas export", "write JSON Schema of every fact and an AsyncAPI document", schemas)
    exporting.add_argument("directory", type=Path, metavar="DIR", help="where to write; made when missing")

    for name, text in (
        ("test", "run the test suite; everything else is passed on to pytest"),
        ("mock-provider", "a provider for demos and tests, OpenAI wire format"),
    ):
        # parsed before argparse sees it; here for the help only
        commands.add_parser(name, help=text, add_help=False)
    return parser


def _tenant(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--tenant", help="id of the tenant (not needed when there is only one)")


def _about_subject(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--subject",
        required=True,
        metavar="S",
        help="the `user` that applications sent, else the key's owner or id; or a pseudonym (sub_...)",
    )
    parser.add_argument("--reason", required=True, help="why, for the record; not who")
    _tenant(parser)


def _switching(parser: argparse.ArgumentParser, single: str, what: str) -> None:
    parser.add_argument("--route", metavar="ID", help="only this route")
    parser.add_argument(f"--{single}", metavar="ID", help=f"only this {what}")
    parser.add_argument("--everything", action="store_true", help="all there is")
    parser.add_argument("--reason", required=True, help="why, for the record")
    parser.add_argument("--id", default="", help="id of the switch (default: made up)")
    _tenant(parser)


def _lifting(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", metavar="ID", help="id of the switch")
    parser.add_argument("--reason", default="", help="why, for the record")
    _tenant(parser)


def _starting(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--detach", action="store_true", help="return once all of it serves")
    parser.add_argument("--gateway-port", type=_port, metavar="N", help="default as before, first 3050; 0 for any")
    parser.add_argument("--admin-port", type=_port, metavar="N", help="default as before, first 3001; 0 for any")
    parser.add_argument("--config", type=Path, metavar="FILE", help="TOML file to apply once it serves")
    parser.add_argument("--only", choices=("stack",), help="stack: the servers without Nexus's processes")
    parser.add_argument(
        "--processes",
        type=_names,
        metavar="LIST",
        help=f"which of Nexus's processes to start, with commas between (default {','.join(PROCESSES)}; "
        "instead of workers, single ones: audit, analytics, quota, compliance, routing, siem, reconcile, checkpoint)",
    )


def _applying(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="TOML file")
    parser.add_argument("--dry-run", action="store_true", help="check everything, send nothing")


def _creating(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--id", default="", help="id of the key (default: made up)")
    parser.add_argument("--name", default="", help="what people call it")
    parser.add_argument("--owner", default="", help="whose data its requests are when they name no user")
    parser.add_argument("--models", type=_names, default=(), metavar="LIST", help="models it may use, `*` at an end")
    parser.add_argument("--requests-per-minute", type=int, default=0, metavar="N", help="default 0: no limit")
    parser.add_argument("--expires", default="", metavar="WHEN", help="a time (2027-01-31T12:00Z) or a span (30d)")
    _tenant(parser)


def _filtering(parser: argparse.ArgumentParser) -> None:
    _tenant(parser)
    parser.add_argument("--key", metavar="ID", help="id of a virtual key")
    parser.add_argument("--model", help="model that served it")
    parser.add_argument("--account", help="provider account that served it")
    parser.add_argument("--kind", choices=("completed", "refused", "aborted", "abandoned"), help="how it ended")
    parser.add_argument("--status", type=int, help="HTTP status that the caller saw")
    parser.add_argument("--code", help="error code that the caller saw")
    parser.add_argument("--since", metavar="WHEN", help="a time (2026-11-20T12:00Z) or a span back from now (15m)")
    parser.add_argument("--until", metavar="WHEN", help="likewise")
    parser.add_argument("--limit", type=_count, default=50, metavar="N", help="default 50")
    parser.add_argument("--cursor", help="`next_cursor` of the page before")


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
        "--limit", "-n", type=_count, default=200, metavar="N", help="segments to go back without --since (default 200)"
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
    parser.add_argument("--limit", type=_count, metavar="N", help="most facts (of a view: rows) of this run")
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
    parser.add_argument("--limit", type=_count, metavar="N", help="most requests to judge")
    parser.add_argument("--reason", default="", help="why bodies may be opened, for the record")


def _choosing(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("ids", nargs="*", metavar="DEAD:N", help="as `nexus dead ls` shows them")
    parser.add_argument("--all", action="store_true", help="all there are")
    parser.add_argument("--consumer", default="", help="with --all: only what this one gave up")


def _port(text: str) -> int:
    number = int(text)
    if not 0 <= number <= 65_535:
        raise argparse.ArgumentTypeError("a port is from 0 to 65535")
    return number


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())
