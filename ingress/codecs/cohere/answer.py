"""Answers and errors of Cohere's chat, version 2. Source: Cohere API reference, "Chat" (v2), "Errors"."""

from __future__ import annotations

from typing import Any

from ingress.codecs.codec import ErrorTold, Malformed
from ingress.codecs.fields import Fields, decode_json
from ingress.codecs.fields import count as tokens_in
from ingress.codecs.told_errors import clipped, decoded, member
from schemas.conversation.answer import Answer, Choice
from schemas.conversation.parts import Part, Text, Thinking, ToolCall
from schemas.errors import InvalidRequest
from schemas.facts.traffic import Usage

_FINISHES = {
    "COMPLETE": "stop", "STOP_SEQUENCE": "stop_sequence", "MAX_TOKENS": "length", "TOOL_CALL": "tool_calls",
    "ERROR": "error", "TIMEOUT": "error",
}  # fmt: skip


def read_finish(reason: str) -> str:
    return _FINISHES.get(reason, "stop") if reason else ""


def count(told: dict[str, Any], name: str) -> int:
    """A number of tokens; here they may come as floats."""
    value = told.get(name)
    return tokens_in(int(value) if isinstance(value, float) and 0 < value < 2**53 else value)


def read_usage(told: Any) -> Usage | None:
    """`usage`: what is billed, which leaves out the provider's own wrapping of the prompt; else all that was read.

    Tokens from the cache are counted among those that were read, not among those that are billed.
    """
    if not isinstance(told, dict):
        return None
    for name in ("billed_units", "tokens"):
        units = told.get(name)
        if isinstance(units, dict) and ("input_tokens" in units or "output_tokens" in units):
            prompt = count(units, "input_tokens")
            cached = min(prompt, count(told, "cached_tokens")) if name == "tokens" else 0
            return Usage(prompt, count(units, "output_tokens"), cached)
    return None


def read_answer(raw: bytes) -> Answer:
    """A whole answer. It does not name its model.

    Raises:
        Malformed: not an answer of this chat.
    """
    try:
        fields = Fields(decode_json(raw))
        message = Fields(fields.any("message"), "message")
        parts: list[Part] = []
        for each in message.each("content"):
            if each.string("type") == "thinking":
                parts.append(Thinking(each.string("thinking")))
            elif text := each.string("text"):
                parts.append(Text(text))
        if plan := message.string("tool_plan"):
            parts.append(Text(plan))
        for each in message.each("tool_calls"):
            function = each.inner("function") or Fields({}, "function")
            arguments = function.string("arguments") or "{}"
            parts.append(ToolCall(each.string("id"), function.string("name"), arguments))
        finish = read_finish(fields.string("finish_reason", needed=True))
        return Answer(
            id=fields.string("id"),
            choices=(Choice(tuple(parts), finish),),
            usage=read_usage(fields.any("usage")),
        )
    except (ValueError, InvalidRequest):
        raise Malformed("the provider's answer is not one of Cohere's chat") from None


def read_error(body: bytes) -> ErrorTold:
    """`{"message", "id"}`."""
    return ErrorTold(clipped(member(decoded(body), "message")))
