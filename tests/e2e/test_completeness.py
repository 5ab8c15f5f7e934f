"""A gateway is killed and started again: its record says what it had taken in, and a part of it that is gone shows."""

from __future__ import annotations

import asyncio
import json
from itertools import pairwise
from typing import Any

from projections.log.connection import LogConnection
from projections.log.reader import Message, StreamReader
from projections.log.verify import Report, StreamCheck
from schemas.codec import decode_segment
from schemas.facts.traffic import RequestAccepted
from schemas.registry import NAME_OF
from tests.e2e.test_acceptance import HELLO, agreed
from tests.nexus_fixture import RunningNexus
from tests.waiting import until_sync

ACCEPTED = NAME_OF[RequestAccepted]


async def traffic(url: str) -> list[Message]:
    connection = await LogConnection.open(url, "test")
    try:
        return [
            message async for batch in StreamReader(connection, "TRAFFIC").batches(follow=False) for message in batch
        ]
    finally:
        await connection.close()


def checked(messages: list[Message]) -> Report:
    check = StreamCheck("TRAFFIC", False)
    faults = [fault for message in messages for fault in check.take(message)]
    return Report(faults=faults + check.end(), unclosed=check.counts.unclosed())


def test_what_a_killed_gateway_had_taken_in_is_accounted_for(nexus: RunningNexus) -> None:
    def ask() -> str:
        answer = nexus.client().chat.completions.with_raw_response.create(model="gpt-4o", messages=HELLO)
        return str(answer.headers["x-nexus-request-id"])

    asked = [ask() for _ in range(5)]
    killed = nexus.kill("gateway")
    until_sync(lambda: nexus.is_back("gateway", killed), "the gateway serves again")
    asked.append(ask())
    for request in asked:
        agreed(nexus, request)

    done = nexus.command("verify", "--stream", "TRAFFIC", "--output", "json")
    told: dict[str, Any] = json.loads(done.stdout)
    assert (done.returncode, told["faults"]) == (0, [])
    messages = asyncio.run(traffic(nexus.endpoints["nats"]))
    segments = [(message, decode_segment(message.payload)) for message in messages]
    boot = next(one.boot for _, one in segments if any(fact.correlation == asked[0] for fact in one.facts))
    own = [(message, one) for message, one in segments if one.boot == boot]
    accepted = [fact.correlation for _, one in own for fact in one.facts if fact.type == ACCEPTED]
    assert set(asked[:-1]) <= set(accepted) and asked[-1] not in accepted
    (left,) = [one for one in told["unclosed"] if one["boot"] == boot]
    assert left["superseded"] and (left["counted"] or 0) + left["since"] == len(accepted)
    assert f"boot {boot} crashed" in done.stderr

    # without any one of its latest segments but the last, verification fails there and at the next one
    for (gone, _), (following, _) in pairwise(own[-8:]):
        report = checked([message for message in messages if message is not gone])
        assert [fault.sequence for fault in report.faults][:2] == [gone.sequence, following.sequence]
