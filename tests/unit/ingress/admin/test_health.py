"""The report tells what is well, what is not, and does not wait for what hangs."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ingress.admin import health as module
from ingress.admin.health import Health
from ingress.admin.metrics import Metrics
from projections.log.durability import Standing
from projections.log.standing import RecordStanding
from tests.unit.ingress.admin.plane import Plane, Reply


class Parts:
    """Stands for all stores."""

    def __init__(self) -> None:
        self.age_s = 0.5
        self.failure: Exception | None = None
        self.hang: asyncio.Event | None = None
        self.asked = 0
        self.standing = Standing(True)

    async def well(self) -> None:
        return None

    async def other(self) -> None:
        self.asked += 1
        if self.hang is not None:
            await self.hang.wait()
        if self.failure is not None:
            raise self.failure

    async def streams(self) -> dict[str, int]:
        return {"CONFIG": 12, "TRAFFIC": 100}

    async def positions(self) -> list[tuple[str, str, int]]:
        await self.other()
        return [("audit", "TRAFFIC", 90), ("audit", "ELSEWHERE", 3)]

    def health(self) -> Health:
        return Health(
            {"log": self.well, "postgres": self.other},
            self.streams,
            {"postgres": self.positions},
            lambda: (10, self.age_s),
            stale_s=30.0,
            durability=lambda: self.standing,
            waiting=self.waiting,
            record=self.record,
        )

    async def waiting(self, stream: str, after: int) -> float:
        assert (stream, after) == ("TRAFFIC", 90)
        return 1.5

    async def record(self) -> RecordStanding:
        return RecordStanding(2, 12.25)

    async def serve(self) -> Plane:
        return await Plane(self.health().endpoints()).start()


async def test_everything_well() -> None:
    plane = await Parts().serve()
    report = (await plane.call("GET", "/api/admin/health")).json
    assert report["status"] == "ok"
    assert {name: part["ok"] for name, part in report["dependencies"].items()} == {"log": True, "postgres": True}
    assert report["log"] == {"CONFIG": 12, "TRAFFIC": 100}
    assert report["config"] == {"sequence": 10, "lag": 2, "age_s": 0.5}
    assert report["projections"] == [
        {"name": "audit", "stream": "ELSEWHERE", "sequence": 3, "lag": None, "lag_s": None, "answers": True},
        {"name": "audit", "stream": "TRAFFIC", "sequence": 90, "lag": 10, "lag_s": 1.5, "answers": True},
    ]
    assert report["record"] == {"dead": 2, "checkpoint_age_s": 12.25}


async def test_a_scraper_with_the_key_gets_the_same_as_text() -> None:
    parts = Parts()
    health = parts.health()
    plane = await Plane([*health.endpoints(), *Metrics(health.look).endpoints()]).start()
    assert (await plane.call("GET", "/metrics", key=None)).status == 401
    reply = await plane.call("GET", "/metrics")
    lines = reply.body.decode().splitlines()
    for expected in (
        "# TYPE nexus_view_lag_facts gauge",
        'nexus_view_lag_facts{view="audit",stream="TRAFFIC"} 10',
        'nexus_view_lag_seconds{view="audit",stream="TRAFFIC"} 1.5',
        'nexus_stream_last_sequence{stream="TRAFFIC"} 100',
        'nexus_dependency_up{dependency="postgres"} 1',
        "nexus_log_durable 1",
        "nexus_dead_letters 2",
        "nexus_checkpoint_age_seconds 12.25",
    ):
        assert expected in lines
    # of a lag that is not known there is no sample
    assert not [line for line in lines if "nexus_view_lag" in line and "ELSEWHERE" in line]


async def test_a_failure_is_named_by_its_kind_only() -> None:
    parts = Parts()
    parts.failure = ConnectionRefusedError("postgres://user:secret@host")
    reply = await (await parts.serve()).call("GET", "/api/admin/health")
    report = reply.json
    assert (reply.status, report["status"]) == (200, "degraded")
    assert report["dependencies"]["postgres"]["error"] == "ConnectionRefusedError"
    assert report["projections"] == []
    assert b"secret" not in reply.body


async def test_a_view_whose_store_is_away_stands_where_it_was_seen_and_falls_behind() -> None:
    parts = Parts()
    plane = await parts.serve()
    await plane.call("GET", "/api/admin/health")
    parts.failure = ConnectionRefusedError("away")
    report = (await plane.call("GET", "/api/admin/health")).json
    assert [(view["stream"], view["sequence"], view["lag"], view["answers"]) for view in report["projections"]] == [
        ("ELSEWHERE", 3, None, False),
        ("TRAFFIC", 90, 10, False),
    ]
    parts.failure = None
    report = (await plane.call("GET", "/api/admin/health")).json
    assert all(view["answers"] for view in report["projections"])


async def test_what_hangs_is_asked_once_and_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PROBE_S", 0.05)
    parts = Parts()
    parts.hang = asyncio.Event()
    plane = await parts.serve()
    for _ in range(3):
        report = (await plane.call("GET", "/api/admin/health")).json
        assert report["dependencies"]["postgres"]["error"] == "TimeoutError"
        assert report["dependencies"]["log"]["ok"] is True
    assert parts.asked == 2  # the probe and the positions
    parts.hang.set()
    parts.hang = None
    await asyncio.sleep(0)
    monkeypatch.setattr(module, "PROBE_S", 5.0)
    assert (await plane.call("GET", "/api/admin/health")).json["status"] == "ok"


async def test_alive_and_ready_need_no_key() -> None:
    parts = Parts()
    plane = await parts.serve()

    async def ask(path: str) -> tuple[int, Any]:
        reply: Reply = await plane.call("GET", path, key=None)
        return reply.status, reply.json

    assert await ask("/health") == (200, {"status": "ok"})
    assert await ask("/ready") == (200, {"status": "ready"})
    parts.age_s = 31.0
    assert await ask("/health") == (200, {"status": "ok"})
    status, body = await ask("/ready")
    assert (status, body["error"]["code"]) == (503, "not_ready")
    assert (await plane.call("GET", "/api/admin/health", key=None)).status == 401


async def test_the_report_says_whether_the_log_is_durable() -> None:
    parts = Parts()
    plane = await parts.serve()
    assert (await plane.call("GET", "/api/admin/health")).json["durability"] == {"durable": True, "reason": ""}
    parts.standing = Standing(False, "it acknowledges before it syncs")
    report = (await plane.call("GET", "/api/admin/health")).json
    assert report["durability"] == {"durable": False, "reason": "it acknowledges before it syncs"}
    assert report["status"] == "ok", "it serves all the same"
