"""`nexus hold`: legal holds, which keep a data subject from being erased."""

from __future__ import annotations

import argparse

from ops.cli.admin_client import path_of
from ops.cli.endpoints import admin_of
from ops.cli.output import Output, fields

COLLECTION = "/holds"
COLUMNS = ("id", "tenant", "subject", "reason")


def add(args: argparse.Namespace) -> int:
    """Forbid the erasure of a subject from now on."""
    body = {"id": args.id, "tenant": args.tenant or "", "subject": args.subject, "reason": args.reason}
    given = {name: value for name, value in body.items() if value}
    made = admin_of(args.data).call("POST", COLLECTION, body=given).body
    Output(args.output).result(made, fields({name: made[name] for name in COLUMNS}))
    return 0


def rm(args: argparse.Namespace) -> int:
    """Take a hold away."""
    query = {"tenant": args.tenant, "reason": args.reason}
    reply = admin_of(args.data).call("DELETE", COLLECTION + path_of(args.id), query=query)
    Output(args.output).result(
        {"id": args.id, "removed": True, "position": reply.position}, f"{args.id} is removed ({reply.position})"
    )
    return 0


def ls(args: argparse.Namespace) -> int:
    """List the holds in force."""
    found = list(admin_of(args.data).pages(COLLECTION, {"tenant": args.tenant}))
    Output(args.output).rows(found, COLUMNS, "there are no legal holds; `nexus hold add` makes one")
    return 0
