"""Hooks at a real gateway: what callers get, what the provider gets, and what is on the record."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec
import openai
import pytest

from projections.vault import BodyVault
from projections.vault.errors import Erased
from schemas.facts.traffic import HooksDecided, ProviderCalled, RedactionsKept, RequestCompleted
from schemas.hooks.hook import Hook, HookOptions
from schemas.hooks.replies import signature
from tests.integration.gateway.test_chat import CARD
from tests.integration.gateway.town import House, Town

WORD = "falcon"


def hook(kind: str, stage: str = "request", **more: Any) -> Hook:
    fields = {name: more.pop(name) for name in list(more) if name in Hook.__struct_fields__}
    return Hook(**{"id": kind.replace("_", "-"), **fields}, kind=kind, stage=stage, options=HookOptions(**more))


def house_with(town: Town, *hooks: Hook, policy: dict[str, Any] | None = None, **more: Any) -> House:
    return town.house(models=("mock-echo", "gpt-4o"), policy={"hooks": hooks, **(policy or {})}, **more)


def say(town: Town, house: House, text: str, model: str = "mock-echo", **options: Any) -> Any:
    messages: list[Any] = [{"role": "user", "content": text}]
    return town.client(house).chat.completions.with_raw_response.create(model=model, messages=messages, **options)


def refused(town: Town, house: House, text: str, **options: Any) -> openai.APIStatusError:
    with pytest.raises(openai.APIStatusError) as error:
        say(town, house, text, **options)
    return error.value


def decided(town: Town, headers: Any) -> list[HooksDecided]:
    return [data for _, data in town.closed(headers["x-nexus-request-id"]) if isinstance(data, HooksDecided)]


def text_of(answer: Any, *, stream: bool) -> str:
    if not stream:
        return str(answer.parse().choices[0].message.content)
    return "".join(chunk.choices[0].delta.content or "" for chunk in answer.parse() if chunk.choices)


def test_a_keyword_blocks_and_is_told_to_nobody(town: Town) -> None:
    house = house_with(town, hook("keyword_filter", words=(WORD,)))
    error = refused(town, house, f"tell me of {WORD}")
    assert (error.status_code, error.code) == (403, "content_filtered")
    told = 'keyword_filter;action=block;hook=keyword-filter;why="1 of the listed words"'
    assert error.response.headers["x-nexus-hook"] == told
    assert "keyword-filter" in error.message and WORD not in error.message
    facts = town.closed(error.response.headers["x-nexus-request-id"])
    (fact,) = decided(town, error.response.headers)
    (one,) = fact.decisions
    assert (fact.stage, fact.action, fact.hook) == ("request", "block", "keyword-filter")
    assert (one.decision, one.spans[0].start, one.spans[0].end) == ("reject", 11, 17)
    assert not any(isinstance(data, ProviderCalled) for _, data in facts) and facts[-1][1].action == "block"


@pytest.mark.parametrize("stream", [False, True])
def test_a_soft_block_is_an_answer(town: Town, stream: bool) -> None:
    house = house_with(town, hook("keyword_filter", words=(WORD,), soft=True))
    answer = say(town, house, WORD, stream=stream)
    assert "action=block" in answer.headers["x-nexus-hook"]
    if stream:
        chunks = [chunk for chunk in answer.parse() if chunk.choices]
        assert chunks[-1].choices[0].finish_reason == "content_filter"
        assert "rule" in "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    else:
        (choice,) = answer.parse().choices
        assert choice.finish_reason == "content_filter" and "rule" in choice.message.content
    end = town.closed(answer.headers["x-nexus-request-id"])[-1][1]
    assert (end.status, end.code, end.stage, end.cost_micros) == (200, "content_filtered", "screen_request", 0)


def test_a_cap_makes_a_block_a_flag_and_a_redaction_reaches_the_provider(town: Town) -> None:
    flagging = hook("keyword_filter", words=(WORD,), cap="flag", priority=9)
    cutting = hook("keyword_filter", words=(WORD,), action="redact", id="cuts")
    answer = say(town, house_with(town, flagging, cutting), f"the {WORD} flies")
    assert text_of(answer, stream=False) == "the [REDACTED:keyword] flies"
    (fact,) = decided(town, answer.headers)
    assert [(one.hook, one.decision, one.action) for one in fact.decisions] == [
        ("keyword-filter", "approve", "flag"),
        ("cuts", "modify", "redact"),
    ]


def test_who_where_and_how_much(town: Town) -> None:
    error = refused(town, house_with(town, hook("ip_access", "connection", deny=("127.0.0.0/8",))), "hi")
    assert (error.status_code, error.code) == (403, "address_not_allowed")
    error = refused(town, house_with(town, hook("request_size", "connection", max_characters=5)), "hello there")
    assert error.status_code == 413
    house = house_with(town, hook("rate_limiter", "connection", per_minute=1, by="tenant"))
    say(town, house, "hi")
    error = refused(town, house, "hi")
    assert (error.status_code, error.code) == (429, "rate_limited")
    assert 0 < int(error.response.headers["retry-after"]) <= 61


def test_an_address_is_nobody_elses_say(town: Town) -> None:
    house = house_with(town, hook("ip_access", "connection", allow=("10.0.0.0/8",)))
    error = refused(town, house, "hi", extra_headers={"x-forwarded-for": "10.0.0.1"})
    assert error.code == "address_not_allowed"


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_is_blocked_and_paid_for(town: Town, stream: bool) -> None:
    house = house_with(town, hook("keyword_filter", "response", words=("echo me",)), policy={"stream": "buffer"})
    if stream:
        answer = say(town, house, "echo me", stream=True)
        with pytest.raises(openai.APIError):
            list(answer.parse())
        headers = answer.headers
    else:
        headers = refused(town, house, "echo me").response.headers
    end = town.closed(headers["x-nexus-request-id"])[-1][1]
    assert (end.code, end.stage) == ("content_filtered", "screen_response") and end.cost_micros > 0


def test_a_stream_that_waits_is_redacted_and_another_only_observed(town: Town) -> None:
    cutting = hook("keyword_filter", "response", words=(WORD,), action="redact")
    for mode in ("buffer", "hold"):
        held = house_with(town, cutting, policy={"stream": mode})
        assert text_of(say(town, held, f"the {WORD} flies", stream=True), stream=True) == "the [REDACTED:keyword] flies"
    answer = say(town, house_with(town, cutting), f"the {WORD} flies", stream=True)
    assert text_of(answer, stream=True) == f"the {WORD} flies"
    (fact,) = decided(town, answer.headers)
    assert (fact.stage, fact.action) == ("response", "flag")
    assert fact.decisions[0].reason == "observed only, the stream had passed: 1 of the listed words"
    watching = msgspec.structs.replace(cutting, cap="flag")
    answer = say(town, house_with(town, watching, policy={"stream": "hold"}), f"the {WORD} flies", stream=True)
    assert text_of(answer, stream=True) == f"the {WORD} flies"
    (fact,) = decided(town, answer.headers)
    assert (fact.action, fact.decisions[0].reason) == ("flag", "1 of the listed words")


@pytest.mark.parametrize("model", ["a/mock-echo", "mock-echo"])
def test_what_is_restricted_stays_where_it_may_be(town: Town, model: str) -> None:
    hooks = (
        hook("data_classification", priority=9),
        hook("data_residency", allowed={"restricted": ("provider:b",), "confidential": ()}),
    )
    house = house_with(
        town, *hooks, policy={"overrides": {"payment-card.number": "flag"}}, accounts=("a", "b"),
        route={"strategy": "fallback"},
    )  # fmt: skip
    assert say(town, house, "hello", model=model).headers["x-nexus-provider"] == "a"
    card = f"my card is {CARD}"
    if model == "mock-echo":
        answer = say(town, house, card, model=model)
        assert answer.headers["x-nexus-provider"] == "b"
        headers = answer.headers
    else:
        error = refused(town, house, card, model=model)
        assert error.code == "no_compatible_provider"
        headers = error.response.headers
    first, second = decided(town, headers)
    assert first.decisions[0].label == "restricted" and second.stage == "route"


class Webhook(BaseHTTPRequestHandler):
    """Answers what its server was told to, and keeps what it was sent."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.seen.append((dict(self.headers.items()), body))  # type: ignore[attr-defined]
        status, reply = self.server.reply  # type: ignore[attr-defined]
        if status == 0:
            self.server.hanging.wait(20)  # type: ignore[attr-defined]
            return
        raw = json.dumps(reply).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, format: str, *args: Any) -> None:
        """Tests have no use for a line a request."""


