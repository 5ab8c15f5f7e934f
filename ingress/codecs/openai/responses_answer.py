"""Answers of OpenAI's Responses API. Source: API reference, "The response object"."""

from __future__ import annotations

from typing import Any

from ingress.codecs.codec import Malformed
from ingress.codecs.fields import MOST_TOKENS, Fields, count, decode_json, put
from schemas.conversation.answer import Answer, Choice
from schemas.conversation.parts import Part, Refusal, Text, Thinking, ToolCall
from schemas.errors import InvalidRequest
from schemas.facts.traffic import Usage


def read_usage(told: Any) -> Usage | None:
    if not isinstance(told, dict):
        return None
    prompt = told.get("input_tokens")
    if not isinstance(prompt, int) or isinstance(prompt, bool) or not 0 <= prompt <= MOST_TOKENS:
        return None
    reading, writing = told.get("input_tokens_details"), told.get("output_tokens_details")
    cached = count(reading.get("cached_tokens")) if isinstance(reading, dict) else 0
    reasoning = count(writing.get("reasoning_tokens")) if isinstance(writing, dict) else 0
    return Usage(prompt, count(told.get("output_tokens")), cached, reasoning)


def write_usage(usage: Usage) -> dict[str, Any]:
    return {
        "input_tokens": usage.input_tokens,
        "input_tokens_details": {"cached_tokens": usage.cached_tokens},
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        "total_tokens": usage.input_tokens + usage.output_tokens,
    }


def read_finish(fields: Fields, *, called: bool) -> str:
    """How a response ended, from its status and what is missing from it."""
    details = fields.inner("incomplete_details")
    reason = "" if details is None else details.string("reason")
    if reason:
        return "content_filter" if reason == "content_filter" else "length"
    if fields.string("status") in ("failed", "cancelled"):
        return "error"
    return "tool_calls" if called else "stop"


def read_answer(raw: bytes) -> Answer:
    """A whole response.

    Raises:
        Malformed: not a response.
    """
    try:
        return read_body(decode_json(raw))
    except (ValueError, InvalidRequest):
        raise Malformed("the provider's answer is not a response") from None


def read_body(body: Any) -> Answer:
    fields = Fields(body)
    if "output" not in body:
        raise ValueError("no output")
    parts: list[Part] = []
    for item in fields.each("output"):
        parts += _item(item)
    called = any(isinstance(part, ToolCall) for part in parts)
    created = fields.number("created_at")
    return Answer(
        id=fields.string("id"),
        model=fields.string("model"),
        created_s=int(created or 0),
        choices=(Choice(tuple(parts), read_finish(fields, called=called)),),
        usage=read_usage(fields.any("usage")),
        service_tier=fields.string("service_tier"),
    )


def _item(fields: Fields) -> list[Part]:
    match fields.string("type"):
        case "message":
            parts: list[Part] = []
            for each in fields.each("content"):
                if each.string("type") == "refusal":
                    parts.append(Refusal(each.string("refusal")))
                else:
                    parts.append(Text(each.string("text")))
            return parts
        case "function_call":
            return [ToolCall(fields.string("call_id"), fields.string("name"), fields.string("arguments") or "{}")]
        case "reasoning":
            summary = "\n".join(part.string("text") for part in fields.each("summary"))
            return [Thinking(summary, encrypted=fields.string("encrypted_content"), id=fields.string("id"))]
    return []


def response_id(id: str) -> str:
    return id if id.startswith("resp_") else f"resp_{id}"


def head(id: str, model: str, created_s: int, status: str) -> dict[str, Any]:
    """The fields of a response that clients of this API expect whether or not they are asked for."""
    return {
        "id": response_id(id),
        "object": "response",
        "created_at": created_s,
        "status": status,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "model": model,
        "output": [],
        "parallel_tool_calls": True,
        "temperature": None,
        "tool_choice": "auto",
        "tools": [],
        "top_p": None,
        "store": False,
        "usage": None,
    }


def ended(finish: str) -> tuple[str, dict[str, str] | None]:
    """(status, incomplete_details) for a way to end."""
    if finish == "length":
        return "incomplete", {"reason": "max_output_tokens"}
    if finish == "content_filter":
        return "incomplete", {"reason": "content_filter"}
    return ("failed", None) if finish == "error" else ("completed", None)


def write_answer(answer: Answer) -> dict[str, Any]:
    """The first choice: this API has no others."""
    choice = answer.choices[0] if answer.choices else Choice()
    status, missing = ended(choice.finish)
    body = head(answer.id, answer.model, answer.created_s, status)
    body["incomplete_details"] = missing
    body["output"] = written_items(answer.id, choice.parts)
    body["usage"] = write_usage(answer.usage) if answer.usage is not None else None
    put(body, service_tier=answer.service_tier)
    return body


def written_items(id: str, parts: tuple[Part, ...]) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    for part in parts:
        name = f"{id}_{len(items)}"
        match part:
            case Text() | Refusal():
                content = written_content(part)
                if items and items[-1]["type"] == "message":
                    items[-1]["content"].append(content)
                else:
                    items.append(message_item(name, [content]))
            case ToolCall():
                items.append(call_item(name, part.id, part.name, part.arguments))
            case Thinking():
                items.append(reasoning_item(part.id or f"rs_{name}", part.text, part.encrypted))
    return items


def written_content(part: Text | Refusal) -> dict[str, Any]:
    if isinstance(part, Refusal):
        return {"type": "refusal", "refusal": part.text}
    return {"type": "output_text", "text": part.text, "annotations": [], "logprobs": []}


def message_item(name: str, content: list[dict[str, Any]], status: str = "completed") -> dict[str, Any]:
    return {"id": f"msg_{name}", "type": "message", "role": "assistant", "status": status, "content": content}


def call_item(name: str, call_id: str, function: str, arguments: str, status: str = "completed") -> dict[str, Any]:
    call = {"call_id": call_id, "name": function, "arguments": arguments}
    return {"id": f"fc_{name}", "type": "function_call", "status": status, **call}


def reasoning_item(id: str, text: str, encrypted: str) -> dict[str, Any]:
    item: dict[str, Any] = {"id": id, "type": "reasoning", "summary": []}
    if text:
        item["summary"] = [{"type": "summary_text", "text": text}]
    put(item, encrypted_content=encrypted)
    return item
