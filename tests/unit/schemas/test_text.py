"""Which strings of a body are texts."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.errors import InvalidRequest
from schemas.text import collect_answer_texts, collect_stream_texts, collect_texts, drop_repeats


def test_a_request_s_texts_in_document_order() -> None:
    body: dict[str, Any] = {
        "user": "who",
        "model": "not a text",
        "tools": [{"type": "function", "function": {"name": "f", "description": "what it does"}}],
        "messages": [
            {"role": "system", "content": "be kind"},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "look"},
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA", "detail": "low"}},
                    {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}},
                ],
            },
            {"role": "tool", "tool_call_id": "call_1", "content": ""},
        ],
    }
    slots = collect_texts(body)
    assert [slot.text for slot in slots] == [
        "be kind", "look", "https://example.org/a.png", "f", "what it does", "who",
    ]  # fmt: skip
    slots[1].holder[slots[1].key] = "changed"
    assert body["messages"][1]["content"][0]["text"] == "changed"


def test_texts_of_other_protocols_requests() -> None:
    messages = {
        "model": "m",
        "system": [{"type": "text", "text": "be kind"}],
        "messages": [
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "42"}]},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"a": "b"}}]},
        ],
        "max_tokens": 5,
    }
    assert [slot.text for slot in collect_texts(messages)] == ["42", "f", "b", "be kind"]
    responses = {"model": "m", "instructions": "be kind", "input": [{"role": "user", "content": "hi"}]}
    assert [slot.text for slot in collect_texts(responses)] == ["be kind", "hi"]
    generate = {
        "contents": [{"role": "user", "parts": [{"text": "hi"}, {"inlineData": {"data": "AA", "mimeType": "x"}}]}]
    }
    assert [slot.text for slot in collect_texts(generate)] == ["hi"]


def test_a_field_that_nobody_knows_is_looked_at() -> None:
    assert [slot.text for slot in collect_texts({"model": "m", "notes": ["secret"]})] == ["secret"]


def test_texts_of_other_protocols_answers() -> None:
    assert [slot.text for slot in collect_answer_texts({"content": [{"type": "text", "text": "a"}]})] == ["a"]
    output = [{"type": "message", "id": "x", "content": [{"type": "output_text", "text": "a"}]}]
    assert [slot.text for slot in collect_answer_texts({"output": output})] == ["a"]
    candidates = [{"content": {"role": "model", "parts": [{"text": "a"}]}, "finishReason": "STOP"}]
    assert [slot.text for slot in collect_answer_texts({"candidates": candidates})] == ["a"]
    assert [slot.text for slot in collect_answer_texts({"choices": [{"text": "a", "index": 0}]})] == ["a"]


def test_an_answer_s_texts() -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
    body = {
        "id": "x",
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": "one", "refusal": None}},
            {"index": 1, "message": {"role": "assistant", "content": None, "tool_calls": [call]}},
            "no choice",
        ],
    }
    assert [slot.text for slot in collect_answer_texts(body)] == ["one", "f", '{"a": 1}']
    assert collect_answer_texts({"choices": None}) == []


def test_what_a_provider_says_of_itself_does_not_hide_its_choices() -> None:
    body = {
        "object": "chat.completion.stream",
        "texts": {},
        "choices": [{"message": {"content": "seen"}}],
    }
    assert [slot.text for slot in collect_answer_texts(body)] == ["seen"]


def test_a_stream_s_lanes() -> None:
    assert [slot.text for slot in collect_stream_texts({"texts": {"1": "b", "0": "a", "2": 3}})] == ["b", "a"]
    assert collect_stream_texts({"texts": ["a"]}) == []


def test_what_repeats_a_redacted_text_goes() -> None:
    tokens = [{"token": "4111", "logprob": -0.1}]
    body: dict[str, Any] = {
        "choices": [{"message": {"content": "x"}, "logprobs": {"content": tokens}}],
        "output": [{"content": [{"text": "x", "logprobs": tokens}]}],
    }
    drop_repeats(body)
    assert body == {
        "choices": [{"message": {"content": "x"}, "logprobs": None}],
        "output": [{"content": [{"text": "x", "logprobs": []}]}],
    }


def test_nesting_has_an_end() -> None:
    deep: Any = "text"
    for _ in range(65):
        deep = [deep]
    with pytest.raises(InvalidRequest):
        collect_texts({"messages": deep})
    with pytest.raises(InvalidRequest):
        collect_answer_texts({"choices": [{"message": deep}]})
