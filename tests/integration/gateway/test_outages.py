"""What callers meet when something behind the gateway dies, and when the gateway itself is told to stop."""

from __future__ import annotations

import os
import signal
import threading
from typing import Any

import openai

from schemas.facts import traffic
from tests.integration.gateway.test_chat import HELLO
from tests.integration.gateway.town import House, Town
from tests.stack_fixture import StackThread
from tests.waiting import until_sync

SLOW = "gpt-4o+token-10ms+tokens-100"


def ask(town: Town, house: House, **options: Any) -> str:
    """The request id of an answered request; of an error the text of its code."""
    try:
        answer = town.client(house).chat.completions.with_raw_response.create(model="gpt-4o", messages=HELLO, **options)
    except openai.APIStatusError as error:
        return str(error.code)
    except openai.APIConnectionError:
        return "connection"
    return answer.headers["x-nexus-request-id"]


def test_the_log_dies_and_comes_back(town: Town, stack: StackThread) -> None:
    house = town.house()
    before = ask(town, house)
    pid = stack.pid("nats")
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    # callers meet either an answer that is on the record, or a refusal that says when to come back
    during = [ask(town, house) for _ in range(20)]
    until_sync(lambda: stack.pid("nats") not in (None, pid), "the log is back")
    until_sync(lambda: town.get("/ready")[0] == 200, "the gateway is ready again")
    after = ask(town, house)
    for request in [before, after, *(answer for answer in during if "-" in answer)]:
        assert isinstance(town.closed(request)[-1][1], traffic.RequestCompleted)
    assert {answer for answer in during if "-" not in answer} <= {"log_unavailable"}


def test_a_spooling_route_goes_on_without_the_log(town: Town, stack: StackThread) -> None:
    house = town.house(route={"on_log_failure": "spool"})
    warm = ask(town, house)  # the key of the person is known from here on
    pid = stack.pid("nats")
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        until_sync(lambda: town.get("/ready")[0] == 503, "the gateway sees that the log is gone")
        spooled = ask(town, house)
        assert "-" in spooled
    finally:
        os.kill(pid, signal.SIGCONT)
    for request in (warm, spooled):
        facts = town.closed(request)
        assert [fact.type for fact, _ in facts].count("request.completed.v1") == 1


def test_a_gateway_told_to_stop_finishes_what_it_began(town: Town) -> None:
    house = town.house(models=("gpt-4o", SLOW))
    texts: list[str] = []
    ids: list[str] = []

    def stream() -> None:
        answer = town.client(house).chat.completions.with_raw_response.create(model=SLOW, messages=HELLO, stream=True)
        ids.append(answer.headers["x-nexus-request-id"])
        texts.append("".join(chunk.choices[0].delta.content or "" for chunk in answer.parse() if chunk.choices))

    callers = [threading.Thread(target=stream) for _ in range(5)]
    for caller in callers:
        caller.start()
    until_sync(lambda: len(ids) == 5, "all streams have begun")
    assert town.stop() == 0
    for caller in callers:
        caller.join(30)
    town.start()
    assert len(texts) == 5 and len(set(texts)) == 1 and texts[0]
    for request in ids:
        assert isinstance(town.closed(request)[-1][1], traffic.RequestCompleted)


def test_a_killed_gateway_leaves_only_what_was_acknowledged(town: Town) -> None:
    house = town.house(models=("gpt-4o", SLOW))
    answer = town.client(house).chat.completions.with_raw_response.create(model=SLOW, messages=HELLO, stream=True)
    request = answer.headers["x-nexus-request-id"]
    town.kill()
    town.start()
    # the answer had begun, so the log has the request: it is open until the sweeper closes it
    assert next(fact.type for fact, _ in town.facts(request)) == "request.accepted.v1"
    assert "-" in ask(town, house)
