"""Answers of OpenAI's chat completions. Source: API reference, "The chat completion object"."""

from __future__ import annotations

from typing import Any

import msgspec

from ingress.codecs.codec import ErrorTold, Malformed
from ingress.codecs.fields import MOST_TOKENS, Fields, count, decode_json, put
from ingress.codecs.openai.chat_request_read import read_thinking, read_tool_calls
from ingress.codecs.openai.chat_request_write import written_call
from ingress.codecs.openai.parts import content_of, text_of
from ingress.codecs.told_errors import clipped, decoded, member
from schemas.conversation.answer import Answer, Choice
from schemas.conversation.parts import Audio, Part, Refusal, Text, Thinking, ToolCall
from schemas.errors import InvalidRequest, NexusError
from schemas.facts.traffic import Usage

_encode = msgspec.json.Encoder().encode

_FINISHES = {
    "stop": "stop", "length": "length", "tool_calls": "tool_calls", "function_call": "tool_calls",
    "content_filter": "content_filter", "insufficient_system_resource": "error", "error": "error", "eos": "stop",
    "model_length": "length", "sensitive": "content_filter", "network_error": "error",
    "model_context_window_exceeded": "length",
}  # fmt: skip
_WRITTEN_FINISHES = {"stop_sequence": "stop", "pause": "stop", "error": "stop"}


_CACHED = ("prompt_cache_hit_tokens", "cached_tokens")
"""DeepSeek's name for what was read from a cache, and Moonshot's."""


def with_thoughts(prompt: int, written: int, total: int, thought: int, beside: int) -> tuple[int, int]:
    """Tokens that were written, thoughts among them; and those of the thoughts.

    Some count thoughts with what was written, as OpenAI does; xAI counts them only in the total, and Perplexity nowhere
    but in a field of its own. Everybody charges for them. Source: the usage that each documents; xAI, "Reasoning".

    Args:
        written: as the provider says, `completion_tokens`.
        thought: among its details.
        beside: beside it, `reasoning_tokens`.
    """
    if beside > 0 and not thought:
        return written + beside, beside
    if thought > 0 and total == prompt + written + thought:
        return written + thought, thought
    return written, thought


def read_finish(reason: str) -> str:
    return _FINISHES.get(reason, "stop") if reason else ""


def write_finish(finish: str) -> str:
    return _WRITTEN_FINISHES.get(finish, finish)


def read_usage(told: Any) -> Usage | None:
    """`usage`, with the details under the names that providers of this format use; None when it tells no prompt."""
    if not isinstance(told, dict):
        return None
    prompt = told.get("prompt_tokens")
    if not isinstance(prompt, int) or isinstance(prompt, bool) or not 0 <= prompt <= MOST_TOKENS:
        return None
    reading, writing = told.get("prompt_tokens_details"), told.get("completion_tokens_details")
    reading = reading if isinstance(reading, dict) else {}
    writing = writing if isinstance(writing, dict) else {}
    written, thought = with_thoughts(
        prompt,
        count(told.get("completion_tokens")),
        count(told.get("total_tokens")),
        count(writing.get("reasoning_tokens")),
        count(told.get("reasoning_tokens")),
    )
    cached = next((count(told.get(name)) for name in _CACHED if told.get(name)), 0)
    return Usage(
        prompt,
        written,
        count(reading.get("cached_tokens")) or cached,
        thought,
        False,
        count(reading.get("cache_write_tokens")),
        count(reading.get("audio_tokens")),
        count(writing.get("audio_tokens")),
        count(reading.get("image_tokens")),
    )


def write_usage(usage: Usage) -> dict[str, Any]:
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens, "audio_tokens": usage.audio_input_tokens},
        "completion_tokens_details": {
            "reasoning_tokens": usage.reasoning_tokens,
            "audio_tokens": usage.audio_output_tokens,
        },
    }


def read_answer(raw: bytes) -> Answer:
    """A whole answer.

    Raises:
        Malformed: not a chat completion.
    """
    try:
        body = decode_json(raw)
        fields = Fields(body)
        choices = tuple(_choice(each, at) for at, each in enumerate(fields.each("choices")))
        if "choices" not in body:
            raise Malformed("the provider's answer is not a chat completion")
        return Answer(
            id=fields.string("id"),
            model=fields.string("model"),
            created_s=fields.integer("created") or 0,
            choices=choices,
            usage=read_usage(fields.any("usage")),
            service_tier=fields.string("service_tier"),
            fingerprint=fields.string("system_fingerprint"),
        )
    except (ValueError, InvalidRequest):
        raise Malformed("the provider's answer is not a chat completion") from None


