"""`nexus simulate`: asks the admin plane what rules, route and budgets would make of a request. No call is made."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from ops.cli.endpoints import admin_of
from ops.cli.exits import FAILED, OK, Misused
from ops.cli.output import Output, fields, money, table

_HIT_COLUMNS = ("rule", "severity", "action", "text", "start", "end")
_TARGET_COLUMNS = (
    *("account", "model", "wire", "prompt", "counted", "at_most", "answer_at_most"),
    *("estimated", "reserve", "budgets"),
)


def simulate(args: argparse.Namespace) -> int:
    """Print what would become of the request; 1 when it would be refused."""
    body = _body(args.file)
    admin = admin_of(args.data)
    given = {"body": body, "tenant": args.tenant or "", "key": args.key, "route": args.route}
    told = admin.call("POST", "/simulate", body=given).body
    Output(args.output).result(told, as_text(told))
    return FAILED if told["outcome"] == "refused" else OK


def _body(name: str) -> dict[str, Any]:
    try:
        text = sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")
        found = json.loads(text)
    except OSError as problem:
        raise Misused(f"{name} cannot be read: {problem.strerror}") from None
    except ValueError as problem:
        # the text of the exception names a place, not what stands there
        raise Misused(f"{name} is no JSON in UTF-8: {problem}") from None
    if not isinstance(found, dict):
        raise Misused(f"{name} must hold a JSON object: the body of a request")
    return found


def as_text(told: dict[str, Any]) -> str:
    """For people."""
    names = ("outcome", "tenant", "key", "model", "stream", "route", "policy", "bypass", "hooks")
    parts = [fields({name: told[name] for name in names})]
    for refusal in told["refusals"]:
        parts.append(f"refused at {refusal['stage']} with {refusal['status']} {refusal['code']}: {refusal['message']}")
    if (screening := told["screening"]) is not None:
        pack = f"rules {screening['pack']}" if screening["pack"] else "screening is off"
        parts.append(
            f"screening: {screening['action']} ({screening['placement']}, {screening['characters']:,} characters in "
            f"{screening['microseconds']:,.0f} µs, {pack})"
        )
        if screening["hits"]:
            parts.append(table([[str(hit[name]) for name in _HIT_COLUMNS] for hit in screening["hits"]], _HIT_COLUMNS))
    if told["targets"]:
        rows = [
            [
                target["account"],
                target["model"],
                target["wire"],
                str(target["prompt_tokens"]),
                target["prompt_counted"],
                str(target["prompt_tokens_most"]),
                str(target["output_tokens_most"]),
                money(target["estimated_micros"]) if target["priced"] else "no price",
                money(target["reserve_micros"]),
                ", ".join(target["budgets"]),
            ]
            for target in told["targets"]
        ]
        parts.append(
            "targets in the order of trying; tokens of prompt and answer\n"
            + table(rows, _TARGET_COLUMNS)
            + f"\ncircuits: {told['circuits']}"
        )
    return "\n\n".join(parts)
