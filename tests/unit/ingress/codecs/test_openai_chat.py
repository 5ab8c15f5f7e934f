"""The OpenAI chat codec: what it reads, what it refuses, what it sends on."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingress.codecs import openai_chat
from ingress.codecs.codec import ErrorTold
from ingress.codecs.openai_chat import ChatAnswer, Malformed, parse_chunk, parse_request
from schemas.errors import InvalidRequest
from schemas.facts.traffic import Usage
from schemas.text import collect_texts
from schemas.tokens import has_media, most_beside_texts


def body(**fields: Any) -> bytes:
    return msgspec.json.encode({"model": "m", "messages": [{"role": "user", "content": "hi"}], **fields})


@pytest.mark.parametrize(
    ("raw", "param"),
    [
        (b"", None),
        (b"{", None),
        (b"[]", None),
        (b'"text"', None),
        (b"{}", "model"),
        (body(model=""), "model"),
        (body(model=7), "model"),
        (body(model="m" * 257), "model"),
        (body(messages=[]), "messages"),
        (body(messages="hi"), "messages"),
        (body(messages=["hi"]), "messages[0].role"),
        (body(messages=[{"content": "hi"}]), "messages[0].role"),
        (body(messages=[{"role": "user", "content": 7}]), "messages[0].content"),
        (body(stream="yes"), "stream"),
        (body(stream_options=True), "stream_options"),
        (body(max_tokens=0), "max_tokens"),
        (body(max_completion_tokens=True), "max_completion_tokens"),
        (body(n=1.5), "n"),
        (body(n=129), "n"),
        (b"\xff\xfe", None),
        (b'{"a":' * 100_000, None),
    ],
)
def test_bad_requests_name_the_parameter(raw: bytes, param: str | None) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_request(raw)
    assert caught.value.param == param


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_but_the_named_errors(raw: bytes) -> None:
    for read, error in ((parse_request, InvalidRequest), (ChatAnswer, Malformed), (parse_chunk, Malformed)):
        try:
            read(raw)
        except error:
            continue


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=8), json_values, max_size=5))
def test_unknown_fields_reach_the_provider(extra: dict[str, Any]) -> None:
    known = {"model", "messages", "stream", "stream_options", "max_tokens", "max_completion_tokens", "n"}
    extra = {name: value for name, value in extra.items() if name not in known}
    request = parse_request(body(**extra))
    sent = request.same("real", None)
    assert {name: sent[name] for name in extra} == extra
    assert sent["model"] == "real"


def test_a_stream_always_asks_for_usage() -> None:
    request = parse_request(body(stream=True, stream_options={"include_obfuscation": False}))
    sent = request.same("real", None)
    assert sent["stream_options"] == {"include_obfuscation": False, "include_usage": True}
    assert not request.include_usage


@pytest.mark.parametrize(("given_", "name"), [({}, "max_completion_tokens"), ({"max_tokens": 9}, "max_tokens")])
def test_a_tighter_limit_goes_under_the_callers_name(given_: dict[str, int], name: str) -> None:
    assert parse_request(body(**given_)).same("real", 5)[name] == 5


_MESSAGE = st.fixed_dictionaries(
    {"role": st.sampled_from(["user", "assistant", "system", "tool", "function"])},
    optional={
        "content": st.text(max_size=4) | st.sampled_from([None, "text", [{"type": "text", "text": "t"}]]),
        "name": st.just("n"),
    },
)
_FIELDS = st.dictionaries(
    st.sampled_from(["temperature", "user", "tools", "stop", "max_tokens", "metadata", "seed", "unheard_of"]),
    st.sampled_from([1, None, "text", ["text"], {"a": "text"}]),
    max_size=2,
)


@given(st.lists(_MESSAGE, min_size=1, max_size=3), _FIELDS)
def test_a_plain_request_has_the_texts_that_a_walk_through_it_finds_and_nothing_beside(
    messages: list[dict[str, Any]], fields: dict[str, Any]
) -> None:
    try:
        request = parse_request(body(messages=messages, **fields))
    except InvalidRequest:
        return
    assert request.texts() == collect_texts(request.body)
    if request.plain:
        assert most_beside_texts(request.body, "gpt-4o", 128_000) == 0 and not has_media(request.body)


def test_messages_of_roles_and_texts_are_plain_and_anything_more_is_not() -> None:
    message = {"role": "user", "content": "hello"}
    assert parse_request(body(messages=[message, message], temperature=0.5, n=2)).plain
    assert not parse_request(body(messages=[message, {**message, "name": "n"}])).plain
    assert not parse_request(body(messages=[message], user="somebody")).plain
    assert not parse_request(body(messages=[message, {"role": "tool", "content": "result"}])).plain


def test_texts_are_found_wherever_they_stand() -> None:
    request = parse_request(
        body(
            messages=[
                {"role": "system", "content": "one"},
                {"role": "user", "name": "two", "content": [{"type": "text", "text": "three"}]},
                {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://four"}}]},
                {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,xx"}}]},
                {
                    "role": "assistant",
                    "content": None,
                    "tool_calls": [
                        {"id": "c", "type": "function", "function": {"name": "five", "arguments": '{"a":"six"}'}}
                    ],
                },
                {"role": "tool", "tool_call_id": "c", "content": "seven"},
            ],
            tools=[{"type": "function", "function": {"name": "eight", "description": "nine"}}],
            metadata={"k": "ten"},
        )
    )
    found = [slot.text for slot in request.texts()]
    assert found == ["one", "two", "three", "https://four", "five", '{"a":"six"}', "seven", "eight", "nine", "ten"]


def test_what_is_put_back_is_what_is_sent() -> None:
    request = parse_request(body(messages=[{"role": "user", "content": [{"type": "text", "text": "secret"}]}]))
    for slot in request.texts():
        slot.holder[slot.key] = "***"
    assert b"secret" not in msgspec.json.encode(request.same("real", None))


def test_doubled_names_are_sent_once_as_they_were_screened() -> None:
    raw = b'{"model":"m","messages":[{"role":"user","content":"evil","content":"good"}]}'
    request = parse_request(raw)
    assert [slot.text for slot in request.texts()] == ["good"]
    assert b"evil" not in msgspec.json.encode(request.same("m", None))


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (None, None),
        ({"prompt_tokens": -1, "completion_tokens": 3}, None),
        ({"prompt_tokens": 5, "completion_tokens": -3}, Usage(5, 0)),
        (
            {
                "prompt_tokens": 5,
                "completion_tokens": 3,
                "prompt_tokens_details": {"cached_tokens": 2},
                "completion_tokens_details": {"reasoning_tokens": 1},
            },
            Usage(5, 3, 2, 1),
        ),
        ({"prompt_tokens": 5, "completion_tokens": 3, "prompt_tokens_details": None}, Usage(5, 3)),
    ],
)
def test_usage(usage: dict[str, Any] | None, expected: Usage | None) -> None:
    raw = msgspec.json.encode({"choices": [{"finish_reason": "stop"}], "usage": usage})
    answer = ChatAnswer(raw)
    assert (answer.usage, answer.finish_reason) == (expected, "stop")


def test_chunks() -> None:
    assert parse_chunk(b"[DONE]").done
    assert parse_chunk(b'{"error":{"message":"x"}}').error
    last = parse_chunk(b'{"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2}}')
    assert last.usage_only and last.usage == Usage(1, 2)
    text = parse_chunk(
        b'{"choices":[{"index":1,"delta":{"content":"a","tool_calls":[{"index":0,"function":{"name":"f","arguments":"{"}}]},'
        b'"finish_reason":"stop"}],"usage":null}'
    )
    assert text.texts == (("1", "a"), ("1.tool0.name", "f"), ("1.tool0", "{")) and text.finish_reason == "stop"


def test_provider_errors_are_read_leniently() -> None:
    assert openai_chat.CODEC.read_error(b'{"error":{"message":"m","code":5,"param":"p"}}') == ErrorTold("m", "5", "p")
    assert openai_chat.CODEC.read_error(b"<html>") == ErrorTold()
