"""`nexus at`: what was in force at a time, who had changed it last, and when. Read from the log, changes nothing."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Callable
from typing import Any

from ops.cli.endpoints import url_of
from ops.cli.exits import NOT_FOUND, OK, CommandFailed, Misused
from ops.cli.log_of import log_at
from ops.cli.moments import moment_us
from ops.cli.output import Output, fields, money, table
from projections.live.past import STREAM, Entry, Past, past
from projections.log.reader import last_sequence
from schemas.aggregates.budget import Budget
from schemas.aggregates.disclosure import disclosed
from schemas.aggregates.route import Route
from schemas.aggregates.virtual_key import Revoked, VirtualKey
from schemas.envelope import Position, parse_position
from schemas.ids import Clock, SystemClock, iso
from schemas.routing.choose import candidates, match_route

PREFIX_LENGTH = 12
MOST_REMOVED = 3
"""Removed routes that are told of, the last ones."""
COLUMNS = ("tenant", "aggregate", "id", "version", "changed", "by", "position")

Shown = tuple[dict[str, Any], str]
"""The result for machines and for people."""


def at(args: argparse.Namespace) -> int:
    """Tell one thing, or all, as it was."""
    if args.what != "config" and not args.name:
        raise Misused(f"name the {_NAMED[args.what]}: nexus at {args.time} {args.what} NAME")
    if args.what == "config" and args.name:
        raise Misused("config takes no name; --tenant leaves out what others have")
    output = Output(args.output)
    until_us, until_sequence = moment(args.time, SystemClock())
    found = asyncio.run(_past(args, until_us, until_sequence))
    if found.unreadable:
        output.message(f"{len(found.unreadable)} messages of {STREAM} cannot be read; `nexus verify` says more")
    told, text = _VIEWS[args.what](found, args.name, until_us or found.time_us)
    when = {"time": iso(until_us) if until_us else None, "position": str(Position(STREAM, found.sequence))}
    output.result({"at": when, **told}, text)
    return OK


def moment(text: str, clock: Clock) -> tuple[int, int]:
    """(microseconds, 0) for a time, (0, sequence) for a position of CONFIG.

    Raises:
        Misused: neither, or a time that has not come.
    """
    stream, colon, _ = text.partition(":")
    if colon and stream.isalpha() and stream.isupper():
        try:
            position = parse_position(text)
        except ValueError as error:
            raise Misused(str(error)) from None
        if position.stream != STREAM or not position.sequence:
            raise Misused(f"configuration stands on {STREAM}: name a position such as {STREAM}:12")
        return 0, position.sequence
    now_us = clock.now_us()
    until_us = moment_us(text, "TIME", now_us)
    if until_us > now_us:
        raise Misused(f"{iso(until_us)} has not come yet; now it is {iso(now_us)}")
    return max(until_us, 1), 0


async def _past(args: argparse.Namespace, until_us: int, until_sequence: int) -> Past:
    async with log_at(url_of("nats", args.data), "at") as connection:
        if until_sequence > (last := await last_sequence(connection, STREAM)):
            raise Misused(f"{STREAM}:{until_sequence} has not come yet; the last is {Position(STREAM, last)}")
        return await past(connection, until_us=until_us, until_sequence=until_sequence, tenant=args.tenant or "")


def _config(found: Past, _: str, __: int) -> Shown:
    rows = [{**_row(entry), "spec": disclosed(entry.state)} for entry in found.entries() if _in_force(entry)]
    if not rows:
        return {"items": []}, "nothing was configured"
    return {"items": rows}, _table(rows)


def _route(found: Past, model: str, _: int) -> Shown:
    """Where a request for a model would have gone, with every circuit closed."""
    items, parts = [], []
    for tenant in sorted(found.state.tenants):
        view = found.state.tenants[tenant]
        route = match_route(view.table, model)
        if route is None:
            continue
        targets = [target.model.id for target in candidates(view.table, route, model)]
        needed = [("tenant", tenant), ("route", route.id), ("policy", route.policy)]
        for identifier in targets:
            account = view.table.models[identifier].account
            # what nobody configured is there because its provider lists it
            found_in = ("model", identifier) if identifier in view.models else ("model-list", account)
            needed += [found_in, ("provider", account)]
        entries = [found.entry(aggregate, tenant, name) for aggregate, name in dict.fromkeys(needed)]
        rows = [_row(entry) for entry in entries if entry is not None]
        head = {
            "tenant": tenant,
            "tenant_enabled": view.enabled,
            "model": model,
            "route": route.id,
            "strategy": route.strategy,
            "targets": targets,
            "policy": route.policy,
            "placement": route.placement,
            "durability": route.durability,
        }
        items.append({**head, "spec": disclosed(route), "changes": rows})
        parts.append(f"{fields({**head, 'targets': targets or 'none: the model was refused'})}\n\n{_table(rows)}")
    if not items:
        # what a removed route was for is not known any more
        gone = [entry for entry in found.entries("route") if not isinstance(entry.state, Route)]
        last = sorted(gone, key=lambda entry: entry.touch.sequence)[-MOST_REMOVED:]
        told = "".join(f"; {entry.tenant}'s route {entry.id} {_removed(entry)}" for entry in last)
        told = told or "; `nexus at TIME config` lists what there was"
        raise CommandFailed(f"no route led to {model} then{told}", NOT_FOUND)
    return {"items": items}, "\n\n".join(parts)


def _key(found: Past, text: str, at_us: int) -> Shown:
    """Keys by the characters they are shown by, or by id. A whole key is cut down before it is compared."""
    prefix = text[:PREFIX_LENGTH]
    items = []
    for entry in found.entries("virtual-key"):
        state = entry.state
        spec = state.spec if isinstance(state, Revoked) else state
        if not isinstance(spec, VirtualKey) or not (spec.id == text or spec.prefix.startswith(prefix)):
            continue
        items.append({**_row(entry), "standing": _standing(state, at_us), "spec": disclosed(spec)})
    if not items:
        raise CommandFailed(f"no key began with {prefix} then, and none had this id", NOT_FOUND)
    return {"items": items}, _blocks(items)


def _standing(state: Any, at_us: int) -> str:
    if isinstance(state, Revoked):
        return f"revoked: {state.reason}" if state.reason else "revoked"
    if not state.enabled:
        return "disabled"
    if state.expires_us and state.expires_us <= at_us:
        return f"expired at {iso(state.expires_us)}"
    return "in force"


def _budget(found: Past, name: str, _: int) -> Shown:
    items, gone = [], ""
    for entry in found.entries("budget"):
        if entry.id != name:
            continue
        if not isinstance(entry.state, Budget):
            gone += f"; {entry.tenant}'s {_removed(entry)}"
            continue
        items.append(
            {
                **_row(entry),
                "standing": "in force" if entry.state.enabled else "disabled",
                "limit": money(entry.state.limit_micros),
                "spec": disclosed(entry.state),
            }
        )
    if not items:
        told = gone or "; `nexus at TIME config` lists what there was"
        raise CommandFailed(f"there was no budget {name} then{told}", NOT_FOUND)
    return {"items": items}, _blocks(items)


def _removed(entry: Entry) -> str:
    touch = entry.touch
    return f"had been removed by {touch.actor} at {iso(touch.time_us)} ({Position(STREAM, touch.sequence)})"


def _in_force(entry: Entry) -> bool:
    return entry.state is not None and not isinstance(entry.state, Revoked)


def _row(entry: Entry) -> dict[str, Any]:
    touch = entry.touch
    return {
        "tenant": entry.tenant,
        "aggregate": entry.aggregate,
        "id": entry.id,
        "version": touch.version,
        "changed": iso(touch.time_us),
        "by": touch.actor,
        "fact": touch.fact,
        "position": str(Position(STREAM, touch.sequence)),
    }


def _table(rows: list[dict[str, Any]]) -> str:
    return table([[str(row[column]) for column in COLUMNS] for row in rows], COLUMNS)


def _blocks(items: list[dict[str, Any]]) -> str:
    """Each with its spec's fields below its own."""
    blocks = []
    for item in items:
        own = {name: value for name, value in item.items() if name not in ("spec", "aggregate")}
        spec = {name: value for name, value in item["spec"].items() if name not in own}
        blocks.append(fields({**own, **spec}))
    return "\n\n".join(blocks)


_VIEWS: dict[str, Callable[[Past, str, int], Shown]] = {
    "config": _config,
    "route": _route,
    "key": _key,
    "budget": _budget,
}
_NAMED = {"route": "model", "key": "key by its first 12 characters or its id", "budget": "budget"}
