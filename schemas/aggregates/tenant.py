"""Tenant: whose data, keys and money these are. Organisation when it has no parent, project when it has one."""

from __future__ import annotations

import msgspec

from schemas.aggregates.decider import definition, problems_of_id


class Tenant(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    id: str
    name: str = ""
    parent: str = ""
    enabled: bool = True


def _problems(spec: Tenant) -> list[str]:
    found = problems_of_id(spec.id)
    if spec.parent == spec.id:
        found.append("parent must be another tenant")
    return found


class TenantCreated(msgspec.Struct, frozen=True):
    spec: Tenant


class TenantChanged(msgspec.Struct, frozen=True):
    spec: Tenant


class TenantRemoved(msgspec.Struct, frozen=True):
    reason: str = ""


DECIDER = definition("tenant", "tenants", Tenant, TenantCreated, TenantChanged, TenantRemoved, _problems, ("id",))
