"""Validation, in the words of the real API."""

from __future__ import annotations

import json

import pytest

from ops.mock.refusal import Refusal
from ops.mock.request import decode

USER = {"role": "user", "content": "hi"}
TOOL = {"type": "function", "function": {"name": "f"}}


def _refused(body: object) -> Refusal:
    with pytest.raises(Refusal) as refused:
        decode(body if isinstance(body, bytes) else json.dumps(body).encode())
    assert refused.value.status == 400
    return refused.value


@pytest.mark.parametrize(
    ("changes", "param", "code"),
    [
        ({"model": None}, "model", "invalid_type"),
        ({"model": 5}, "model", "invalid_type"),
        ({"model": ""}, None, None),
        ({"messages": "hi"}, "messages", "invalid_type"),
        ({"messages": []}, "messages", "empty_array"),
        ({"messages": [1]}, "messages[0]", "invalid_type"),
        ({"messages": [{"content": "x"}]}, "messages[0].role", "missing_required_parameter"),
        ({"messages": [USER, {"role": "boss", "content": "x"}]}, "messages[1].role", "invalid_value"),
        ({"messages": [{"role": "user", "content": 7}]}, "messages[0].content", "invalid_type"),
        ({"messages": [{"role": "user"}]}, "messages[0].content", "missing_required_parameter"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].tool_call_id", "missing_required_parameter"),
        (
            {"messages": [{"role": "user", "content": [{"type": "text", "text": 1}]}]},
            "messages[0].content[0].text",
            "invalid_type",
        ),
        ({"n": 0}, "n", "integer_below_min_value"),
        ({"n": 129}, "n", "integer_above_max_value"),
        ({"n": 1.5}, "n", "invalid_type"),
        ({"temperature": 2.1}, "temperature", "decimal_above_max_value"),
        ({"temperature": "hot"}, "temperature", "invalid_type"),
        ({"top_p": -0.1}, "top_p", "decimal_below_min_value"),
        ({"max_tokens": 0}, "max_tokens", "integer_below_min_value"),
        ({"max_tokens": 1, "max_completion_tokens": 1}, "max_tokens", "invalid_parameter_combination"),
        ({"stream": "yes"}, "stream", "invalid_type"),
        ({"stream_options": {"include_usage": True}}, "stream_options", None),
        ({"tools": []}, "tools", "empty_array"),
        ({"tools": [{"type": "function"}]}, "tools[0].function", "missing_required_parameter"),
        ({"tool_choice": "auto"}, "tool_choice", None),
        ({"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "g"}}}, "tool_choice", None),
        ({"response_format": {"type": "xml"}}, "response_format.type", "invalid_value"),
    ],
)
def test_what_is_wrong_is_named(changes: dict[str, object], param: str | None, code: str | None) -> None:
    refusal = _refused({"model": "gpt-4o", "messages": [USER], **changes})
    assert (refusal.kind, refusal.param, refusal.code) == ("invalid_request_error", param, code)


def test_missing_parameters() -> None:
    assert _refused({"messages": [USER]}).message == "you must provide a model parameter"
    missing = _refused({"model": "gpt-4o"})
    assert (missing.message, missing.param) == ("Missing required parameter: 'messages'.", "messages")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"7",
        b'{"model":"a","messages":[]} x',
        b'{"model":"\xff"}',
        b'{"model":"\\ud800"}',
        b'{"a":' * 5000,
    ],
)
def test_what_is_no_json_object_is_refused(body: bytes) -> None:
    assert _refused(body).param is None


def test_types_read_as_the_api_says_them() -> None:
    assert _refused({"model": 5, "messages": [USER]}).message == (
        "Invalid type for 'model': expected string, but got integer instead."
    )


def test_unread_fields_and_parts_are_accepted() -> None:
    request = decode(
        json.dumps(
            {
                "model": "gpt-4o",
                "messages": [
                    {"role": "developer", "content": "be kind"},
                    {
                        "role": "user",
                        "content": [
                            {"type": "text", "text": "look"},
                            {"type": "image_url", "image_url": {"url": "data:,"}},
                            {"type": "text", "text": " here"},
                        ],
                    },
                    {"role": "assistant", "content": None, "tool_calls": [{"id": "1", "type": "function"}]},
                    {"role": "tool", "tool_call_id": "1", "content": "done"},
                ],
                "seed": 7,
                "store": False,
                "metadata": {"a": "b"},
            }
        ).encode()
    )
    assert request.last_user_text() == "look here"
