"""Who sees which traffic, and what the store is asked. The real store and log are in the integration tests."""

from __future__ import annotations

from typing import Any

import pytest

from ingress.admin.request_trail import Placed
from ingress.admin.traffic_queries import TrafficQueries
from projections.postgres.queries import Page, TrafficFilter
from schemas import codec
from schemas.envelope import Position
from schemas.errors import Rejected
from schemas.facts.traffic import RequestAborted, RequestAccepted
from tests.unit.ingress.admin.plane import KEY, SCOPED_KEY, SMALL, MemoryLog, Plane, View

REQUEST = "01a1fa16-26ec-7000-9ac7-3593d00b2fd9"
OTHER = "01a1fa16-26ec-7001-9ac7-3593d00b2fd9"


def placed(request: str, tenant: str, *, ended: bool) -> list[Placed]:
    accepted = RequestAccepted("key", "nvk_12345678", "s", "chat", "m", False, 1, "overlapped", 1)
    made = [accepted, RequestAborted()] if ended else [accepted]
    return [
        (
            Position("TRAFFIC", 5 + number),
            codec.fact(data, id=f"f{number}", time=number, tenant=tenant, actor="key:key", correlation=request),
        )
        for number, data in enumerate(made)
    ]


class Store:
    """Has one row, of the tenant beta."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.failure: Exception | None = None
        self.row: dict[str, Any] = {"request_id": OTHER, "tenant": "beta", "accepted_sequence": 3, "sequence": 9}

    async def listed(self, filters: TrafficFilter, cursor: str, limit: int) -> Page:
        if self.failure is not None:
            raise self.failure
        self.asked.append((filters, cursor, limit))
        return Page([self.row], "next")

    async def one(self, request_id: str, tenant: str) -> dict[str, Any] | None:
        return self.row if request_id == OTHER and tenant in ("", "beta") else None

    async def findings(self, request_id: str, tenant: str) -> list[dict[str, Any]]:
        return []

    async def usage(self, tenant: str, group_by: str, since_us: int, until_us: int) -> list[dict[str, Any]]:
        self.asked.append((tenant, group_by, since_us, until_us))
        return []


class Trails:
    """Has the trail of one open request of the tenant acme, and of one of beta that has ended."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, int, int]] = []

    async def read(self, request_id: str, first: int = 0, last: int = 0) -> list[Placed]:
        self.asked.append((request_id, first, last))
        if request_id == REQUEST:
            return placed(REQUEST, "acme", ended=False)
        return placed(OTHER, "beta", ended=True) if request_id == OTHER else []


class Rig:
    def __init__(self) -> None:
        self.store = Store()
        self.trails = Trails()
        log = MemoryLog()
        self.plane = Plane(TrafficQueries(self.store, self.trails, View(log)).endpoints(), log=log)


@pytest.fixture
async def rig() -> Rig:
    made = Rig()
    await made.plane.start()
    await made.plane.given(*SMALL, ("tenants", {"id": "beta"}))
    return made


async def test_the_store_is_asked_for_what_the_caller_may_see(rig: Rig) -> None:
    page = (await rig.plane.call("GET", "/api/admin/traffic?key=k&provider=mock&since=1&limit=7&cursor=c")).json
    assert page == {"data": [rig.store.row], "next_cursor": "next"}
    assert rig.store.asked == [(TrafficFilter(key_id="k", account="mock", since_us=1), "c", 7)]
    await rig.plane.call("GET", "/api/admin/traffic", key=SCOPED_KEY)
    await rig.plane.call("GET", "/api/admin/usage?group_by=key", key=SCOPED_KEY)
    assert rig.store.asked[1:] == [(TrafficFilter(tenant="acme"), "", 100), ("acme", "key", 0, 0)]
    for path in ("traffic?tenant=beta", "usage?tenant=beta", f"traffic/{OTHER}?tenant=beta"):
        assert (await rig.plane.call("GET", f"/api/admin/{path}", key=SCOPED_KEY)).status == 403


async def test_an_open_request_is_told_from_the_log(rig: Rig) -> None:
    for key in (KEY, SCOPED_KEY):
        reply = await rig.plane.call("GET", f"/api/admin/traffic/{REQUEST}", key=key)
        assert (reply.status, reply.json["open"], reply.json["row"]) == (200, True, None)
        (entry,) = reply.json["trail"]
        assert (entry["position"], entry["data"]["model"]) == ("TRAFFIC:5", "m")
    assert rig.trails.asked[0] == (REQUEST, 0, 0)


async def test_a_finished_request_is_read_between_its_ends(rig: Rig) -> None:
    reply = await rig.plane.call("GET", f"/api/admin/traffic/{OTHER}")
    assert (reply.status, reply.json["open"], len(reply.json["trail"])) == (200, False, 2)
    assert rig.trails.asked == [(OTHER, 3, 9)]


async def test_the_requests_of_other_tenants_do_not_exist(rig: Rig) -> None:
    hidden = await rig.plane.call("GET", f"/api/admin/traffic/{OTHER}", key=SCOPED_KEY)
    elsewhere = await rig.plane.call("GET", f"/api/admin/traffic/{REQUEST}?tenant=beta")
    unknown = await rig.plane.call("GET", "/api/admin/traffic/01a1fa16-26ec-7002-9ac7-3593d00b2fd9", key=SCOPED_KEY)
    assert [reply.status for reply in (hidden, elsewhere, unknown)] == [404, 404, 404]
    assert hidden.error == unknown.error


async def test_an_outage_of_the_store_is_503_without_its_words(rig: Rig) -> None:
    rig.store.failure = Rejected("postgres: ConnectionRefusedError at secret-host")
    reply = await rig.plane.call("GET", "/api/admin/traffic")
    assert (reply.status, reply.headers["retry-after"]) == (503, "1")
    assert b"secret-host" not in reply.body


async def test_a_bug_is_500_with_the_request_to_look_for(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    rig.store.failure = ZeroDivisionError("secret")
    reply = await rig.plane.call("GET", "/api/admin/traffic")
    assert (reply.status, reply.error["type"]) == (500, "server_error")
    assert reply.headers["x-nexus-request-id"] in reply.error["message"]
    assert reply.headers["x-nexus-request-id"] in caplog.text
    assert b"secret" not in reply.body


async def test_a_fact_of_another_tenant_is_in_no_trail(rig: Rig) -> None:
    """Whatever a log that was tampered with says."""
    mixed = [*placed(REQUEST, "acme", ended=False), *placed(REQUEST, "beta", ended=True)]

    async def read(request_id: str, first: int = 0, last: int = 0) -> list[Placed]:
        return mixed

    rig.trails.read = read  # type: ignore[method-assign]
    reply = await rig.plane.call("GET", f"/api/admin/traffic/{REQUEST}", key=SCOPED_KEY)
    assert [entry["tenant"] for entry in reply.json["trail"]] == ["acme"]
    assert len((await rig.plane.call("GET", f"/api/admin/traffic/{REQUEST}")).json["trail"]) == 3
