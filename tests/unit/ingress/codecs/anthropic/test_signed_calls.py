"""A signature under a call of Gemini's model, through a caller of Messages and back."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from ingress.codecs.anthropic.answer import write_answer
from ingress.codecs.anthropic.request_read import read_request as read
from ingress.codecs.anthropic.stream import MessageWriter
from ingress.codecs.registry import CHAT
from schemas.conversation.answer import Answer, Begun, Choice, Delta, Ended, Finished, PartBegun, PartEnded
from schemas.conversation.parts import Text, ToolCall

SIGNED = ToolCall("call_1", "weather", '{"city":"Oslo"}', "c2lnbmF0dXJl")
SECOND = ToolCall("call_2", "weather", '{"city":"Rome"}')


def asked_again(content: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The parts of the model's turn as Gemini is told them in the next request."""
    results = [
        {"type": "tool_result", "tool_use_id": block["id"], "content": "cold"}
        for block in content
        if block["type"] == "tool_use"
    ]
    turns = [
        {"role": "user", "content": "Weather?"},
        {"role": "assistant", "content": content},
        {"role": "user", "content": results},
    ]
    written = CHAT["gemini"].write_request(read({"model": "m", "max_tokens": 9, "messages": turns}))
    assert "thinking" not in written.dropped
    parts: list[dict[str, Any]] = written.body["contents"][1]["parts"]
    return parts


def test_the_signature_comes_back_under_its_call() -> None:
    answer = Answer(id="1", model="m", created_s=1, choices=(Choice((Text("So."), SIGNED, SECOND), "tool_calls"),))
    content = write_answer(answer)["content"]
    assert [block["type"] for block in content] == ["text", "redacted_thinking", "tool_use", "tool_use"]
    text, first, second = asked_again(content)
    assert text == {"text": "So."}
    assert (first["functionCall"]["args"], first["thoughtSignature"]) == ({"city": "Oslo"}, "c2lnbmF0dXJl")
    assert second["functionCall"]["args"] == {"city": "Rome"} and "thoughtSignature" not in second


def test_a_stream_tells_it_before_the_call_and_its_blocks_are_numbered_without_a_gap() -> None:
    writer = MessageWriter()
    call = PartBegun(0, 1, "tool_call", "call_1", "weather", "c2lnbmF0dXJl")
    events = [
        Begun("1", "m", 1), PartBegun(0, 0, "text"), Delta(0, 0, "So."), PartEnded(0, 0),
        call, Delta(0, 1, '{"city":"Oslo"}'), PartEnded(0, 1), Finished(0, "tool_calls"), Ended(),
    ]  # fmt: skip
    out = b"".join(writer.write(event) for event in events).decode()
    told = [json.loads(line[6:]) for line in out.split("\n") if line.startswith("data: ")]
    begun = [(one["index"], one["content_block"]["type"]) for one in told if one["type"] == "content_block_start"]
    assert begun == [(0, "text"), (1, "redacted_thinking"), (2, "tool_use")]
    assert [one["index"] for one in told if one["type"] == "content_block_stop"] == [0, 1, 2]
    blocks = [one["content_block"] for one in told if one["type"] == "content_block_start"]
    (first,) = asked_again([blocks[1], {**blocks[2], "input": {"city": "Oslo"}}])
    assert first["thoughtSignature"] == "c2lnbmF0dXJl"


def test_a_signature_without_its_call_is_none_and_other_sealed_thoughts_stay_what_they_are() -> None:
    mark = write_answer(Answer(id="1", model="m", created_s=1, choices=(Choice((SIGNED,), "tool_calls"),)))["content"][
        0
    ]
    other = {"type": "redacted_thinking", "data": "EmwKAh"}
    turn = [other, mark, {"type": "text", "text": "So."}]
    turns = [{"role": "user", "content": "x"}, {"role": "assistant", "content": turn}]
    conversation = read({"model": "m", "max_tokens": 9, "messages": turns})
    assert [type(part).__name__ for part in conversation.messages[1].parts] == ["Thinking", "Text"]
    assert msgspec.json.encode(mark["data"]).find(b"c2lnbmF0dXJl") > 0
