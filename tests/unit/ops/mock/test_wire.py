"""Plain and streamed bytes say the same, ready-made or not."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.mock import wire
from ops.mock.answer import Answer
from ops.mock.templates import Templates

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
answers = st.builds(
    Answer,
    pieces=st.lists(texts, min_size=1, max_size=6).map(tuple),
    tool=st.none() | st.just("get_weather"),
    finish=st.sampled_from(["stop", "length", "tool_calls"]),
    choices=st.integers(1, 3),
    prompt_tokens=st.integers(1, 99999),
    completion_tokens=st.integers(1, 99999),
    include_usage=st.booleans(),
)
STAMP = wire.Stamp(b"0123456789abcdef0123", 1_795_195_042, b'"gpt-\\u00e9"')


def _events(found: Answer, with_usage: bool) -> list[bytes]:
    return [event for group in wire.events(found, STAMP, with_usage) for event in group]


def _data(event: bytes) -> dict[str, Any]:
    assert event.startswith(b"data: ")
    assert event.endswith(b"\n\n")
    decoded = json.loads(event[6:])
    assert isinstance(decoded, dict)
    return decoded


@given(answers, st.booleans())
def test_a_stream_adds_up_to_the_plain_answer(found: Answer, with_usage: bool) -> None:
    plain = json.loads(wire.completion(found, STAMP, with_usage))
    events = _events(found, with_usage)
    assert events[-1] == wire.DONE
    assert len(events) == wire.events_in(found, with_usage)
    chunks = [_data(event) for event in events[:-1]]
    texts, finishes = [""] * found.choices, [""] * found.choices
    for chunk in chunks:
        assert chunk["id"] == plain["id"]
        for choice in chunk["choices"]:
            delta = choice["delta"]
            call = delta.get("tool_calls", [{}])[0].get("function", {})
            texts[choice["index"]] += delta.get("content") or call.get("arguments", "")
            finishes[choice["index"]] = choice["finish_reason"] or finishes[choice["index"]]
    for choice in plain["choices"]:
        message = choice["message"]
        said = message["content"] if found.tool is None else message["tool_calls"][0]["function"]["arguments"]
        assert texts[choice["index"]] == said == "".join(found.pieces)
        assert finishes[choice["index"]] == choice["finish_reason"] == found.finish
    if found.include_usage:
        *rest, last = chunks
        assert all(chunk["usage"] is None for chunk in rest[: None if with_usage else -1])
        assert not with_usage or (last["choices"], last["usage"]) == ([], plain["usage"])
    else:
        assert all("usage" not in chunk for chunk in chunks)
    assert ("usage" in plain) == with_usage


@given(answers, st.booleans())
def test_templates_give_the_same_bytes(found: Answer, with_usage: bool) -> None:
    templates = Templates()
    framed = b"".join(map(wire.chunk, _events(found, with_usage))) + wire.LAST_CHUNK
    for _ in range(2):
        assert templates.completion(found, STAMP, with_usage) == wire.completion(found, STAMP, with_usage)
        assert templates.stream(found, STAMP, with_usage) == framed


def test_templates_are_bounded() -> None:
    templates = Templates()
    for prompt in range(2000):
        found = Answer(("a",), None, "stop", 1, prompt, 1, False)
        assert b'"prompt_tokens":%d,' % prompt in templates.completion(found, STAMP, True)
    assert len(templates._known) <= 512


@pytest.mark.parametrize("status", [200, 404, 431, 503, 599])
def test_heads_are_heads(status: int) -> None:
    head = wire.head(status, wire.JSON, 5, b"x: y\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert head.endswith(b"x: y\r\ncontent-length: 5\r\n\r\n")


def test_dates_are_http_dates() -> None:
    assert wire.date(784111777) == b"date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