@contextmanager
def webhook(status: int, reply: Any) -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Webhook)
    server.reply, server.seen, server.hanging = (status, reply), [], threading.Event()  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.hanging.set()  # type: ignore[attr-defined]
        server.shutdown()
        server.server_close()
        thread.join(10)


def forward(server: ThreadingHTTPServer, **more: Any) -> Hook:
    url = f"http://127.0.0.1:{server.server_address[1]}/judge?v=1"
    return hook("webhook_forward", url=url, credential="mock", **{"private": True, "timeout_ms": 500, **more})


def test_a_webhook_is_signed_and_its_redactions_are_made(town: Town) -> None:
    reply = {"decision": "modify", "reason": "a name", "redactions": [{"start": 4, "end": 10, "replacement": "bird"}]}
    with webhook(200, reply) as server:
        answer = say(town, house_with(town, forward(server)), f"the {WORD} flies")
        assert text_of(answer, stream=False) == "the bird flies"
        ((headers, body),) = server.seen  # type: ignore[attr-defined]
    moment = int(headers["webhook-timestamp"])
    assert headers["webhook-signature"] == signature("sk-provider-secret", headers["webhook-id"], moment, body)
    assert json.loads(body)["texts"] == [f"the {WORD} flies"]


@pytest.mark.parametrize(
    ("status", "reply", "more", "why"),
    [
        (500, {}, {}, "status 500"),
        (302, {}, {}, "status 302"),
        (200, {"decision": "perhaps"}, {}, "unknown"),
        (200, {"decision": "modify", "redactions": [{"start": 0, "end": 999}]}, {}, "outside"),
        (0, None, {}, "within 500 ms"),
        (200, {"decision": "approve"}, {"private": False}, "private"),
    ],
)
def test_a_webhook_that_fails_is_open_or_closed(town: Town, status: int, reply: Any, more: Any, why: str) -> None:
    with webhook(status, reply) as server:
        error = refused(town, house_with(town, forward(server, **more)), "hi")
        assert (error.status_code, error.code) == (503, "hook_failed") and why in error.message
        told = error.response.headers["x-nexus-hook"]
        assert "action=block;hook=webhook-forward" in told and why in told
        answer = say(town, house_with(town, forward(server, fail="open", **more)), "hi")
        told = answer.headers["x-nexus-hook"]
        assert "action=approve;hook=webhook-forward" in told and why in told
        (fact,) = decided(town, answer.headers)
        assert (fact.action, fact.decisions[0].decision) == ("approve", "abstain") and why in fact.decisions[0].reason
        assert (len(server.seen) == 0) == ("private" in more)  # type: ignore[attr-defined]


