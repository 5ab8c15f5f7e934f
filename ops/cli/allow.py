"""`nexus rules allow`: a value that rules may not object to. It is never an argument, where others could read it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ops.cli.admin_client import path_of
from ops.cli.endpoints import admin_of
from ops.cli.exits import OK, Misused
from ops.cli.output import Output

STDIN = "-"


def allow(args: argparse.Namespace) -> int:
    """Add a value to a policy's list, or take it off."""
    field = "disallow_values" if args.off else "allow_values"
    reply = admin_of(args.data).call(
        "PATCH", path_of("policies", args.policy), query={"tenant": args.tenant}, body={field: [_value(args.file)]}
    )
    count = len(reply.body["allowed"])
    Output(args.output).result(
        {"policy": args.policy, "allowed": count, "position": reply.position},
        f"the policy {args.policy} lets {count} values pass ({reply.position})",
    )
    return OK


def _value(file: str) -> str:
    """What is piped in or in the file, without the line end after it."""
    try:
        text = sys.stdin.read() if file == STDIN else Path(file).read_text(encoding="utf-8")
    except OSError as problem:
        raise Misused(f"{file} cannot be read: {problem.strerror}") from None
    except UnicodeDecodeError:
        raise Misused(f"{file} is not UTF-8") from None
    value = text.removesuffix("\n").removesuffix("\r")
    if not value:
        raise Misused("there is no value to let pass")
    return value
