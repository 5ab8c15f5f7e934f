"""`nexus kill` and `nexus passthrough`: what is refused, and what is gone around, from the next two seconds on."""

from __future__ import annotations

import argparse
from typing import Any

from ops.cli.admin_client import path_of
from ops.cli.endpoints import admin_of
from ops.cli.exits import Misused
from ops.cli.output import Output, fields
from schemas.ids import SystemClock, iso

KILLS = "/kills"
PASSTHROUGHS = "/passthroughs"
SYSTEM = "system"
KILL_COLUMNS = ("id", "tenant", "scope", "target", "reason")
PASSTHROUGH_COLUMNS = ("id", "tenant", "bypass", "scope", "target", "until", "on", "reason")
MINUTES = {"m": 1, "h": 60}


def kill_on(args: argparse.Namespace) -> int:
    """Refuse what is named from now on, until it is switched off."""
    scope, target = _scope(args, ("route", "key"), KILL_HINT)
    tenant = args.tenant or ""
    if scope == "everything":
        scope, tenant = ("tenant", args.tenant) if args.tenant else ("everything", SYSTEM)
    return _on(args, KILLS, {"tenant": tenant, "scope": scope, "target": target}, KILL_COLUMNS)


def kill_off(args: argparse.Namespace) -> int:
    """Take a kill switch away."""
    return _off(args, KILLS)


def kill_ls(args: argparse.Namespace) -> int:
    """List the kill switches that are on."""
    found = list(admin_of(args.data).pages(KILLS, {"tenant": args.tenant}))
    Output(args.output).rows(found, KILL_COLUMNS, "nothing is stopped")
    return 0


def passthrough_on(args: argparse.Namespace) -> int:
    """Go around hooks, cache or normalisation for some hours."""
    scope, target = _scope(args, ("route", "provider"), PASSTHROUGH_HINT)
    if "cache" in args.bypass:
        Output(args.output).message("cache: Nexus stores no answers, so there is nothing to go around; it is recorded")
    tenant = args.tenant or (SYSTEM if scope == "everything" else "")
    body = {
        "tenant": tenant,
        "scope": scope,
        "target": target,
        "bypass": list(args.bypass),
        "minutes": _minutes(args.span),
    }
    return _on(args, PASSTHROUGHS, body, PASSTHROUGH_COLUMNS)


def passthrough_off(args: argparse.Namespace) -> int:
    """End a passthrough before its time."""
    return _off(args, PASSTHROUGHS)


def passthrough_ls(args: argparse.Namespace) -> int:
    """List the passthroughs there are, those that have ended by themselves too."""
    found = list(admin_of(args.data).pages(PASSTHROUGHS, {"tenant": args.tenant}))
    output = Output(args.output)
    shown = [{**one, **_told(one)} for one in found]
    output.rows(shown, PASSTHROUGH_COLUMNS, "there is no passthrough: everything is looked at")
    return 0


KILL_HINT = "name what to stop: --route ID, --key ID, --tenant ID alone, or --everything"
PASSTHROUGH_HINT = "name what may go around: --route ID, --provider ID, or --everything (with --tenant: all of its)"


def _scope(args: argparse.Namespace, single: tuple[str, ...], hint: str) -> tuple[str, str]:
    """The tier, and whom it is about."""
    named = [(name, getattr(args, name)) for name in single if getattr(args, name)]
    alone = not named and (args.everything or (single[1] == "key" and args.tenant))
    if alone and not (args.everything and args.tenant and single[1] == "key"):
        return "everything", ""
    if len(named) != 1 or args.everything:
        raise Misused(hint)
    return named[0]


def _on(args: argparse.Namespace, collection: str, body: dict[str, Any], columns: tuple[str, ...]) -> int:
    body = {**body, "id": args.id, "reason": args.reason}
    given = {name: value for name, value in body.items() if value not in ("", [])}
    made = admin_of(args.data).call("POST", collection, body=given).body
    shown = {**made, **_told(made)}
    Output(args.output).result(made, fields({name: shown[name] for name in columns}))
    return 0


def _off(args: argparse.Namespace, collection: str) -> int:
    query = {"tenant": args.tenant, "reason": args.reason}
    reply = admin_of(args.data).call("DELETE", collection + path_of(args.id), query=query)
    Output(args.output).result(
        {"id": args.id, "off": True, "position": reply.position}, f"{args.id} is off ({reply.position})"
    )
    return 0


def _told(one: dict[str, Any]) -> dict[str, Any]:
    """The end of a passthrough in words; nothing for a kill switch, which has none."""
    until = one.get("until_us")
    return {} if until is None else {"until": iso(until), "on": SystemClock().now_us() < until}


def _minutes(span: str) -> int:
    number, unit = span[:-1], span[-1:]
    if unit not in MINUTES or not number.isascii() or not number.isdigit() or len(number) > 6:
        raise Misused("--for must be a span such as 30m or 4h, at most 8h")
    return int(number) * MINUTES[unit]
