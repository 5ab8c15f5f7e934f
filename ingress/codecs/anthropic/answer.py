"""Answers and errors of Anthropic's Messages API. Source: API reference, "Create a Message", "Errors"."""

from __future__ import annotations

from typing import Any

import msgspec

from ingress.codecs.anthropic.request_read import read_block
from ingress.codecs.anthropic.signed_calls import sealed
from ingress.codecs.codec import ErrorTold, Malformed
from ingress.codecs.fields import Fields, count, decode_json, decode_object, put
from ingress.codecs.told_errors import clipped, decoded, member
from schemas.conversation.answer import Answer, Choice
from schemas.conversation.parts import Part, Refusal, Text, Thinking, ToolCall
from schemas.errors import InvalidRequest, NexusError
from schemas.facts.traffic import Usage

_encode = msgspec.json.Encoder().encode

_FINISHES = {
    "end_turn": "stop", "max_tokens": "length", "model_context_window_exceeded": "length", "tool_use": "tool_calls",
    "stop_sequence": "stop_sequence", "refusal": "content_filter", "pause_turn": "pause",
}  # fmt: skip
_WRITTEN = {
    "stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use", "stop_sequence": "stop_sequence",
    "content_filter": "refusal", "pause": "pause_turn", "error": "end_turn",
}  # fmt: skip
ERROR_TYPES = {
    400: "invalid_request_error", 401: "authentication_error", 402: "billing_error", 403: "permission_error",
    404: "not_found_error", 413: "request_too_large", 429: "rate_limit_error", 500: "api_error", 503: "api_error",
    504: "timeout_error", 529: "overloaded_error",
}  # fmt: skip


def read_finish(reason: str) -> str:
    return _FINISHES.get(reason, "stop") if reason else ""


def write_finish(finish: str) -> str:
    return _WRITTEN.get(finish, "end_turn")


def read_usage(told: Any, before: Usage | None = None) -> Usage | None:
    """`usage`: here the input does not count what was read from or written into the cache.

    Args:
        before: what the beginning of a stream told; its end tells the output, and of the input only what changed.
    """
    if not isinstance(told, dict) or not ("input_tokens" in told or "output_tokens" in told):
        return before
    if isinstance(told.get("input_tokens"), int):
        read, written = count(told.get("cache_read_input_tokens")), count(told.get("cache_creation_input_tokens"))
        prompt = count(told.get("input_tokens")) + read + written
    elif before is not None:
        read, written, prompt = before.cached_tokens, before.cache_write_tokens, before.input_tokens
    else:
        return None
    return Usage(prompt, count(told.get("output_tokens")), read, 0, False, written)


def write_usage(usage: Usage) -> dict[str, Any]:
    return {
        "input_tokens": max(0, usage.input_tokens - usage.cached_tokens - usage.cache_write_tokens),
        "cache_creation_input_tokens": usage.cache_write_tokens,
        "cache_read_input_tokens": usage.cached_tokens,
        "output_tokens": usage.output_tokens,
    }


def read_answer(raw: bytes) -> Answer:
    """A whole message.

    Raises:
        Malformed: not a message.
    """
    try:
        fields = Fields(decode_json(raw))
        if fields.string("type") != "message":
            raise Malformed("the provider's answer is not a message")
        parts: list[Part] = []
        for block in fields.each("content"):
            if block.string("type") in ("text", "tool_use", "thinking", "redacted_thinking"):
                parts.append(read_block(block))
        finish = read_finish(fields.string("stop_reason")) or "stop"
        choice = Choice(tuple(parts), finish, stop_sequence=fields.string("stop_sequence"))
        return Answer(
            id=fields.string("id"),
            model=fields.string("model"),
            choices=(choice,),
            usage=read_usage(fields.any("usage")),
        )
    except (ValueError, InvalidRequest):
        raise Malformed("the provider's answer is not a message") from None


def write_answer(answer: Answer) -> dict[str, Any]:
    """The first choice: this API has no others."""
    choice = answer.choices[0] if answer.choices else Choice()
    return {
        "id": message_id(answer.id),
        "type": "message",
        "role": "assistant",
        "model": answer.model,
        "content": [block for part in choice.parts for block in written_blocks(part)],
        "stop_reason": write_finish(choice.finish),
        "stop_sequence": choice.stop_sequence or None,
        "usage": write_usage(answer.usage or Usage()),
    }


def message_id(id: str) -> str:
    return id if id.startswith("msg_") else f"msg_{id}"


def written_blocks(part: Part) -> list[dict[str, Any]]:
    """None, one, or two for a call that is signed."""
    block = written_block(part)
    if block is None:
        return []
    return [sealed(part.signature), block] if isinstance(part, ToolCall) and part.signature else [block]


def written_block(part: Part) -> dict[str, Any] | None:
    match part:
        case Text(text=text) | Refusal(text=text):
            return {"type": "text", "text": text}
        case ToolCall():
            return {"type": "tool_use", "id": part.id, "name": part.name, "input": arguments_of(part.arguments)}
        case Thinking(encrypted=encrypted) if encrypted:
            return {"type": "redacted_thinking", "data": encrypted}
        case Thinking():
            return {"type": "thinking", "thinking": part.text, "signature": part.signature}
    return None


def arguments_of(text: str) -> dict[str, Any]:
    """What a model wrote as arguments, as an object; under `_raw` when it is none, so that nothing is lost."""
    value = decode_object(text)
    return {"_raw": text} if value is None else value


def write_error(error: NexusError) -> bytes:
    """`{"type": "error", "error": {"type", "message"}}`, with what Nexus adds beside it."""
    told: dict[str, Any] = {"type": ERROR_TYPES.get(error.status, "api_error"), "message": error.message}
    put(told, code=error.error_code, param=error.param)
    return _encode({"type": "error", "error": told})


def read_error(body: bytes) -> ErrorTold:
    error = member(decoded(body), "error")
    return ErrorTold(clipped(member(error, "message")), clipped(member(error, "type"), 100))
