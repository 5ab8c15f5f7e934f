"""Rules of tenants, as the admin plane has them, for commands that also work without one. Prints nothing."""

from __future__ import annotations

from pathlib import Path

from ops.cli.endpoints import URL, admin_of, read_endpoints
from ops.cli.exits import CommandFailed
from ops.cli.models import specs
from schemas.aggregates.rule import CustomRule


def own_rules(data: Path, tenant: str | None, environment: dict[str, str]) -> tuple[list[CustomRule], str]:
    """The rules of one tenant, or of all that the admin key may see; and why they cannot be had, where an admin plane
    is named that does not answer. Where none is named there are none."""
    if not environment.get(URL):
        try:
            if not read_endpoints(data).get("admin"):
                return [], ""
        except CommandFailed:
            return [], ""
    try:
        return specs(admin_of(data, environment), "rules", CustomRule, tenant), ""
    except CommandFailed as problem:
        return [], f"rules of tenants are not among these: {problem}"
