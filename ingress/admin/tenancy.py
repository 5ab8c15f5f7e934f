"""Which tenant a call is about. Pure but for the view of CONFIG that it asks."""

from __future__ import annotations

from ingress.admin.auth import Principal
from ingress.admin.references import ConfigView
from schemas.errors import InvalidRequest
from schemas.facts.traffic import SYSTEM

_NAMED_AT_MOST = 10


def resolve_tenant(principal: Principal, view: ConfigView, *named: str) -> str:
    """The tenant that is named in the body or in the query, else the only one that this principal has.

    Raises:
        InvalidRequest: none is named and there is not exactly one, or two different ones are named.
        Forbidden: it is not the principal's.
    """
    given = {name for name in named if name}
    if len(given) > 1:
        raise InvalidRequest("tenant in the body and tenant in the query are not the same", param="tenant")
    if given:
        (tenant,) = given
        principal.require(tenant)
        return tenant
    existing: list[str] = [tenant.id for tenant in view.all_of("tenant")]
    known = [name for name in existing if name != SYSTEM and principal.may(name)]
    if len(known) == 1:
        return known[0]
    if not known:
        raise InvalidRequest("There is no tenant yet; create one with POST /api/admin/tenants.", param="tenant")
    listed = ", ".join(known[:_NAMED_AT_MOST]) + (" and others" if len(known) > _NAMED_AT_MOST else "")
    raise InvalidRequest(f"Name the tenant, in the field tenant or as ?tenant=; there are {listed}.", param="tenant")
