"""`nexus traffic`: requests from the view, and one request's trail from the log, both through the admin plane."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from ops.cli.admin_client import path_of
from ops.cli.endpoints import admin_of
from ops.cli.moments import moment_us
from ops.cli.output import Output, fields, money, printable, table
from ops.cli.summary import milliseconds, summary
from schemas.ids import Clock, SystemClock, iso

COLLECTION = "/traffic"
COLUMNS = ("started", "request_id", "tenant", "kind", "status", "code", "model", "key", "tokens", "cost", "latency")
FINDING_COLUMNS = ("stage", "hit_rule", "hit_severity", "hit_action", "text", "first", "last")
NOT_SHOWN = ("day", "time", "time_us", "position", "fact_id", "key_prefix")
"""Columns that repeat what stands beside them."""

Row = Mapping[str, Any]


def ls(args: argparse.Namespace) -> int:
    """List requests, the newest first."""
    output = Output(args.output)
    page = admin_of(args.data).get(COLLECTION, filters(args, SystemClock()))
    rows, cursor = page["data"], page["next_cursor"]
    shown = rows if output.json else [_shown(row) for row in rows]
    output.rows(shown, COLUMNS, "no requests", {"next_cursor": cursor})
    if cursor and not output.json:
        output.message(f"there are more: --cursor {cursor}")
    return 0


def get(args: argparse.Namespace) -> int:
    """Show a request's row, what screening found, and every fact."""
    found = admin_of(args.data).get(COLLECTION + path_of(args.id))
    Output(args.output).result(found, as_text(found))
    return 0


def filters(args: argparse.Namespace, clock: Clock) -> dict[str, Any]:
    """Parameters of the query.

    Raises:
        Misused: a time that is none.
    """
    times = {
        name: str(moment_us(text, f"--{name}", clock.now_us())) if (text := getattr(args, name)) else ""
        for name in ("since", "until")
    }
    plain = ("tenant", "key", "model", "account", "kind", "status", "code", "limit", "cursor")
    return {**{name: getattr(args, name) for name in plain}, **times}


def as_text(found: Mapping[str, Any]) -> str:
    """A request for people."""
    row = found["row"]
    if row is not None:
        head = fields(_detailed(row))
    elif found["open"]:
        head = f"{found['id']} is under way"
    else:
        head = f"{found['id']} has ended; its row is not in the view yet"
    parts = [head]
    if found["findings"]:
        rows = [[printable(str(finding[name])) for name in FINDING_COLUMNS] for finding in found["findings"]]
        parts.append(table(rows, FINDING_COLUMNS))
    parts.append(trail_text(found["trail"]) or "the log no longer has its facts")
    return "\n\n".join(parts)


def trail_text(trail: list[Mapping[str, Any]]) -> str:
    """Facts below each other, with the time since the first."""
    if not trail:
        return ""
    began = trail[0]["time_us"]
    lines = []
    for entry in trail:
        since = f"+{milliseconds(entry['time_us'] - began)}".rjust(14)
        told = summary(entry["type"], entry["data"])
        lines.append(f"{since}  {entry['position']:<14}  {entry['type']:<22}  {told}".rstrip())
    return "\n".join([f"{'':>14}  {iso(began)}", *lines])


def _shown(row: Row) -> dict[str, Any]:
    """A row as the table has it."""
    return {
        **row,
        "started": iso(row["started_us"] or row["time_us"]),
        "key": row["key_id"] or row["key_prefix"],
        "model": row["model"] or row["model_requested"],
        "tokens": f"{row['input_tokens']}+{row['output_tokens']}" + ("~" if row["estimated"] else ""),
        "cost": money(row["cost_micros"]),
        "latency": milliseconds(row["latency_us"]),
    }


def _detailed(row: Row) -> dict[str, Any]:
    """All there is to a row, with units."""
    told: dict[str, Any] = {"request_id": row["request_id"], "ended": iso(row["time_us"])}
    for name, value in row.items():
        if name in NOT_SHOWN or value in (0, False):
            continue
        if name == "started_us":
            told["started"] = iso(value)
        elif name.endswith("_micros"):
            told[name.removesuffix("_micros")] = money(value)
        elif name.endswith("_us"):
            told[name.removesuffix("_us")] = milliseconds(value)
        else:
            told[name] = value
    return told
