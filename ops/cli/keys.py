"""`nexus keys`: issue, list and revoke virtual keys through the admin plane."""

from __future__ import annotations

import argparse
from typing import Any

from ops.cli.admin_client import AdminClient, path_of
from ops.cli.endpoints import admin_of
from ops.cli.exits import NOT_FOUND, CommandFailed
from ops.cli.moments import moment_us
from ops.cli.output import Output, fields
from schemas.ids import Clock, SystemClock, iso

COLLECTION = "/virtual-keys"
COLUMNS = ("id", "tenant", "name", "prefix", "owner", "models", "requests_per_minute", "expires", "enabled")
PREFIX_LENGTH = 12


def create(args: argparse.Namespace) -> int:
    """Issue a key and print it, once."""
    output = Output(args.output)
    body = {
        "id": args.id,
        "tenant": args.tenant or "",
        "name": args.name,
        "owner": args.owner,
        "models": list(args.models),
        "requests_per_minute": args.requests_per_minute,
        "expires_us": _expiry(args.expires, SystemClock()),
    }
    given = {name: value for name, value in body.items() if value not in ("", [], 0)}
    made = admin_of(args.data).call("POST", COLLECTION, body=given).body
    output.result(made, f"{fields(_shown({**made, 'key': None}))}\n\n{made['key']}")
    output.message("Keep the key now: only its hash is stored, nobody can show it again.")
    return 0


def ls(args: argparse.Namespace) -> int:
    """List the keys that are not revoked."""
    found = list(admin_of(args.data).pages(COLLECTION, {"tenant": args.tenant}))
    output = Output(args.output)
    shown = found if output.json else [_shown(key) for key in found]
    output.rows(shown, COLUMNS, "there are no keys; issue one with `nexus keys create`")
    return 0


def revoke(args: argparse.Namespace) -> int:
    """Revoke a key; every gateway refuses it within two seconds."""
    admin = admin_of(args.data)
    tenant, identifier = args.tenant, args.id
    if identifier.startswith("nvk_"):
        tenant, identifier = _by_prefix(admin, identifier, tenant)
    query = {"tenant": tenant, "reason": args.reason}
    reply = admin.call("DELETE", COLLECTION + path_of(identifier), query=query)
    Output(args.output).result(
        {"id": identifier, "revoked": True, "position": reply.position},
        f"{identifier} is revoked ({reply.position})",
    )
    return 0


def _by_prefix(admin: AdminClient, key: str, tenant: str | None) -> tuple[str, str]:
    """(tenant, id) of the key that is shown by these characters. A whole key is cut down, not sent."""
    prefix = key[:PREFIX_LENGTH]
    found = [one for one in admin.pages(COLLECTION, {"tenant": tenant}) if one["prefix"] == prefix]
    if not found:
        raise CommandFailed(f"no key begins with {prefix}; `nexus keys ls` lists them", NOT_FOUND)
    if len(found) > 1:
        ids = ", ".join(one["id"] for one in found)
        raise CommandFailed(f"several keys begin with {prefix}: {ids}; name one by its id")
    return found[0]["tenant"], found[0]["id"]


def _expiry(text: str, clock: Clock) -> int:
    return moment_us(text, "--expires", clock.now_us(), ahead=True) if text else 0


def _shown(key: dict[str, Any]) -> dict[str, Any]:
    """A key for people: a time instead of microseconds, nothing instead of no limit."""
    expires = key.get("expires_us") or 0
    return {
        **{name: value for name, value in key.items() if name != "expires_us"},
        "requests_per_minute": key.get("requests_per_minute") or None,
        "expires": iso(expires) if expires else None,
    }