@pytest.mark.parametrize("mode", ["hold", "buffer"])
def test_a_hook_that_fails_closed_ends_a_stream_before_anything_of_it_and_is_paid_for(town: Town, mode: str) -> None:
    with webhook(500, {}) as server:
        judging = forward(server, stage="response")
        answer = say(town, house_with(town, judging, policy={"stream": mode}), f"the {WORD} flies", stream=True)
        chunks: list[str] = []
        with pytest.raises(openai.APIError, match="webhook-forward"):
            chunks.extend(chunk.choices[0].delta.content or "" for chunk in answer.parse() if chunk.choices)
    assert WORD not in "".join(chunks)
    end = town.closed(answer.headers["x-nexus-request-id"])[-1][1]
    assert (end.code, end.finish_reason) == ("hook_failed", "content_filter") and end.cost_micros > 0


def test_two_that_cut_what_overlaps_leave_nothing_of_either(town: Town) -> None:
    first = {"decision": "modify", "redactions": [{"start": 4, "end": 10, "replacement": "bird"}]}
    second = {"decision": "modify", "redactions": [{"start": 2, "end": 9, "replacement": "#"}]}
    with webhook(200, first) as one, webhook(200, second) as other:
        hooks = (forward(one, id="one", priority=2), forward(other, id="other", priority=1))
        answer = say(town, house_with(town, *hooks), f"the {WORD} flies")
        assert text_of(answer, stream=False) == "th#flies"
        ((_, body),) = other.seen  # type: ignore[attr-defined]
        assert json.loads(body)["texts"] == ["the bird flies"]
    (fact,) = decided(town, answer.headers)
    assert [(each.hook, each.action) for each in fact.decisions] == [("one", "redact"), ("other", "redact")]


