"""Placement `observe` on a real log: what the gateway would have said, once, as the configuration was."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from projections.log import api
from projections.log.connection import LogConnection
from projections.log.reader import StreamReader
from projections.screening import Screener, compile_rules, load_builtin_rules, screen_step, screened
from schemas import codec
from schemas.aggregates.policy import Policy
from schemas.aggregates.route import Route
from schemas.facts.traffic import RequestScreened
from schemas.screening.model import ScreeningPolicy
from schemas.settings import environment_of
from tests.integration.compliance_rig import CARD, MAIL, Rig, answer_body, request_body, stream_record
from tests.integration.log_fixture import connection
from tests.integration.nats_fixture import NatsServer, nats_server

__all__ = ["connection", "nats_server"]

SCREENER = Screener(compile_rules(load_builtin_rules()))


@pytest.fixture
async def rig(connection: LogConnection, nats_server: NatsServer, tmp_path: Path) -> Rig:
    return await Rig.open(connection, nats_server.url, tmp_path / "data")


def inline(stage: str, *texts: str, policy: ScreeningPolicy | None = None) -> RequestScreened:
    """What the gateway says about these texts."""
    verdict = screen_step(SCREENER, texts, stage, policy or ScreeningPolicy())
    return screened(stage, verdict, sum(map(len, texts)))


async def test_both_directions_are_screened_afterwards(rig: Rig) -> None:
    await rig.route()
    async with rig.worker():
        first = await rig.request(request_body(CARD), answer_body(MAIL))
        second = await rig.request(request_body("nothing"), stream_record(MAIL, CARD), stream=True)
        await rig.handled()
    said = await rig.said()
    assert [data for _, data in said] == [
        inline("request", CARD),
        inline("response", MAIL),
        inline("request", "nothing"),
        inline("response", MAIL, CARD),
    ]
    assert said[0][1].hits
    for (fact, _), accepted in zip(said, (first, first, second, second), strict=True):
        assert (fact.tenant, fact.actor) == ("a", "worker:compliance")
        assert (fact.correlation, fact.causation) == (accepted.correlation, accepted.id)


async def test_only_what_was_to_be_observed(rig: Rig) -> None:
    await rig.route("inline")
    await rig.put(Route(id="seen", tenant="a", placement="observe"))
    async with rig.worker():
        await rig.request(request_body(CARD), answer_body(MAIL))
        await rig.request(request_body(CARD), answer_body(MAIL), route="")
        await rig.request(None, None, route="seen")
        observed = await rig.request(request_body(CARD), None, route="seen")
        await rig.handled()
    assert [(fact.correlation, data.stage) for fact, data in await rig.said()] == [(observed.correlation, "request")]


async def test_the_configuration_is_that_of_the_request_s_time(rig: Rig) -> None:
    (rule,) = {hit.rule for hit in inline("request", CARD).hits}
    await rig.route(policy="p")
    early = await rig.accepted(request_body(CARD))
    await rig.put(Policy(id="p", tenant="a", disabled=(rule,)))
    late = await rig.accepted(request_body(CARD))
    await rig.put(Policy(id="p", tenant="a", screen_requests=False))
    last = await rig.accepted(request_body(CARD))
    await rig.route("inline", policy="p")
    after = await rig.accepted(request_body(CARD))
    for accepted in (early, late, last, after):
        await rig.append(accepted, await rig.ended(accepted, None))
    async with rig.worker():
        await rig.handled()
    assert [(fact.correlation, data) for fact, data in await rig.said()] == [
        (early.correlation, inline("request", CARD)),
        (late.correlation, inline("request", CARD, policy=ScreeningPolicy(disabled=frozenset({rule})))),
        (last.correlation, inline("request", CARD, policy=ScreeningPolicy(enabled=False))),
    ]


async def test_large_bodies_come_from_the_object_store(rig: Rig) -> None:
    await rig.route()
    text = "x" * 400_000 + f" {CARD}"
    async with rig.worker():
        await rig.request(request_body(text), answer_body(text))
        await rig.handled()
    assert [data for _, data in await rig.said()] == [inline("request", text), inline("response", text)]


async def test_a_request_that_began_before_the_worker(rig: Rig) -> None:
    await rig.route()
    known, unknown = await rig.accepted(request_body(CARD)), await rig.accepted(request_body(MAIL))
    async with rig.worker():
        place = await rig.append(known, unknown)
        await rig.handled()
    async with rig.worker():
        await rig.append(await rig.ended(known, None, accepted_sequence=place))
        await rig.append(await rig.ended(unknown, None, accepted_sequence=0))
        await rig.handled()
    assert [data for _, data in await rig.said()] == [inline("request", CARD), inline("request", MAIL)]


async def test_an_erased_subject_and_damage_hold_up_nobody(rig: Rig) -> None:
    await rig.route()
    erased = await rig.accepted(request_body(CARD))
    await rig.append(erased, await rig.ended(erased, answer_body(MAIL)))
    await rig.bodies.erase_subject("a", "sub_1")
    await rig.append_raw(b"\xc1 no segment")
    swapped, other = await rig.accepted(request_body(CARD)), await rig.accepted(request_body(MAIL))
    ended = await rig.ended(swapped, request_body("an answer that is none"))
    # an accepted-fact of one request under the name of another: its body cannot be opened there
    foreign = codec.open_fact(other)
    assert foreign is not None
    await rig.append(rig.fact(foreign, swapped.correlation), ended)
    good = await rig.request(request_body(CARD), None)
    async with rig.worker():
        await rig.handled()
        reader = StreamReader(rig.connection, "DEAD")
        dead = [message.payload async for batch in reader.batches(follow=False) for message in batch]
    assert dead == [b"\xc1 no segment"]
    assert [(fact.correlation, data.stage, data.characters) for fact, data in await rig.said()] == [
        (swapped.correlation, "response", 0),
        (good.correlation, "request", len(CARD)),
    ]


async def test_nothing_is_said_twice(rig: Rig) -> None:
    await rig.route()
    async with rig.worker():
        await rig.request(request_body(CARD), answer_body(MAIL))
        await rig.handled()
    async with rig.worker():
        await rig.request(request_body(CARD), None)
        await rig.handled()
    # without its durable the worker begins at the beginning, and finds on DECISIONS what it said
    await api.call(rig.connection, "CONSUMER.DELETE.TRAFFIC.compliance")
    await rig.request(request_body(MAIL), None)
    async with rig.worker():
        await rig.until_said(4)
        await rig.handled()
    assert [data for _, data in await rig.said()] == [
        inline("request", CARD),
        inline("response", MAIL),
        inline("request", CARD),
        inline("request", MAIL),
    ]


async def test_a_killed_worker_says_everything_once(rig: Rig) -> None:
    await rig.route()
    expected = []
    environment = os.environ | environment_of(rig.settings)
    for _ in range(4):
        before = len(await rig.said())
        command = (sys.executable, "-m", "processors", "compliance")
        process = await asyncio.create_subprocess_exec(*command, env=environment)
        for _ in range(60):
            expected.append((await rig.request(request_body(CARD), answer_body(MAIL))).correlation)
        await rig.until_said(before + 1)
        process.send_signal(signal.SIGKILL)
        await process.wait()
    async with rig.worker():
        # what the killed ones had in their hands is not acknowledged for half a minute, but it is worked on
        await rig.until_said(2 * len(expected))
        # a last one, so that whatever else there is to say has been said before it
        last = (await rig.request(request_body(CARD), None)).correlation
        await rig.until_said(2 * len(expected) + 1)
    said = [(fact.correlation, data.stage) for fact, data in await rig.said()]
    both = [(request, stage) for request in expected for stage in ("request", "response")]
    assert said == [*both, (last, "request")]
