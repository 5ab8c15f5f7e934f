"""The grammar of the commands that erase, keep, prove, refuse. Imports no command, so help is fast."""

from __future__ import annotations

import argparse
from pathlib import Path

from ops.cli.grammar import Grammar, names, tenant

COMMANDS = {
    "evidence": "ops.cli.evidence:evidence",
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
}


def add_safeguards(grammar: Grammar) -> None:
    """Adds the commands."""
    command, group = grammar.command, grammar.group
    erasing = command("erase", "make everything kept of a data subject unreadable, in every copy, for good")
    _about_subject(erasing, "")
    holds = group("hold", "legal holds: whose data must not be erased")
    holding = command("hold add", "forbid the erasure of a data subject", holds)
    holding.add_argument("--id", default="", help="id of the hold (default: made up)")
    _about_subject(holding, "; * for everyone of the tenant")
    lifting = command("hold rm", "take a hold away", holds)
    lifting.add_argument("id", metavar="ID", help="id of the hold")
    lifting.add_argument("--reason", default="", help="why, for the record")
    tenant(lifting)
    tenant(command("hold ls", "the holds in force", holds))
    proving = command("evidence", "prove what the log says about a request: REQUEST_ID -o FILE, or verify FILE")
    proving.add_argument("request", metavar="REQUEST_ID|verify", help="from the header x-nexus-request-id")
    proving.add_argument("file", nargs="?", type=Path, metavar="FILE", help="with verify: the file to check, offline")
    proving.add_argument("-o", dest="out", type=Path, metavar="FILE", help="where to write the proof")
    proving.add_argument(
        "--public-key",
        metavar="HEX|FILE",
        help="with verify: the key that must have signed (default: signing.pub in the data directory, if there is one)",
    )

    kills = group("kill", "kill switches: what is refused, within two seconds everywhere")
    _switching(command("kill on", "refuse a route, a key, a tenant or everything", kills), "key", "virtual key")
    _lifting(command("kill off", "take a kill switch away", kills))
    tenant(command("kill ls", "the kill switches that are on", kills))
    around = group("passthrough", "emergencies: go around hooks, cache or normalisation, at most 8 hours")
    passing = command("passthrough on", "go around them from now on; it ends by itself", around)
    passing.add_argument("--bypass", type=names, required=True, metavar="LIST", help="of hooks, cache, normalize")
    passing.add_argument("--for", dest="span", default="1h", metavar="SPAN", help="30m, 4h; default 1h, at most 8h")
    _switching(passing, "provider", "provider account")
    _lifting(command("passthrough off", "end a passthrough before its time", around))
    tenant(command("passthrough ls", "the passthroughs there are", around))

    retention = group("retention", "how long what requests leave behind is kept")
    tenant(command("retention show", "what is in force", retention))
    removing = command("retention apply", "remove what is older, now, for good; workers do so every hour", retention)
    removing.add_argument("--dry-run", action="store_true", help="only count")
    tenant(removing)
    tenant(command("retention report", "what has gone so far", retention))


def _about_subject(parser: argparse.ArgumentParser, also: str) -> None:
    parser.add_argument(
        "--subject",
        required=True,
        metavar="S",
        help="the `user` that applications sent, else the key's owner or id; or a pseudonym (sub_...)" + also,
    )
    parser.add_argument("--reason", required=True, help="why, for the record; not who")
    tenant(parser)


def _switching(parser: argparse.ArgumentParser, single: str, what: str) -> None:
    parser.add_argument("--route", metavar="ID", help="only this route")
    parser.add_argument(f"--{single}", metavar="ID", help=f"only this {what}")
    parser.add_argument("--everything", action="store_true", help="all there is")
    parser.add_argument("--reason", required=True, help="why, for the record")
    parser.add_argument("--id", default="", help="id of the switch (default: made up)")
    tenant(parser)


def _lifting(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", metavar="ID", help="id of the switch")
    parser.add_argument("--reason", default="", help="why, for the record")
    tenant(parser)
