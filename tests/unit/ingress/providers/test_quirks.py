"""Requests of OpenAI's chat format as providers want them that differ in it, and what is said to be lost."""

from __future__ import annotations

import re
from typing import Any

import pytest

from ingress.providers.outgoing import bent, lost
from schemas.wires import WIRES

SCHEMA = {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "object"}}}
CALL = {"id": "nine00009", "type": "function", "function": {"name": "f", "arguments": "{}"}}


def sent(wire: str, **fields: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
    body = {"model": "m", "messages": [{"role": "user", "content": "Hi"}], **fields}
    quirks = WIRES[wire].quirks
    return bent(body, quirks), lost(body, quirks)


@pytest.mark.parametrize(("n", "told"), [(1, ()), (2, ("n",))])
def test_one_choice_is_nothing_to_lose(n: int, told: tuple[str, ...]) -> None:
    body, dropped = sent("groq", n=n)
    assert "n" not in body and dropped == told


def test_a_schema_becomes_any_json_where_there_are_none() -> None:
    assert sent("deepseek", response_format=SCHEMA)[1] == ("format.schema",)
    assert sent("deepseek", response_format=SCHEMA)[0]["response_format"] == {"type": "json_object"}
    assert sent("deepseek", response_format={"type": "json_object"})[1] == ()
    assert sent("xai", response_format=SCHEMA)[0]["response_format"] == SCHEMA


def test_names_of_messages_are_left_out_where_they_are_refused_but_not_a_tools() -> None:
    messages = [{"role": "user", "name": "ann", "content": "Hi"}, {"role": "tool", "name": "f", "content": "x"}]
    body, dropped = sent("groq", messages=messages)
    assert ["name" in message for message in body["messages"]] == [False, True]
    assert dropped == ("messages.name",)
    assert sent("xai", messages=messages)[0]["messages"] == messages


def test_messages_keep_what_their_role_may_have_and_thoughts_are_moved() -> None:
    answer = {
        "role": "assistant", "content": None, "refusal": None, "annotations": [], "tool_calls": [CALL],
        "reasoning_content": "T", "reasoning_details": [{"type": "reasoning.text", "text": "T", "signature": "c2ln"}],
    }  # fmt: skip
    body, dropped = sent("mistral", messages=[{"role": "developer", "content": "Be brief."}, answer])
    thought = {"type": "thinking", "thinking": [{"type": "text", "text": "T"}], "signature": "c2ln"}
    assert body["messages"] == [
        {"role": "system", "content": "Be brief."},
        {
            "role": "assistant",
            "content": [thought],
            "tool_calls": [{**CALL, "id": body["messages"][1]["tool_calls"][0]["id"]}],
        },
    ]
    # what is empty, and what went elsewhere, is not lost
    assert dropped == ()
    assert sent("mistral", messages=[{**answer, "refusal": "No."}])[1] == ("messages.refusal",)


@pytest.mark.parametrize("message", [None, {}, {"role": 7}, {"role": "unknown", "x": 1}])
def test_what_nobody_knows_is_the_providers_to_judge(message: Any) -> None:
    assert sent("mistral", messages=[message]) == ({"model": "m", "messages": [message]}, ())


def test_ids_of_calls_are_made_to_fit_alike_on_both_sides() -> None:
    calls = [{**CALL, "id": ident} for ident in ("toolu_01VpEm654HvfMoRcrE3Hgdc6", "fits00009")]
    results = [{"role": "tool", "tool_call_id": call["id"], "content": "x"} for call in calls]
    messages = [
        {"role": "assistant", "content": "", "tool_calls": calls},
        *results,
        {"role": "assistant", "tool_calls": 7},
    ]
    body, dropped = sent("mistral", messages=messages)
    ids = [call["id"] for call in body["messages"][0]["tool_calls"]]
    assert [message["tool_call_id"] for message in body["messages"][1:3]] == ids
    assert ids[1] == "fits00009" and re.fullmatch(r"[a-zA-Z0-9]{9}", ids[0]) and dropped == ()
    assert sent("mistral", messages=messages)[0] == body
    assert sent("xai", messages=messages)[0]["messages"] == messages
