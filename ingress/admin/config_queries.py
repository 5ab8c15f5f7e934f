"""Queries on configuration, answered from memory. Nothing here changes anything."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Any, Protocol

import msgspec

from ingress.admin.call import Answer, Call
from ingress.admin.intake import Intake
from ingress.admin.references import ConfigView, nearest
from ingress.admin.tenancy import resolve_tenant
from schemas.errors import InvalidRequest, NotFound

Limit = Annotated[int, msgspec.Meta(ge=1, le=1000)]


class VersionedView(ConfigView, Protocol):
    """What is needed of the live configuration by queries."""

    def version_of(self, aggregate: str, tenant: str, identifier: str) -> tuple[int, int]: ...


class ItemQuery(msgspec.Struct, frozen=True):
    """Parameters of a query for one."""

    tenant: str = ""
    """May be left out when there is one tenant only."""


class ListQuery(msgspec.Struct, frozen=True):
    """Parameters of a query for many."""

    tenant: str = ""
    """Of all tenants when empty."""
    cursor: str = ""
    """`next_cursor` of the page before."""
    limit: Limit = 100


class ConfigQueries:
    """The queries of one collection."""

    def __init__(self, intake: Intake, view: VersionedView) -> None:
        self.intake = intake
        self._decider = intake.decider
        self._view = view

    async def listed(self, call: Call) -> Answer:
        """GET of the collection: in the order of tenant and id, page by page."""
        query: ListQuery = call.query
        if query.tenant:
            call.principal.require(query.tenant)
        after = _open_cursor(query.cursor)
        found = [
            (key, spec)
            for spec in self._view.all_of(self._decider.name, query.tenant or None)
            if self._visible(call, spec) and (key := self._key(spec)) > after
        ]
        page = found[: query.limit]
        more = len(found) > len(page)
        return Answer(
            body={
                "data": [self._shown(spec) for _, spec in page],
                "next_cursor": _seal_cursor(page[-1][0]) if more else None,
            }
        )

    async def one(self, call: Call) -> Answer:
        """GET of one; its version is the `ETag`."""
        if self._decider.name == "tenant":
            call.principal.require(call.id)
            tenant = call.id
        else:
            tenant = resolve_tenant(call.principal, self._view, call.query.tenant)
        state = self._view.state_of(self._decider.name, tenant, call.id)
        if isinstance(state, self._decider.spec):
            version, _ = self._view.version_of(self._decider.name, tenant, call.id)
            return Answer(body=self._shown(state), version=version)
        word = self._decider.name.replace("-", " ")
        if state is not None:
            raise NotFound(f"This {word} is revoked.", code="revoked")
        where = None if self._decider.name == "tenant" else tenant
        known = [spec.id for spec in self._view.all_of(self._decider.name, where) if self._visible(call, spec)]
        raise NotFound(f"This {word} does not exist ({nearest(call.id, known)}).")

    def _shown(self, spec: msgspec.Struct) -> dict[str, Any]:
        tenant, identifier = self._key(spec)
        version, _ = self._view.version_of(self._decider.name, tenant, identifier)
        return {**self.intake.view(spec), "version": version}

    def _visible(self, call: Call, spec: Any) -> bool:
        return call.principal.may(self._key(spec)[0])

    def _key(self, spec: Any) -> tuple[str, str]:
        """(tenant, id): how the aggregate is filed on the log. A tenant is filed under itself."""
        return (spec.id if self._decider.name == "tenant" else spec.tenant), spec.id


def _seal_cursor(key: tuple[str, str]) -> str:
    return base64.urlsafe_b64encode("\x00".join(key).encode()).decode().rstrip("=")


def _open_cursor(cursor: str) -> tuple[str, str]:
    if not cursor:
        return "", ""
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        raise InvalidRequest("cursor is not one of these answers' next_cursor", param="cursor") from None
    tenant, separator, identifier = text.partition("\x00")
    if not separator:
        raise InvalidRequest("cursor is not one of these answers' next_cursor", param="cursor")
    return tenant, identifier
