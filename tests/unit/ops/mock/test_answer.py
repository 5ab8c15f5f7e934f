"""Token counts, tool calls, limits: what is said, whatever the wire."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.mock import answer
from ops.mock.answer import FIXED_TEXT, compose, count, example, pieces
from ops.mock.behaviour import PLAIN, Behaviour, from_name
from ops.mock.request import ChatRequest, decode

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "days": {"type": "integer"}, "unit": {"enum": ["C", "F"]}},
        },
    },
}
CLOCK = {"type": "function", "function": {"name": "clock"}}
texts = st.text(st.characters(exclude_categories=["Cs"]))


def _request(text: str = "hello", **fields: Any) -> ChatRequest:
    body = {"model": "gpt-4o", "messages": [{"role": "user", "content": text}], **fields}
    return decode(json.dumps(body).encode())


@given(texts)
def test_pieces_are_the_text_in_whole_characters_of_at_most_four_bytes(text: str) -> None:
    found = pieces(text)
    assert "".join(found) == text
    assert all(0 < len(piece.encode()) <= 4 for piece in found) or found == [""]


@given(texts)
def test_the_prompt_of_a_text_is_counted_by_its_bytes(text: str) -> None:
    assert count(text) == max(1, -(-len(text.encode()) // 4))


@given(st.text(st.characters(max_codepoint=127)))
def test_for_ascii_an_answer_counts_like_a_prompt(text: str) -> None:
    assert len(pieces(text)) == count(text)


def test_prompt_tokens_are_primer_messages_and_texts() -> None:
    request = _request(messages=[{"role": "system", "content": "12345"}, {"role": "user", "content": "é"}])
    assert compose(request, PLAIN).prompt_tokens == 3 + (3 + 2) + (3 + 1)


def test_the_fixed_text_is_the_default() -> None:
    found = compose(_request(), PLAIN)
    assert "".join(found.pieces) == FIXED_TEXT
    assert (found.finish, found.completion_tokens) == ("stop", count(FIXED_TEXT))


def test_echo_says_the_last_user_message() -> None:
    request = _request(messages=[{"role": "user", "content": "one"}, {"role": "assistant", "content": "two"}])
    assert "".join(compose(request, Behaviour(mode="echo")).pieces) == "one"


@given(texts, st.integers(1, 300), st.sampled_from(["echo", "fixed"]))
def test_a_wanted_length_is_met_exactly(text: str, tokens: int, mode: str) -> None:
    found = compose(_request(text), from_name(f"{mode}+tokens-{tokens}"))
    assert found.completion_tokens == tokens
    assert pieces("".join(found.pieces)) == list(found.pieces)


@pytest.mark.parametrize("field", ["max_tokens", "max_completion_tokens"])
def test_a_limit_cuts_the_answer(field: str) -> None:
    limit: dict[str, Any] = {field: 3}
    found = compose(_request(**limit), PLAIN)
    assert ("".join(found.pieces), found.finish, found.completion_tokens) == (FIXED_TEXT[:12], "length", 3)
    limit[field] = 1000
    assert compose(_request(**limit), PLAIN).finish == "stop"


def test_choices_multiply_the_completion_only() -> None:
    one, three = compose(_request(), PLAIN), compose(_request(n=3), PLAIN)
    assert three.completion_tokens == 3 * one.completion_tokens
    assert three.prompt_tokens == one.prompt_tokens


def test_a_tool_is_called_when_the_user_speaks_of_one() -> None:
    found = compose(_request("use a tool", tools=[WEATHER, CLOCK]), PLAIN)
    assert (found.tool, found.finish) == ("get_weather", "tool_calls")
    assert json.loads("".join(found.pieces)) == {"city": "text", "days": 1, "unit": "C"}
    assert found.completion_tokens == 1 + len(found.pieces)


@pytest.mark.parametrize(
    ("text", "fields", "tool"),
    [
        ("hello", {}, None),
        ("the toolbox", {}, None),
        ("use the tool clock", {}, "clock"),
        ("use a tool", {"tool_choice": "none"}, None),
        ("hello", {"tool_choice": "required"}, "get_weather"),
        ("hello", {"tool_choice": {"type": "function", "function": {"name": "clock"}}}, "clock"),
    ],
)
def test_which_tool_is_called(text: str, fields: dict[str, Any], tool: str | None) -> None:
    assert compose(_request(text, tools=[WEATHER, CLOCK], **fields), PLAIN).tool == tool


def test_a_tools_result_ends_the_calling() -> None:
    messages = [
        {"role": "user", "content": "use a tool"},
        {"role": "assistant", "tool_calls": [{"id": "1"}]},
        {"role": "tool", "tool_call_id": "1", "content": "sunny"},
    ]
    assert compose(_request(messages=messages, tools=[WEATHER]), PLAIN).tool is None


def test_a_limit_cuts_a_tools_arguments() -> None:
    found = compose(_request("use a tool", tools=[WEATHER], max_tokens=2), PLAIN)
    assert (len(found.pieces), found.finish, found.completion_tokens) == (1, "length", 2)


def test_json_answers_are_json() -> None:
    asked = _request(response_format={"type": "json_object"})
    assert json.loads("".join(compose(asked, PLAIN).pieces)) == {"answer": FIXED_TEXT}
    schema = {"type": "object", "properties": {"ok": {"type": "boolean"}}}
    asked = _request(response_format={"type": "json_schema", "json_schema": {"name": "x", "schema": schema}})
    assert json.loads("".join(compose(asked, PLAIN).pieces)) == {"ok": True}


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"const": 3}, 3),
        ({"type": ["number", "null"]}, 1.5),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, 1),
        ({"type": "array", "items": {"type": "string"}}, ["text"]),
        ({"type": "null"}, None),
        ({}, None),
    ],
)
def test_examples_fit_their_schema(schema: dict[str, object], value: object) -> None:
    assert example(schema) == value


def test_a_deep_schema_ends() -> None:
    schema: dict[str, object] = {"type": "string"}
    for _ in range(50):
        schema = {"type": "object", "properties": {"inner": schema}}
    assert len(msgspec.json.encode(example(schema))) < 200


def test_only_fixed_answers_are_tuples() -> None:
    assert isinstance(compose(_request(max_tokens=3), PLAIN).pieces, tuple)
    assert not isinstance(compose(_request(), Behaviour(mode="echo")).pieces, tuple)
    assert tuple(pieces(FIXED_TEXT)) == answer.FIXED_PIECES


def test_references_are_followed_and_those_that_lead_nowhere_or_in_a_circle_end() -> None:
    street = {"type": "object", "properties": {"name": {"type": "string"}, "next": {"$ref": "#/$defs/Street"}}}
    schema = {
        "type": "object",
        "properties": {
            "streets": {"type": "array", "items": {"$ref": "#/$defs/a~1b"}},
            "either": {"anyOf": [{"$ref": "#/$defs/a~1b"}, {"type": "null"}]},
            "nowhere": {"$ref": "#/$defs/none"},
        },
        "$defs": {"a/b": {"type": "integer"}, "Street": street},
    }
    assert example(schema) == {"streets": [1], "either": 1, "nowhere": None}
    assert isinstance(example({"$ref": "#/$defs/Street", "$defs": {"Street": street}}), dict)
