"""Conversations that are carried on at another kind of provider: no one's signature is shown to another."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from ingress.codecs.asked import parse
from ingress.codecs.fronts import GENERATE, MESSAGES
from ingress.codecs.openai_chat import CODEC
from ingress.codecs.passage import Crossing, Stamp, cross_answer
from ingress.codecs.registry import CHAT
from ingress.codecs.signatures import marked, own
from schemas.conversation.answer import Signed

STAMP = Stamp("id", "m", 1)
SIGNED = base64.b64encode(b"signed by somebody").decode()
FAMILIES = ("anthropic", "bedrock", "gemini", "openai_chat_parts")
TOOL = {"type": "tool_use", "id": "c", "name": "f", "input": {}}
RESULT = {"type": "tool_result", "tool_use_id": "c", "content": "x"}


@pytest.mark.parametrize("here", FAMILIES)
@pytest.mark.parametrize("there", FAMILIES)
def test_a_signature_comes_back_to_whom_it_is_from_and_to_nobody_else(here: str, there: str) -> None:
    shown = marked(SIGNED, here)
    base64.b64decode(shown, validate=True)
    same = here == there or {here, there} == {"anthropic", "bedrock"}
    assert own(shown, there, "openai_chat") == (SIGNED if same else "")


@pytest.mark.parametrize(
    ("protocol", "origin", "found"),
    [
        ("anthropic", "anthropic", SIGNED),
        ("bedrock", "anthropic", SIGNED),
        ("gemini", "anthropic", ""),
        ("anthropic", "gemini", ""),
        ("anthropic", "openai_chat", SIGNED),
        ("cohere", "openai_chat", SIGNED),
    ],
)
def test_one_without_a_mark_is_of_the_callers_own_protocol(protocol: str, origin: str, found: str) -> None:
    assert own(SIGNED, protocol, origin) == found
    assert own("", protocol, origin) == marked("", protocol) == ""


CLAUDES: dict[str, Any] = {
    "id": "a", "type": "message", "role": "assistant", "model": "m", "stop_reason": "end_turn",
    "content": [{"type": "thinking", "thinking": "T", "signature": SIGNED}, {"type": "text", "text": "Four."}],
    "usage": {"input_tokens": 1, "output_tokens": 2},
}  # fmt: skip


def _again(wire: str) -> dict[str, Any]:
    """What a provider is told after an answer of Claude's went to a client of OpenAI's, which sends it back."""
    message = cross_answer(json.dumps(CLAUDES).encode(), CHAT["anthropic"], CODEC, STAMP).body["choices"][0]["message"]
    asked = [{"role": "user", "content": "Two and two?"}, message, {"role": "user", "content": "And now?"}]
    return CHAT[wire].write_request(CODEC.read_request({"model": "m", "max_tokens": 9, "messages": asked})).body


def test_an_answers_thoughts_go_back_signed_to_its_maker_and_unsigned_nowhere() -> None:
    thought = _again("anthropic")["messages"][1]["content"][0]
    assert thought == {"type": "thinking", "thinking": "T", "signature": SIGNED}
    assert SIGNED in json.dumps(_again("bedrock"))
    assert SIGNED not in json.dumps(_again("gemini"))


def test_a_stream_marks_a_signature_once() -> None:
    crossing = Crossing(CHAT["anthropic"], CODEC, STAMP, include_usage=True)
    first, second = (crossing._named(Signed(0, 0, piece)) for piece in ("abcd", "efgh"))
    assert isinstance(first, Signed) and isinstance(second, Signed)
    assert own(first.signature + second.signature, "bedrock") == "abcdefgh"


def _messages(*content: Any, **more: Any) -> dict[str, Any]:
    turns = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": list(content)}]
    turns.append({"role": "user", "content": [RESULT] if TOOL in content else "And?"})
    body = {"model": "m", "max_tokens": 9, "messages": turns, **more}
    return parse(json.dumps(body).encode(), MESSAGES).same("m", None)


@pytest.mark.parametrize(
    ("block", "kept"),
    [
        ({"type": "thinking", "thinking": "T", "signature": ""}, None),
        ({"type": "thinking", "thinking": "T", "signature": marked(SIGNED, "gemini")}, None),
        ({"type": "redacted_thinking", "data": "nexus-call-signature:abc"}, None),
        ({"type": "redacted_thinking", "data": "abc"}, {"type": "redacted_thinking", "data": "abc"}),
        (
            {"type": "thinking", "thinking": "T", "signature": marked(SIGNED, "bedrock")},
            {"type": "thinking", "thinking": "T", "signature": SIGNED},
        ),
        (
            {"type": "thinking", "thinking": "T", "signature": SIGNED},
            {"type": "thinking", "thinking": "T", "signature": SIGNED},
        ),
    ],
)
def test_anthropic_is_sent_what_it_signed_also_by_callers_of_its_own_protocol(block: Any, kept: Any) -> None:
    text = {"type": "text", "text": "Four."}
    assert _messages(block, text)["messages"][1]["content"] == ([kept, text] if kept else [text])


def test_it_is_not_to_think_on_in_the_midst_of_calls_that_it_did_not_think_about() -> None:
    thinking = {"type": "enabled", "budget_tokens": 1024}
    foreign = {"type": "thinking", "thinking": "T", "signature": ""}
    assert "thinking" not in _messages(foreign, TOOL, thinking=thinking)
    assert _messages({**foreign, "signature": SIGNED}, TOOL, thinking=thinking)["thinking"] == thinking
    # whoever speaks to Anthropic alone is not corrected
    assert _messages(TOOL, thinking=thinking)["thinking"] == thinking
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    turns = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": None, "tool_calls": [call]}]
    turns.append({"role": "tool", "tool_call_id": "c", "content": "x"})
    asked = CODEC.read_request({"model": "m", "max_tokens": 9, "reasoning_effort": "low", "messages": turns})
    written = CHAT["anthropic"].write_request(asked)
    assert "thinking" not in written.body and "reasoning" in written.dropped


@pytest.mark.parametrize(
    ("part", "kept"),
    [
        ({"text": "Hi", "thoughtSignature": marked(SIGNED, "anthropic")}, {"text": "Hi"}),
        ({"text": "", "thoughtSignature": marked(SIGNED, "anthropic")}, None),
        ({"text": "Hi", "thought_signature": marked(SIGNED, "gemini")}, {"text": "Hi", "thought_signature": SIGNED}),
        ({"text": "Hi", "thoughtSignature": SIGNED}, {"text": "Hi", "thoughtSignature": SIGNED}),
        (7, 7),
    ],
)
def test_gemini_too(part: Any, kept: Any) -> None:
    last = {"text": "Four."}
    body = {"model": "m", "contents": [{"role": "model", "parts": [part, last]}, {"parts": [{"text": "And?"}]}]}
    sent = parse(json.dumps(body).encode(), GENERATE).same("m", None)
    assert sent["contents"][0]["parts"] == ([last] if kept is None else [kept, last])


@pytest.mark.parametrize("turns", [[7], [{"role": "assistant", "content": 7}], [{"role": "assistant"}], [{"parts": 7}]])
def test_what_is_no_turn_is_the_providers_to_judge(turns: Any) -> None:
    body = json.dumps({"model": "m", "max_tokens": 9, "messages": turns, "contents": turns}).encode()
    assert parse(body, MESSAGES).same("m", None)["messages"] == turns
    assert parse(body, GENERATE).same("m", None)["contents"] == turns
