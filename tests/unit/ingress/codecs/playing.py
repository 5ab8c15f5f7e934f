"""Providers that no codec plays: an answer in their words, whole and as a stream, written from their documents."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from ingress.codecs.openai.chat import OpenAIChat
from ops.mock.wires.bedrock import frame
from schemas.conversation.answer import Answer, Choice
from schemas.conversation.parts import Text, Thinking, ToolCall
from schemas.facts.traffic import Usage
from tests.unit.ingress.codecs.conversations import streamed

Whole = Callable[[Choice, Usage], dict[str, Any]]
Stream = Callable[[Choice, Usage, int], bytes]

_json = msgspec.json.encode
_BEDROCK = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use"}
_COHERE = {"stop": "COMPLETE", "length": "MAX_TOKENS", "tool_calls": "TOOL_CALL"}


def _pieces(text: str, size: int) -> list[str]:
    return [text[at : at + size] for at in range(0, len(text), size)]


def bedrock(choice: Choice, usage: Usage) -> dict[str, Any]:
    content: list[dict[str, Any]] = []
    for part in choice.parts:
        match part:
            case Text(text=text):
                content.append({"text": text})
            case Thinking(text=text, signature=signature):
                content.append({"reasoningContent": {"reasoningText": {"text": text, "signature": signature}}})
            case ToolCall():
                given = msgspec.json.decode(part.arguments)
                content.append({"toolUse": {"toolUseId": part.id, "name": part.name, "input": given}})
    counts = {"inputTokens": usage.input_tokens, "outputTokens": usage.output_tokens}
    return {
        "output": {"message": {"role": "assistant", "content": content}},
        "stopReason": _BEDROCK[choice.finish],
        "usage": {**counts, "totalTokens": usage.input_tokens + usage.output_tokens},
        "metrics": {"latencyMs": 1},
    }


def bedrock_stream(choice: Choice, usage: Usage, size: int) -> bytes:
    told: list[tuple[str, dict[str, Any]]] = [("messageStart", {"role": "assistant"})]
    for index, part in enumerate(choice.parts):
        at = {"contentBlockIndex": index}
        match part:
            case Text(text=text):
                told += [("contentBlockDelta", {**at, "delta": {"text": piece}}) for piece in _pieces(text, size)]
            case ToolCall():
                start = {"toolUse": {"toolUseId": part.id, "name": part.name}}
                told.append(("contentBlockStart", {**at, "start": start}))
                for piece in _pieces(part.arguments, size):
                    told.append(("contentBlockDelta", {**at, "delta": {"toolUse": {"input": piece}}}))
        told.append(("contentBlockStop", at))
    told.append(("messageStop", {"stopReason": _BEDROCK[choice.finish]}))
    told.append(("metadata", {"usage": bedrock(choice, usage)["usage"], "metrics": {"latencyMs": 1}}))
    return b"".join(bedrock_message(name, body) for name, body in told)


def bedrock_message(name: str, body: dict[str, Any], kind: str = "event") -> bytes:
    headers = {f":{kind}-type": name, ":content-type": "application/json", ":message-type": kind}
    return frame(headers, _json(body))


def cohere(choice: Choice, usage: Usage) -> dict[str, Any]:
    calls = [part for part in choice.parts if isinstance(part, ToolCall)]
    text = "".join(part.text for part in choice.parts if isinstance(part, Text))
    message: dict[str, Any] = {"role": "assistant"}
    if calls:
        message["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in calls
        ]
        message["tool_plan"] = text
    else:
        message["content"] = [{"type": "text", "text": text}]
    units = {"input_tokens": usage.input_tokens, "output_tokens": usage.output_tokens}
    return {
        "id": "c14c80c3",
        "finish_reason": _COHERE[choice.finish],
        "message": message,
        "usage": {"billed_units": units, "tokens": {"input_tokens": 9_999, "output_tokens": 9_999}},
    }


def cohere_stream(choice: Choice, usage: Usage, size: int) -> bytes:
    whole = cohere(choice, usage)
    start = {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []}
    told: list[dict[str, Any]] = [{"type": "message-start", "id": whole["id"], "delta": {"message": start}}]

    def tell(kind: str, message: dict[str, Any], index: int) -> None:
        told.append({"type": kind, "index": index, "delta": {"message": message}})

    calls = [part for part in choice.parts if isinstance(part, ToolCall)]
    for part in choice.parts:
        if isinstance(part, Text) and calls:
            for piece in _pieces(part.text, size):
                told.append({"type": "tool-plan-delta", "delta": {"message": {"tool_plan": piece}}})
        elif isinstance(part, Text):
            tell("content-start", {"content": {"type": "text", "text": ""}}, 0)
            for piece in _pieces(part.text, size):
                tell("content-delta", {"content": {"text": piece}}, 0)
            told.append({"type": "content-end", "index": 0})
    for index, call in enumerate(calls):
        function = {"name": call.name, "arguments": ""}
        tell("tool-call-start", {"tool_calls": {"id": call.id, "type": "function", "function": function}}, index)
        for piece in _pieces(call.arguments, size):
            tell("tool-call-delta", {"tool_calls": {"function": {"arguments": piece}}}, index)
        told.append({"type": "tool-call-end", "index": index})
    told.append({"type": "message-end", "delta": {"finish_reason": whole["finish_reason"], "usage": whole["usage"]}})
    return b"".join(b"event: " + each["type"].encode() + b"\ndata: " + _json(each) + b"\n\n" for each in told)


def kin(choice: Choice, usage: Usage) -> dict[str, Any]:
    """A provider whose answers have OpenAI's form."""
    return OpenAIChat().write_answer(Answer(id="id1", model="m", created_s=1, choices=(choice,), usage=usage))


def kin_stream(choice: Choice, usage: Usage, size: int) -> bytes:
    writer = OpenAIChat().writer(include_usage=True)
    return b"".join(writer.write(event) for event in streamed(choice, usage, size))


def minimax(choice: Choice, usage: Usage) -> dict[str, Any]:
    return {**kin(choice, usage), "base_resp": {"status_code": 0, "status_msg": ""}}


PLAYED: dict[str, tuple[Whole, Stream]] = {
    "bedrock": (bedrock, bedrock_stream),
    "cohere": (cohere, cohere_stream),
    "minimax": (minimax, kin_stream),
    "glm": (kin, kin_stream),
}
