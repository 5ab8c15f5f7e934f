"""`nexus apply`: sends a configuration file to the admin plane as commands, once all of it is known to be valid."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from typing import Any

from ops.cli.admin_client import AdminClient, AdminRefused, path_of
from ops.cli.configuration import BadFile, Item, read_file
from ops.cli.endpoints import admin_of
from ops.cli.exits import CommandFailed, Misused
from ops.cli.models import listed_ids
from ops.cli.output import Output
from ops.cli.references import missing

COLUMNS = ("collection", "tenant", "id", "result", "version")


def apply(args: argparse.Namespace) -> int:
    """Apply a file; what it says already in force stays untouched."""
    output = Output(args.output)
    items = read_items(args.file)
    admin = admin_of(args.data)
    check_references(str(args.file), admin, items)
    if args.dry_run:
        valid = [
            {"collection": item.collection, "tenant": item.tenant, "id": item.id, "result": "valid"} for item in items
        ]
        output.rows(valid, COLUMNS[:-1], "the file is empty")
        output.message("nothing was changed")
        return 0
    rows: list[dict[str, Any]] = []
    keys: list[dict[str, str]] = []
    try:
        send(admin, items, rows.append, keys.append)
    except CommandFailed as failure:
        left = items[len(rows)]
        failure.message = f"{left.place} ({left.id}): {failure.message}" + _progress(len(rows), len(items))
        raise
    finally:
        # whatever was done is told, and above all a key that was made is not lost
        output.rows(rows, COLUMNS, "nothing was applied", {"keys": keys})
        if keys and not output.json:
            for made in keys:
                output.result(made, f"\nkey of {made['id']}: {made['key']}")
        if keys:
            output.message("Keep the keys now: only their hashes are stored, nobody can show them again.")
    return 0


def read_items(path: Any) -> list[Item]:
    """The items of a file on disk, checked.

    Raises:
        Misused: it cannot be read, or something in it is wrong.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as problem:
        raise Misused(f"{path} cannot be read: {problem.strerror}") from None
    except UnicodeDecodeError:
        raise Misused(f"{path} is not UTF-8, as TOML has to be") from None
    return read_file(str(path), text, os.environ)


def check_references(name: str, admin: AdminClient, items: list[Item]) -> None:
    """Compares what items name with the file itself and with what is in force.

    Raises:
        BadFile: something is named that does not exist.
        CommandFailed: there was no answer.
    """
    known: dict[tuple[str, str], frozenset[str]] = {}

    def in_force(collection: str, tenant: str) -> frozenset[str]:
        if (collection, tenant) not in known:
            found = admin.pages(path_of(collection), {"tenant": tenant})
            ids = {one["id"] for one in found}
            if collection == "models":
                ids.update(listed_ids(admin, tenant))
            known[collection, tenant] = frozenset(ids)
        return known[collection, tenant]

    problems = missing(items, in_force)
    if problems:
        raise BadFile(name, problems)


def send(
    admin: AdminClient,
    items: list[Item],
    done: Callable[[dict[str, Any]], None],
    issued: Callable[[dict[str, str]], None],
) -> None:
    """Puts items one by one; tells each as soon as it is in force.

    Raises:
        CommandFailed: an item was refused, or there was no answer; those before it are in force.
    """
    for item in items:
        path = path_of(item.collection, item.id)
        query = {"tenant": item.tenant}
        before = _version(admin, path, query)
        reply = admin.call("PUT", path, query=query, body=item.body)
        version = reply.body["version"]
        result = "created" if reply.status == 201 else ("unchanged" if version == before else "changed")
        tenant = reply.body.get("tenant", "")
        if "key" in reply.body and "key" not in item.body:
            issued({"id": item.id, "tenant": tenant, "key": reply.body["key"]})
        done(
            {
                "collection": item.collection,
                "tenant": tenant,
                "id": item.id,
                "result": result,
                "version": version,
                "position": reply.position,
            }
        )


def _version(admin: AdminClient, path: str, query: dict[str, Any]) -> int:
    try:
        found: int = admin.get(path, query)["version"]
    except AdminRefused as refusal:
        if refusal.status != 404:
            raise
        return 0
    return found


def _progress(done: int, of: int) -> str:
    if not done:
        return ""
    return f"\n{done} of {of} items are in force; correct the file and apply it again, what is in force stays as it is"
