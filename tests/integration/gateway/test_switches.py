"""Switches at a real gateway: a kill refuses within two seconds under load, a passthrough ends by itself."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any

import openai
import pytest

from schemas.aggregates.kill import Kill
from schemas.aggregates.passthrough import MINUTE_US, Passthrough
from schemas.facts.traffic import RequestBypassed, RequestRefused
from schemas.ids import SystemClock
from tests.integration.gateway.test_chat import AWS_KEY, HELLO
from tests.integration.gateway.town import House, Town
from tests.waiting import until_sync

IN_FORCE_S = 2.0
LEAK: list[Any] = [{"role": "user", "content": f"my key is {AWS_KEY}"}]


def ask(town: Town, house: House, messages: list[Any] = HELLO) -> str:
    """What a request came to: `ok`, or the error's code."""
    try:
        with town.client(house) as client:
            client.chat.completions.create(model="gpt-4o", messages=messages)
    except openai.APIStatusError as error:
        return error.code or str(error.status_code)
    return "ok"


@pytest.mark.parametrize(("scope", "target"), [("route", "default"), ("key", "k1"), ("tenant", ""), ("everything", "")])
def test_a_kill_under_load_refuses_within_two_seconds(town: Town, scope: str, target: str) -> None:
    house, other = town.house(), town.house()
    tenant = "system" if scope == "everything" else house.tenant
    stop = False
    seen: list[tuple[float, str]] = []

    def load() -> None:
        for _ in count():
            begun = time.monotonic()
            seen.append((begun, ask(town, house)))
            if stop:
                return

    kill = Kill(id="leak", tenant=tenant, scope=scope, target=target, reason="it leaks")
    with ThreadPoolExecutor(3) as pool:
        try:
            running = [pool.submit(load) for _ in range(3)]
            until_sync(lambda: sum(end == "ok" for _, end in seen) >= 5, "the load is served")
            town.put(tenant, ("kill", "leak", kill))
            put = time.monotonic()
            until_sync(lambda: any(begun > put + IN_FORCE_S for begun, _ in seen), "the load goes on")
        finally:
            stop = True
        for each in running:
            each.result(30)
    try:
        assert {end for begun, end in seen if begun > put + IN_FORCE_S} == {"kill_switch"}
        assert {end for _, end in seen} == {"ok", "kill_switch"}
        assert ask(town, other) == ("kill_switch" if scope == "everything" else "ok")
    finally:
        town.put(tenant, ("kill", "leak", None))
    until_sync(lambda: ask(town, house) == "ok", "it is lifted")


def test_a_kill_is_on_the_record(town: Town) -> None:
    house = town.house()
    town.put(house.tenant, ("kill", "leak", Kill(id="leak", tenant=house.tenant, scope="tenant", reason="it leaks")))
    until_sync(lambda: ask(town, house) == "kill_switch", "it is in force")
    with pytest.raises(openai.PermissionDeniedError) as refused:
        town.client(house).chat.completions.create(model="gpt-4o", messages=HELLO)
    end = town.closed(refused.value.response.headers["x-nexus-request-id"])[-1][1]
    assert isinstance(end, RequestRefused) and (end.stage, end.code, end.cost_micros) == ("kill", "kill_switch", 0)


def test_a_passthrough_goes_around_the_rules_and_ends_by_itself(town: Town) -> None:
    house = town.house()
    assert ask(town, house, LEAK) == "content_filtered"
    # a minute that is over in three seconds: nothing is sent to end it
    since = SystemClock().now_us() - MINUTE_US + 3_000_000
    spec = Passthrough(
        id="down", tenant=house.tenant, bypass=("hooks",), scope="provider", target="mock",
        reason="the rules block every order", minutes=1, since_us=since,
    )  # fmt: skip
    town.put(house.tenant, ("passthrough", "down", spec))
    found: list[str] = []

    def around() -> bool:
        answer = town.client(house).chat.completions.with_raw_response.create(model="gpt-4o", messages=LEAK)
        found.append(answer.headers["x-nexus-request-id"])
        return True

    def passes() -> bool:
        try:
            return around()
        except openai.PermissionDeniedError:
            return False

    until_sync(passes, "it is in force", 3)
    facts = [data for _, data in town.closed(found[0])]
    assert [data for data in facts if isinstance(data, RequestBypassed)] == [RequestBypassed(("hooks",), ("down",))]
    until_sync(lambda: ask(town, house, LEAK) == "content_filtered", "it ends by itself", 20)
    assert SystemClock().now_us() >= spec.until_us
