"""Queries on traffic: the list, one request with its whole trail, and usage by key, model, provider or day."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Annotated, Any, Literal, Protocol

import msgspec

from ingress.admin.call import Answer, Call
from ingress.admin.moments import moment_us
from ingress.admin.references import ConfigView
from ingress.admin.request_trail import Placed, TrailEntry, ended, entry
from ingress.admin.tenancy import resolve_tenant
from ingress.admin.wire import Endpoint
from projections.postgres.queries import Page, TrafficFilter
from projections.rows import FINDINGS, TRAFFIC, Column
from schemas.errors import InvalidRequest, NotFound
from schemas.ids import millis_of

Kind = Literal["", "completed", "refused", "aborted", "abandoned"]
Row = Mapping[str, Any]


class TrafficQuery(msgspec.Struct, frozen=True):
    """Filters; what is empty does not filter. Newest first."""

    tenant: str = ""
    key: str = ""
    """Id of a virtual key."""
    model: str = ""
    """`account/name` of the model that served the request."""
    provider: str = ""
    """Id of the provider account that served it."""
    account: str = ""
    """The same as `provider`."""
    kind: Kind = ""
    status: Annotated[int, msgspec.Meta(ge=100, le=599)] | None = None
    """HTTP status that the caller saw."""
    code: str = ""
    """Error code that the caller saw."""
    since: str = ""
    """RFC 3339, a day, or microseconds since the epoch; inclusive."""
    until: str = ""
    """Likewise; exclusive."""
    request_id: str = ""
    cursor: str = ""
    """`next_cursor` of the page before."""
    limit: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 100


class UsageQuery(msgspec.Struct, frozen=True):
    """What to add up."""

    tenant: str = ""
    group_by: Literal["key", "model", "provider", "day"] = "day"
    since: str = ""
    until: str = ""


class TenantQuery(msgspec.Struct, frozen=True):
    """Parameters of a query for one request; its id says all."""

    tenant: str = ""


_KINDS: dict[str, Any] = {
    "text": str,
    "texts": list[str],
    "integer": int,
    "boolean": bool,
    "day": date,
    "time": Annotated[datetime, msgspec.Meta(tz=True)],
}


def _shape(name: str, columns: Iterable[Column]) -> type[Any]:
    """A struct for the columns of a view; documentation only."""
    return msgspec.defstruct(name, [(column.name, _KINDS[column.kind]) for column in columns])


TrafficRow = _shape("TrafficRow", TRAFFIC)
FindingRow = _shape("FindingRow", FINDINGS)


class UsageRow(msgspec.Struct, frozen=True):
    """Sums over a group."""

    group: str
    requests: int
    input_tokens: int
    output_tokens: int
    cost_micros: int


class RequestView(msgspec.Struct, frozen=True):
    """One request, as far as it has come."""

    id: str
    open: bool
    """Whether it has no end yet."""
    row: TrafficRow | None  # type: ignore[valid-type]
    """Its summary, once it is in the view."""
    findings: list[FindingRow]  # type: ignore[valid-type]
    trail: list[TrailEntry]


class TrafficStore(Protocol):
    """What is needed of the view of traffic. Every method raises Rejected while the store does not answer."""

    async def listed(self, filters: TrafficFilter, cursor: str, limit: int) -> Page: ...

    async def one(self, request_id: str, tenant: str) -> Row | None: ...

    async def findings(self, request_id: str, tenant: str) -> Sequence[Row]: ...

    async def usage(self, tenant: str, group_by: str, since_us: int, until_us: int) -> Sequence[Row]: ...


class TrailReader(Protocol):
    """What is needed of the log."""

    async def read(self, request_id: str, first: int = 0, last: int = 0) -> list[Placed]: ...


class TrafficQueries:
    """Answers from the view in Postgres; one request's trail comes from the log itself."""

    def __init__(self, store: TrafficStore, trails: TrailReader, view: ConfigView) -> None:
        self._store = store
        self._trails = trails
        self._view = view

    async def listed(self, call: Call) -> Answer:
        """GET /traffic: newest first."""
        query: TrafficQuery = call.query
        if query.provider and query.account and query.provider != query.account:
            raise InvalidRequest("provider and account are the same thing; name one", param="account")
        filters = TrafficFilter(
            tenant=self._scope(call, query.tenant),
            key_id=query.key,
            model=query.model,
            account=query.provider or query.account,
            code=query.code,
            kind=query.kind,
            status=query.status,
            since_us=_moment(query.since, "since"),
            until_us=_moment(query.until, "until"),
            request_id=query.request_id,
        )
        page = await self._store.listed(filters, query.cursor, query.limit)
        return Answer(body={"data": page.rows, "next_cursor": page.next_cursor})

    async def one(self, call: Call) -> Answer:
        """GET /traffic/{id}: the row, the findings, and every fact, also of a request that has not ended."""
        nothing = NotFound("There is no request with this id, or the log no longer has it.")
        try:
            millis_of(call.id)
        except ValueError:
            raise nothing from None
        tenant = self._scope(call, call.query.tenant)
        row = await self._store.one(call.id, tenant)
        if row is not None:
            placed = await self._trails.read(call.id, row["accepted_sequence"], row["sequence"])
        else:
            # it has not ended, or the view has not heard of its end: the log knows
            placed = await self._trails.read(call.id)
        placed = [found for found in placed if tenant in ("", found[1].tenant)]
        if row is None and not placed:
            raise nothing
        return Answer(
            body=RequestView(
                id=call.id,
                open=row is None and not ended(placed),
                row=row,
                findings=list(await self._store.findings(call.id, tenant)),
                trail=[entry(found) for found in placed],
            )
        )

    async def usage(self, call: Call) -> Answer:
        """GET /usage: requests, tokens and money."""
        query: UsageQuery = call.query
        tenant = self._scope(call, query.tenant)
        since, until = _moment(query.since, "since"), _moment(query.until, "until")
        return Answer(body={"data": await self._store.usage(tenant, query.group_by, since, until), "next_cursor": None})

    def endpoints(self) -> list[Endpoint]:
        """What is served of it."""
        return [
            Endpoint(
                method="GET",
                path="/api/admin/traffic",
                handle=self.listed,
                summary="List requests, newest first",
                tag="traffic",
                query=TrafficQuery,
                answer=TrafficRow,
                listing=True,
                errors=(403,),
            ),
            Endpoint(
                method="GET",
                path="/api/admin/traffic/{id}",
                handle=self.one,
                summary="Read a request with its whole trail, fact by fact",
                tag="traffic",
                query=TenantQuery,
                answer=RequestView,
                errors=(404,),
            ),
            Endpoint(
                method="GET",
                path="/api/admin/usage",
                handle=self.usage,
                summary="Add up requests, tokens and money",
                tag="traffic",
                query=UsageQuery,
                answer=UsageRow,
                listing=True,
                errors=(403,),
            ),
        ]

    def _scope(self, call: Call, tenant: str) -> str:
        """The tenant to filter by; empty for all, which only some may see."""
        if tenant:
            call.principal.require(tenant)
            return tenant
        return "" if call.principal.tenants is None else resolve_tenant(call.principal, self._view)


def _moment(text: str, param: str) -> int:
    return moment_us(text, param) if text else 0
