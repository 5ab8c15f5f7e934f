"""Answers and errors of Converse. Source: Amazon Bedrock API reference, "Converse" (response syntax, errors)."""

from __future__ import annotations

from typing import Any

import msgspec

from ingress.codecs.codec import ErrorTold, Malformed
from ingress.codecs.fields import Fields, count, decode_json
from ingress.codecs.told_errors import clipped, decoded, member
from schemas.conversation.answer import Answer, Choice
from schemas.conversation.parts import Part, Text, Thinking, ToolCall
from schemas.errors import InvalidRequest
from schemas.facts.traffic import Usage

_encode = msgspec.json.Encoder().encode

_FINISHES = {
    "end_turn": "stop", "tool_use": "tool_calls", "max_tokens": "length", "stop_sequence": "stop_sequence",
    "guardrail_intervened": "content_filter", "content_filtered": "content_filter",
    "malformed_model_output": "error", "malformed_tool_use": "error", "model_context_window_exceeded": "length",
}  # fmt: skip


def read_finish(reason: str) -> str:
    return _FINISHES.get(reason, "stop") if reason else ""


def read_usage(told: Any) -> Usage | None:
    """`usage`: here the input does not count what was read from or written into the cache."""
    if not isinstance(told, dict) or not isinstance(told.get("inputTokens"), int):
        return None
    read, written = count(told.get("cacheReadInputTokens")), count(told.get("cacheWriteInputTokens"))
    return Usage(
        count(told.get("inputTokens")) + read + written, count(told.get("outputTokens")), read, 0, False, written
    )


def read_answer(raw: bytes) -> Answer:
    """A whole answer. It names neither itself nor its model.

    Raises:
        Malformed: not a ConverseResponse.
    """
    try:
        fields = Fields(decode_json(raw))
        output = fields.inner("output")
        message = None if output is None else output.inner("message")
        reason = fields.string("stopReason", needed=True)
        parts = [] if message is None else [part for each in message.each("content") for part in _parts(each)]
        tier = fields.inner("serviceTier")
        return Answer(
            choices=(Choice(tuple(parts), read_finish(reason)),),
            usage=read_usage(fields.any("usage")),
            service_tier="" if tier is None else tier.string("type"),
        )
    except (ValueError, InvalidRequest):
        raise Malformed("the provider's answer is not a ConverseResponse") from None


def _parts(block: Fields) -> list[Part]:
    """A block; kinds that nobody else knows are none."""
    if "text" in block.body:
        text = block.string("text")
        return [Text(text)] if text else []
    if (use := block.inner("toolUse")) is not None:
        given = use.any("input")
        arguments = _encode({} if given is None else given).decode()
        return [ToolCall(use.string("toolUseId"), use.string("name"), arguments)]
    if (thought := block.inner("reasoningContent")) is not None:
        if sealed := thought.string("redactedContent"):
            return [Thinking(encrypted=sealed)]
        shown = thought.inner("reasoningText")
        return [] if shown is None else [Thinking(shown.string("text"), shown.string("signature"))]
    if (cited := block.inner("citationsContent")) is not None:
        return [Text(text) for each in cited.each("content") if (text := each.string("text"))]
    return []


def read_error(body: bytes) -> ErrorTold:
    """`{"message"}`, in some services `Message`; the kind is in a header, and in some bodies as `__type`."""
    told = decoded(body)
    message = member(told, "message") or member(told, "Message")
    code = member(told, "__type") or member(told, "code")
    return ErrorTold(clipped(message), code.rpartition("#")[2][:100] if isinstance(code, str) else "")