def test_a_redaction_that_breaks_the_arguments_of_a_tool_is_a_refusal(town: Town) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "send", "arguments": '{"to": "x", "pin": 4711}'}}
    turns: list[Any] = [
        {"role": "user", "content": "go"},
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "done"},
    ]
    for replacement, fits in (("[PIN]", True), ('a "quoted" one', False)):
        cut = {"text": 2, "start": 19, "end": 23, "replacement": replacement}
        with webhook(200, {"decision": "modify", "redactions": [cut]}) as server:
            ask = town.client(house_with(town, forward(server))).chat.completions.with_raw_response.create
            if fits:
                assert ask(model="mock-echo", messages=turns).status_code == 200
            else:
                with pytest.raises(openai.APIStatusError) as error:
                    ask(model="mock-echo", messages=turns)
                assert error.value.code == "hook_failed" and "do not fit" in error.value.message
            ((_, body),) = server.seen  # type: ignore[attr-defined]
            assert json.loads(body)["texts"][2] == call["function"]["arguments"]


def test_a_guard_model_is_asked_through_a_route_as_a_request_of_its_own(town: Town) -> None:
    guard = hook("model_classifier", model="mock-echo", timeout_ms=5_000)
    house = house_with(town, guard)
    assert text_of(say(town, house, "Safe.", model="mock-echo"), stream=False) == "Safe."
    error = refused(town, house, "unsafe\nS1", model="gpt-4o")
    assert error.code == "content_filtered" and "rule=S1" in error.response.headers["x-nexus-hook"]
    error = refused(town, house, "I talk", model="gpt-4o")
    assert error.code == "hook_failed" and "neither safe nor unsafe" in error.response.headers["x-nexus-hook"]
    error = refused(town, house_with(town, hook("model_classifier", model="mock-echo", timeout_ms=1)), "Safe.")
    assert error.code == "hook_failed" and "within 1 ms" in error.response.headers["x-nexus-hook"]


def test_a_provider_that_moderates_is_asked_to_and_another_as_a_guard_model(town: Town) -> None:
    moderating = hook("model_classifier", model="mock-echo", api="moderations", timeout_ms=5_000)
    house = house_with(town, moderating)
    assert text_of(say(town, house, "a quiet day"), stream=False) == "a quiet day"
    error = refused(town, house, "violence")
    assert error.code == "content_filtered" and "rule=violence" in error.response.headers["x-nexus-hook"]
    house = house_with(town, moderating, provider={"wire": "openai_compatible"})
    error = refused(town, house, "unsafe\nS2", model="gpt-4o")
    assert error.code == "content_filtered" and "rule=S2" in error.response.headers["x-nexus-hook"]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("mode", ["stop", "hold", "buffer"])
def test_what_was_redacted_comes_back_in_the_answer(town: Town, stream: bool, mode: str) -> None:
    house = house_with(town, policy={"reversible": True, "stream": mode})
    text = f"cards {CARD} and 5555 5555 5555 4444 and {CARD} again"
    answer = say(town, house, text, stream=stream)
    assert text_of(answer, stream=stream) == text
    facts = town.closed(answer.headers["x-nexus-request-id"])
    (kept,) = [data for _, data in facts if isinstance(data, RedactionsKept)]
    end = facts[-1][1]
    assert kept.count == 2 and kept.body is not None and isinstance(end, RequestCompleted)
    assert CARD.encode() not in kept.body.ciphertext


def test_what_comes_back_is_sealed_and_an_erasure_makes_it_unreadable(town: Town) -> None:
    house = house_with(town, policy={"reversible": True})
    answer = say(town, house, f"my card is {CARD}")
    request = answer.headers["x-nexus-request-id"]
    (kept,) = [data for _, data in town.closed(request) if isinstance(data, RedactionsKept)]
    assert kept.body is not None
    sealed = kept.body

    async def work(log: Any) -> None:
        bodies = BodyVault(log, town.vault)
        opened = await bodies.open(house.tenant, request, "redactions", sealed)
        assert json.loads(opened) == {"[PAYMENT_CARD_1]": CARD}
        await bodies.erase_subject(house.tenant, sealed.subject)
        with pytest.raises(Erased):
            await BodyVault(log, town.vault).open(house.tenant, request, "redactions", sealed)

    asyncio.run(town._with_log(work))
