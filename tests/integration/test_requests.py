"""Requests put together from a real log: each once, whole, wherever the span begins and however little is kept."""

from __future__ import annotations

import msgspec
import pytest

from projections.live.health import past_health
from projections.log import api
from projections.log.connection import LogConnection
from projections.log.requests import Requests
from projections.log.span import Span
from schemas import codec, subjects
from schemas.facts.decisions import CircuitClosed, CircuitOpened
from schemas.whatif import Recorded
from tests.integration.log_fixture import CLOCK, IDS, connection
from tests.integration.nats_fixture import NatsServer, nats_server
from tests.integration.sample_log import Traffic, message

__all__ = ["connection", "nats_server"]


async def collected(requests: Requests, first: int, last: int) -> list[Recorded]:
    return [one async for ended in requests.between(Span("TRAFFIC", first, last)) for one in ended.requests]


@pytest.mark.parametrize("most_bytes", [64 * 1024 * 1024, 100])
async def test_each_once_and_whole(connection: LogConnection, nats_server: NatsServer, most_bytes: int) -> None:
    traffic = Traffic(clock=CLOCK)
    made = [traffic.request(hits=1) for _ in range(6)]
    opened = [fact for request in made for fact in request[:2]]
    ended = [request[2] for request in made]
    unreadable = msgspec.structs.replace(made[0][2], correlation=IDS.new(), data=msgspec.Raw(b"\xc3"))
    for number, facts in enumerate((opened[:6], opened[6:], ended[:3], ended[3:], [*ended[:2], unreadable]), 1):
        await api.publish(connection, subjects.traffic(0), message(number, facts).payload, {})
    await api.publish(connection, subjects.traffic(0), b"no segment", {})

    requests = Requests(connection, most_bytes=most_bytes)
    found = await collected(requests, 1, 6)
    assert [one.id for one in found[:-1]] == [request[0].correlation for request in made]
    assert all(one.accepted and one.screened["request"].hits and not one.damaged for one in found[:-1])
    assert (found[-1].damaged, found[-1].accepted, requests.unreadable) == (True, None, [6])

    later = await collected(Requests(connection, most_bytes=most_bytes), 4, 4)
    assert later == found[3:6], "what began before the span is read all the same"
    only = await collected(Requests(connection, "tenant-1"), 1, 4)
    assert [one.id for one in only] == [one.id for one in found if one.tenant == "tenant-1"]


async def test_what_was_told_of_circuits(connection: LogConnection, nats_server: NatsServer) -> None:
    now = CLOCK.now_us()
    said = [(CircuitOpened("one", 5, now + 60_000_000), now), (CircuitClosed("one"), now + 30_000_000)]
    facts = [
        codec.fact(data, id=IDS.new(), time=at, tenant="t", actor="worker:routing", correlation="one/circuit")
        for data, at in said
    ]
    subject = subjects.decisions("routing", "t")
    payload = message(1, facts, stream="DECISIONS", subject=subject).payload
    assert (await api.publish(connection, subject, payload, {})).error is None
    health = await past_health(connection, now, now + 3_600_000_000)
    assert health.facts == 2
    assert [health.allows("t", "one", at) for at in (now - 1, now, now + 30_000_000)] == [True, False, True]
    assert (await past_health(connection, now - 10**12, now - 10**11)).facts == 0
