"""The grammar of the command line and the module behind each command. Imports no command, so help is fast."""

from __future__ import annotations

import argparse
from pathlib import Path

from ops.cli import parser_log, parser_safeguards, parser_screening
from ops.cli.grammar import Grammar, count, names, tenant

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
    "models ls": "ops.cli.models:ls",
    "providers refresh": "ops.cli.models:refresh",
    "prices ls": "ops.cli.prices:ls",
    "prices show": "ops.cli.prices:show",
    "schemas export": "ops.cli.schemas:export",
    **parser_log.COMMANDS,
    **parser_safeguards.COMMANDS,
    **parser_screening.COMMANDS,
}
"""Module and function: `def command(args: argparse.Namespace) -> int`."""

DEFAULTS = {"output": "text", "data": Path(".nexus")}

PROCESSES = ("gateway", "admin", "mock", "workers")

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
    grammar = Grammar(parser, everywhere)
    command, group = grammar.command, grammar.group

    _starting(command("up", "start the embedded stack and Nexus, until Ctrl-C"))
    command("down", "stop what runs on the data directory, and wait for its end")
    command("status", "what runs, where, and how it is")
    _applying(command("apply", "bring the configuration of a TOML file into force"))

    keys = group("keys", "virtual keys, with which applications authenticate; the master key, and the one that signs")
    _creating(command("keys create", "issue a key; it is printed once", keys))
    listing = command("keys ls", "the keys there are", keys)
    tenant(listing)
    revoking = command("keys revoke", "refuse a key from now on, for ever", keys)
    revoking.add_argument("id", metavar="ID", help="id of the key, or the 12 characters it is shown by")
    revoking.add_argument("--reason", default="", help="why, for the record")
    tenant(revoking)

    rotating = command("keys rotate-master", "put a new master key in the place of the old, while all serves", keys)
    rotating.add_argument(
        "--new-key-file", type=Path, metavar="FILE", help="64 hex digits, mode 0600 (default: made beside master.key)"
    )

    command("keys rotate-signing", "sign checkpoints with a new key, which the old one announces on the log", keys)

    traffic = group("traffic", "requests that were made")
    _filtering(command("traffic ls", "the latest requests", traffic))
    getting = command("traffic get", "one request and its trail, fact by fact", traffic)
    getting.add_argument("id", metavar="ID", help="the request's id, from the header x-nexus-request-id")

    parser_log.add_log(grammar)
    parser_safeguards.add_safeguards(grammar)

    prices = group("prices", "what well-known models cost, in US dollars for a million tokens, as of the day shown")
    listed = command("prices ls", "all that are known", prices)
    listed.add_argument("--wire", default="", help="kind of provider, such as openai or bedrock")
    shown = command("prices show", "the prices that a model would get", prices)
    shown.add_argument("wire", help="kind of provider")
    shown.add_argument("name", help="the provider's name of the model")

    models = group("models", "what there is to call")
    tenant(command("models ls", "all that callers may name, configured or listed by a provider", models))
    providers = group("providers", "accounts of providers")
    refreshing = command("providers refresh", "ask a provider for the models of an account now", providers)
    refreshing.add_argument("id", metavar="NAME", help="id of the account")
    tenant(refreshing)

    parser_screening.add_screening(grammar)
    schemas = group("schemas", "shapes of what is on the log")
    exporting = command("schemas export", "write JSON Schema of every fact and an AsyncAPI document", schemas)
    exporting.add_argument("directory", type=Path, metavar="DIR", help="where to write; made when missing")

    for name, text in (
        ("test", "run the test suite; everything else is passed on to pytest"),
        ("mock-provider", "a provider for demos and tests, OpenAI wire format"),
    ):
        # parsed before argparse sees it; here for the help only
        grammar.commands.add_parser(name, help=text, add_help=False)
    return parser


def _starting(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--detach", action="store_true", help="return once all of it serves")
    parser.add_argument("--gateway-port", type=_port, metavar="N", help="default as before, first 3050; 0 for any")
    parser.add_argument("--admin-port", type=_port, metavar="N", help="default as before, first 3001; 0 for any")
    parser.add_argument("--config", type=Path, metavar="FILE", help="TOML file to apply once it serves")
    parser.add_argument("--only", choices=("stack",), help="stack: the servers without Nexus's processes")
    parser.add_argument(
        "--processes",
        type=names,
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
    parser.add_argument("--models", type=names, default=(), metavar="LIST", help="models it may use, `*` at an end")
    parser.add_argument("--requests-per-minute", type=int, default=0, metavar="N", help="default 0: no limit")
    parser.add_argument("--expires", default="", metavar="WHEN", help="a time (2027-01-31T12:00Z) or a span (30d)")
    tenant(parser)


def _filtering(parser: argparse.ArgumentParser) -> None:
    tenant(parser)
    parser.add_argument("--key", metavar="ID", help="id of a virtual key")
    parser.add_argument("--model", help="model that served it")
    parser.add_argument("--account", help="provider account that served it")
    parser.add_argument("--kind", choices=("completed", "refused", "aborted", "abandoned"), help="how it ended")
    parser.add_argument("--status", type=int, help="HTTP status that the caller saw")
    parser.add_argument("--code", help="error code that the caller saw")
    parser.add_argument("--since", metavar="WHEN", help="a time (2026-11-20T12:00Z) or a span back from now (15m)")
    parser.add_argument("--until", metavar="WHEN", help="likewise")
    parser.add_argument("--limit", type=count, default=50, metavar="N", help="default 50")
    parser.add_argument("--cursor", help="`next_cursor` of the page before")


def _port(text: str) -> int:
    number = int(text)
    if not 0 <= number <= 65_535:
        raise argparse.ArgumentTypeError("a port is from 0 to 65535")
    return number