def _choice(fields: Fields, at: int) -> Choice:
    message = Fields(fields.any("message"), "message")
    parts: list[Part] = read_thinking(message)
    content = message.any("content")
    if isinstance(content, str) and content:
        parts.append(Text(content))
    elif isinstance(content, list):
        # some providers of this format answer in pieces, thoughts among them
        parts += [part for each in message.each("content") for part in _piece(each)]
    if refusal := message.string("refusal"):
        parts.append(Refusal(refusal))
    audio = message.inner("audio")
    if audio is not None:
        parts.append(Audio(audio.string("data"), id=audio.string("id")))
    parts += read_tool_calls(message)
    index = fields.integer("index")
    finish = read_finish(fields.string("finish_reason")) or "stop"
    return Choice(tuple(parts), finish, at if index is None else index, logprobs=fields.any("logprobs"))


def _piece(fields: Fields) -> list[Part]:
    match fields.string("type"):
        case "text":
            text = fields.string("text")
            return [Text(text)] if text else []
        case "thinking":
            return [Thinking(text_of(fields.body), fields.string("signature"))]
    return []


def write_answer(answer: Answer, *, parts: bool = False) -> dict[str, Any]:
    """The body for a caller. `parts`: whether thoughts go among the parts of the content."""
    body: dict[str, Any] = {
        "id": answer.id,
        "object": "chat.completion",
        "created": answer.created_s,
        "model": answer.model,
        "choices": [_written_choice(choice, parts=parts) for choice in answer.choices],
    }
    if answer.usage is not None:
        body["usage"] = write_usage(answer.usage)
    put(body, service_tier=answer.service_tier, system_fingerprint=answer.fingerprint)
    return body


def _written_choice(choice: Choice, *, parts: bool) -> dict[str, Any]:
    texts: list[str] = []
    refusals: list[str] = []
    calls: list[dict[str, Any]] = []
    thoughts: list[Thinking] = []
    message: dict[str, Any] = {"role": "assistant", "content": None, "refusal": None}
    for part in choice.parts:
        match part:
            case Text(text=text):
                texts.append(text)
            case Refusal(text=text):
                refusals.append(text)
            case ToolCall():
                calls.append(written_call(part))
            case Thinking():
                thoughts.append(part)
            case Audio():
                message["audio"] = {"id": part.id, "data": part.data}
    if texts:
        message["content"] = "".join(texts)
    if refusals:
        message["refusal"] = "".join(refusals)
    put(message, tool_calls=calls)
    if parts:
        message["content"] = content_of(thoughts, message["content"])
    else:
        put(
            message,
            reasoning_content="".join(thought.text for thought in thoughts),
            reasoning_details=[_detail(thought) for thought in thoughts],
        )
    return {
        "index": choice.index,
        "message": message,
        "logprobs": choice.logprobs,
        "finish_reason": write_finish(choice.finish),
    }


def _detail(thought: Thinking) -> dict[str, Any]:
    if thought.encrypted:
        detail: dict[str, Any] = {"type": "reasoning.encrypted", "data": thought.encrypted}
    else:
        detail = {"type": "reasoning.text", "text": thought.text}
        put(detail, signature=thought.signature)
    put(detail, id=thought.id)
    return detail


def write_error(error: NexusError) -> bytes:
    """`{"error": {"message", "type", "code", "param"}}`."""
    return _encode(
        {
            "error": {
                "message": error.message,
                "type": error.type,
                "code": error.error_code,
                "param": error.param,
            }
        }
    )


def _detail_of(detail: Any) -> Any:
    """`[{"loc", "msg", "type"}]`, as servers say it that check requests by pydantic; or a text."""
    first = detail[0] if isinstance(detail, list) and detail else detail
    if not isinstance(first, dict):
        return first
    where = first.get("loc")
    steps = [str(step) for step in where if step != "body"] if isinstance(where, list) else []
    return {"message": first.get("msg"), "code": first.get("type"), "param": ".".join(steps) or None}


def read_error(body: bytes) -> ErrorTold:
    told = decoded(body)
    # Mistral and vLLM tell it without a shell; Mistral, and Perplexity, in `detail` where a field is wrong
    error = member(told, "error") or (told if member(told, "message") else _detail_of(member(told, "detail")))
    if isinstance(error, str):
        return ErrorTold(clipped(error))
    code, param = member(error, "code"), member(error, "param")
    return ErrorTold(
        clipped(member(error, "message")),
        str(code)[:100] if isinstance(code, (str, int)) else "",
        clipped(param, 200) if isinstance(param, str) else None,
    )
