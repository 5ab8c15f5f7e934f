"""Answers and errors of generateContent. Source: Gemini API reference, "GenerateContentResponse", "Status"."""

from __future__ import annotations

from typing import Any

import msgspec

from ingress.codecs.codec import ErrorTold, Malformed
from ingress.codecs.fields import Fields, count, decode_json, decode_object, put
from ingress.codecs.gemini.request_read import Calls, read_parts
from ingress.codecs.told_errors import clipped, decoded, member
from schemas.conversation.answer import Answer, Choice
from schemas.conversation.parts import Part, Refusal, Text, Thinking, ToolCall
from schemas.errors import InvalidRequest, NexusError
from schemas.facts.traffic import Usage

_encode = msgspec.json.Encoder().encode

_FINISHES = {
    "STOP": "stop", "MAX_TOKENS": "length", "SAFETY": "content_filter", "RECITATION": "content_filter",
    "BLOCKLIST": "content_filter", "PROHIBITED_CONTENT": "content_filter", "SPII": "content_filter",
    "IMAGE_SAFETY": "content_filter", "LANGUAGE": "content_filter", "MALFORMED_FUNCTION_CALL": "error",
    "UNEXPECTED_TOOL_CALL": "error", "OTHER": "error",
}  # fmt: skip
_WRITTEN = {"length": "MAX_TOKENS", "content_filter": "SAFETY", "error": "OTHER"}
STATUSES = {
    400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND", 409: "ABORTED",
    429: "RESOURCE_EXHAUSTED", 499: "CANCELLED", 500: "INTERNAL", 501: "UNIMPLEMENTED", 503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}  # fmt: skip


def read_finish(reason: str, *, called: bool) -> str:
    """Here an answer with calls of functions ends as every other."""
    finish = _FINISHES.get(reason, "stop") if reason else ""
    return "tool_calls" if finish == "stop" and called else finish


def write_finish(finish: str) -> str:
    return _WRITTEN.get(finish, "STOP")


def _of_kind(told: dict[str, Any], name: str, modality: str) -> int:
    details = told.get(name)
    return sum(
        count(each.get("tokenCount"))
        for each in (details if isinstance(details, list) else ())
        if isinstance(each, dict) and each.get("modality") == modality
    )


def read_usage(told: Any) -> Usage | None:
    """`usageMetadata`: what was thought is counted beside what was said here, and inside it everywhere else."""
    if not isinstance(told, dict) or not isinstance(told.get("promptTokenCount"), int):
        return None
    thoughts = count(told.get("thoughtsTokenCount"))
    return Usage(
        count(told.get("promptTokenCount")) + count(told.get("toolUsePromptTokenCount")),
        count(told.get("candidatesTokenCount")) + thoughts,
        count(told.get("cachedContentTokenCount")),
        thoughts,
        False,
        0,
        _of_kind(told, "promptTokensDetails", "AUDIO"),
        _of_kind(told, "candidatesTokensDetails", "AUDIO"),
        _of_kind(told, "promptTokensDetails", "IMAGE"),
    )


def write_usage(usage: Usage) -> dict[str, Any]:
    written = {
        "promptTokenCount": usage.input_tokens,
        "candidatesTokenCount": max(0, usage.output_tokens - usage.reasoning_tokens),
        "totalTokenCount": usage.input_tokens + usage.output_tokens,
    }
    put(
        written,
        cachedContentTokenCount=usage.cached_tokens or None,
        thoughtsTokenCount=usage.reasoning_tokens or None,
    )
    return written


def read_answer(raw: bytes) -> Answer:
    """A whole answer; a prompt that the provider's own filter refused is an answer that ended by it.

    Raises:
        Malformed: not a GenerateContentResponse.
    """
    try:
        return read_body(decode_json(raw), Calls())
    except (ValueError, InvalidRequest):
        raise Malformed("the provider's answer is not a GenerateContentResponse") from None


def read_body(body: Any, calls: Calls) -> Answer:
    """The same of a decoded one. Raises ValueError or InvalidRequest for what is none."""
    fields = Fields(body)
    if not ("candidates" in body or "promptFeedback" in body):
        raise ValueError("neither candidates nor promptFeedback")
    id = fields.string("responseId")
    calls.prefix = f"{id}_" if id else ""
    choices = [_choice(each, at, calls) for at, each in enumerate(fields.each("candidates"))]
    feedback = fields.inner("promptFeedback")
    if not choices and feedback is not None and feedback.string("blockReason"):
        choices = [Choice((), "content_filter")]
    return Answer(
        id=id,
        model=fields.string("modelVersion"),
        choices=tuple(choices),
        usage=read_usage(fields.any("usageMetadata")),
    )


def _choice(fields: Fields, at: int, calls: Calls) -> Choice:
    content = fields.inner("content")
    parts = [] if content is None else read_parts(content, calls)
    called = any(isinstance(part, ToolCall) for part in parts)
    index = fields.integer("index")
    finish = read_finish(fields.string("finishReason"), called=called) or ("tool_calls" if called else "stop")
    return Choice(tuple(parts), finish, at if index is None else index)


def write_answer(answer: Answer) -> dict[str, Any]:
    body: dict[str, Any] = {"candidates": [_candidate(choice) for choice in answer.choices]}
    if answer.usage is not None:
        body["usageMetadata"] = write_usage(answer.usage)
    put(body, modelVersion=answer.model, responseId=answer.id)
    return body


def _candidate(choice: Choice) -> dict[str, Any]:
    parts = [written for part in choice.parts if (written := written_part(part)) is not None]
    return {
        "content": {"role": "model", "parts": parts},
        "finishReason": write_finish(choice.finish),
        "index": choice.index,
    }


def written_part(part: Part) -> dict[str, Any] | None:
    match part:
        case Text(text=text) | Refusal(text=text):
            return {"text": text}
        case ToolCall():
            return written_call(part)
        case Thinking(text=text, signature=signature) if text:
            written: dict[str, Any] = {"text": text, "thought": True}
            put(written, thoughtSignature=signature)
            return written
        case Thinking(signature=signature) if signature:
            return {"text": "", "thoughtSignature": signature}
    return None


def written_call(call: ToolCall) -> dict[str, Any]:
    arguments = decode_object(call.arguments)
    if arguments is None:
        # what is no object has no place here; nothing of it is lost
        arguments = {"_raw": call.arguments}
    function: dict[str, Any] = {"name": call.name, "args": arguments}
    put(function, id=call.id)
    written: dict[str, Any] = {"functionCall": function}
    put(written, thoughtSignature=call.signature)
    return written


def write_error(error: NexusError) -> bytes:
    """`{"error": {"code", "message", "status", "details"}}`, the details naming what Nexus calls it (ErrorInfo)."""
    info = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": error.error_code.upper(), "domain": "nexus"}
    return _encode(
        {
            "error": {
                "code": error.status,
                "message": error.message,
                "status": STATUSES.get(error.status, "UNKNOWN"),
                "details": [info],
            }
        }
    )


def read_error(body: bytes) -> ErrorTold:
    told = decoded(body)
    error = member(told[0] if isinstance(told, list) and told else told, "error")
    return ErrorTold(clipped(member(error, "message")), clipped(member(error, "status")).lower()[:100])
